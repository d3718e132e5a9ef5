import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy

THREE = ("family", "genus", "species")
ROWS = [
    # id, parent, name, rank: as in the NCBI dump, where the root is its own parent
    ("9606", "9605", "Homo sapiens", "species"),
    ("1", "1", "root", "no rank"),
    ("9605", "207598", "Homo", "Genus"),
    ("207598", "9604", "Homininae", "subfamily"),
    ("9604", "1", "Hominidae", "family"),
    ("63221", "9606", "Homo sapiens neanderthalensis", "subspecies"),
    ("9596", "9604", "Pan", "genus"),
]


def read(rows, ranks=THREE):
    return Taxonomy.from_parents(*zip(*rows, strict=True), ranks=ranks)


def test_unranked_rows_become_their_nearest_ranked_ancestor():
    listed = read(ROWS)
    assert listed.taxonomy.names.tolist() == ["Hominidae", "Homo", "Homo sapiens", "Pan"]
    assert listed.taxon.tolist() == [2, -1, 1, 0, 0, 2, 3]
    assert listed.n_collapsed == 3


def test_a_missing_rank_is_a_hole():
    listed = read([("f", None, "F", "family"), ("s", "f", "S", "species")])
    assert listed.taxonomy.lineage(1) == ("F", "", "S")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "b", "A", "family"), ("b", "a", "B", "genus")], "parents go in a circle: a -> b -> a"),
        ([("a", None, "A", "tribe")], r"no row has one of the ranks family, genus, species; got \['tribe'\]"),
        (
            [("g", None, "G", "genus"), ("x", "g", "X", "clade"), ("f", "x", "F", "family")],
            r"the family F \(f\) is under the genus G \(g\), but its rank must be finer",
        ),
        ([("g", None, "G", "genus"), ("s", "g", " ", "species")], "the species s has no name"),
        (
            [
                ("g", None, "G", "genus"),
                ("x", "g", "X", "clade"),
                ("s", "x", "S", "species"),
                ("t", "g", "S", "species"),
            ],
            "s and t are both the species S under the same ancestors",
        ),
    ],
)
def test_what_is_no_taxonomy_is_explained(rows, message):
    with pytest.raises(TaxoevalError, match=message):
        read(rows)


def test_columns_must_agree():
    with pytest.raises(ValueError, match="got 2, 1 and 2"):
        Taxonomy.from_parents([1, 2], [None, 1], ["a"], ["genus", "species"])
