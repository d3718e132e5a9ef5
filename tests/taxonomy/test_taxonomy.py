import numpy as np
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import RANKS, Taxonomy

#   0 Corvidae
#   ├── 1 Corvus
#   │   ├── 2 Corvus corax
#   │   └── 3 Corvus corone
#   ├── 4 Pica                 (a label that stops at genus)
#   └── 5 Perisoreus canadensis  (its genus is unknown)
#   6 Felidae
#   └── 7 Felis
#       └── 8 Felis catus
THREE = ("family", "genus", "species")
ROWS = [
    ("Felidae", "Felis", "Felis catus"),
    ("Corvidae", "Corvus", "Corvus corone"),
    ("Corvidae", "", "Perisoreus canadensis"),
    ("Corvidae", "Corvus", "Corvus corax"),
    ("Corvidae", "Pica", None),
]
BIRDS = Taxonomy.from_lineages(ROWS, ranks=THREE)


def test_golden_taxonomy():
    assert BIRDS.parent.tolist() == [-1, 0, 1, 1, 0, 0, -1, 6, 7]
    assert BIRDS.names.tolist()[4:6] == ["Pica", "Perisoreus canadensis"]
    assert BIRDS.rank.tolist() == [0, 1, 2, 2, 1, 2, 0, 1, 2]
    assert BIRDS.ancestor.tolist()[3:6] == [[0, 1, 3], [0, 4, -1], [0, -1, 5]]
    assert BIRDS.at("genus").tolist() == [-1, 1, 1, 1, 4, -1, -1, 7, 7]
    assert BIRDS.lineage(5) == ("Corvidae", "", "Perisoreus canadensis")
    assert BIRDS.path(5) == "Corvidae > Perisoreus canadensis"
    assert BIRDS.ids(ROWS).tolist() == [8, 3, 5, 2, 4]
    assert BIRDS.lca(2, [3, 4, 5, 8]).tolist() == [1, 0, 0, -1]
    assert repr(BIRDS) == "Taxonomy(9 taxa: 2 family, 3 genus, 4 species)"
    assert BIRDS.n_ranks == 3


def test_arrays_are_read_only():
    for array in (BIRDS.rank, BIRDS.ancestor):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError, match="a Taxonomy is immutable"):
        BIRDS.ranks = ()


def test_ranks_belong_to_the_identity():
    again = Taxonomy(BIRDS.parent, BIRDS.names, BIRDS.rank, THREE)
    assert again == BIRDS
    assert Taxonomy(BIRDS.parent, BIRDS.names, BIRDS.rank, ("order", "genus", "species")) != BIRDS
    assert Taxonomy(BIRDS.parent, BIRDS.names, BIRDS.rank, (*THREE, "subspecies")) != BIRDS
    assert Taxonomy([-1], ["A"], [0], THREE) != Taxonomy([-1], ["A"], [1], THREE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([-1, 0], ["A", "b"], [0], THREE), r"rank must be \(n,\)"),
        (([-1, 0], ["A", "b"], [0, 3], THREE), r"rank must lie in 0 \.\. 2; got 0 \.\. 3"),
        (([-1, 0], ["A", "b"], [1, 1], THREE), "b is a genus, its parent A a genus"),
        (([-1, 0], ["A", ""], [0, 1], THREE), "taxon 1 has none"),
        (([-1], ["A"], [0], ()), "ranks must be one or more different names"),
        (([-1], ["A"], [0], ("genus", "genus")), "ranks must be one or more different names"),
        (([-1], ["A"], [0], "genus"), "ranks must be one or more different names"),
    ],
)
def test_what_is_not_a_taxonomy_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Taxonomy(*arguments)


def test_one_name_on_two_paths_is_two_taxa():
    taxonomy = Taxonomy.from_lineages(
        [("Chordata", "Aves", "vulgaris"), ("Tracheophyta", "Rosopsida", "vulgaris")],
        ranks=("phylum", "class", "species"),
    )
    assert (taxonomy.names == "vulgaris").sum() == 2
    with pytest.raises(
        TaxoevalError,
        match="1 name cannot be used: 'vulgaris' is borne by 2 taxa, give its lineage instead "
        r"\(Chordata > Aves > vulgaris; Tracheophyta > Rosopsida > vulgaris\)",
    ):
        taxonomy.ids(["vulgaris"])
    assert taxonomy.ids([("Tracheophyta", "Rosopsida", "vulgaris")]).tolist() == [5]


def test_a_hole_joins_nothing():
    holed = Taxonomy.from_lineages([("", "Pica"), ("", "Corvus"), ("Corvidae", "Pica")], ranks=("family", "genus"))
    pica, corvus = holed.ids([("", "Pica"), (None, "Corvus")])
    assert holed.lca(pica, corvus) == -1
    assert holed.lca(pica, holed.ids([("Corvidae", "Pica")])) == -1


def test_names_are_stripped_and_unknown_ones_explained():
    assert BIRDS.ids([" Corvus corax ", "Pica"]).tolist() == [2, 4]
    assert BIRDS.ids([]).tolist() == []
    with pytest.raises(
        TaxoevalError, match=r"2 names .*'Corvus corx' is not in the taxonomy \(nearest: 'Corvus corax'\)"
    ):
        BIRDS.ids(["Corvus corx", "Pica", "zzz", "Corvus corx"])
    with pytest.raises(TaxoevalError, match=r"9 names cannot .*; and 4 more$"):
        BIRDS.ids([f"unknown {i}" for i in range(9)])


def test_unknown_lineages_are_explained():
    with pytest.raises(TaxoevalError, match="row 2: Felidae > Pica: no taxon has this path"):
        BIRDS.ids([ROWS[0], ("Felidae", "Pica", "")])
    with pytest.raises(
        TaxoevalError, match=r"row 1: Felidae > Feliz: 'Feliz' is not in the taxonomy \(nearest: 'Felis'\)"
    ):
        BIRDS.ids([("Felidae", "Feliz", "")])
    with pytest.raises(TaxoevalError, match="row 1: no name at any rank"):
        BIRDS.ids([("", None, "NA")])
    with pytest.raises(TaxoevalError, match="row 1 has 2 names for 3 ranks"):
        BIRDS.ids([("Felidae", "Felis")])


def test_an_unknown_rank_is_named():
    with pytest.raises(ValueError, match="no rank 'tribe'; the taxonomy has family, genus, species"):
        BIRDS.at("tribe")


def test_restriction_keeps_ranks_and_ids_can_be_mapped():
    smaller, id_map = BIRDS.restrict(BIRDS.ids(["Felis catus", "Pica"]))
    assert smaller.names.tolist() == ["Corvidae", "Pica", "Felidae", "Felis", "Felis catus"]
    assert id_map.tolist() == [0, -1, -1, -1, 1, -1, 2, 3, 4]
    assert smaller.ranks == THREE
    clade, _ = BIRDS.subtree(1)
    assert clade.lineage(1) == ("", "Corvus", "Corvus corax")


def test_inat21(shared_data):
    taxonomy = Taxonomy.from_table(shared_data / "taxonomies" / "inat21_7rank.csv")
    assert taxonomy.n == 16_343
    assert np.bincount(taxonomy.depth).tolist() == [3, 13, 51, 273, 1103, 4900, 10_000]
    assert np.array_equal(taxonomy.rank, taxonomy.depth)
    assert np.sum(np.bincount(taxonomy.parent[taxonomy.parent >= 0]) == 1) == 3899
    assert taxonomy.ranks == RANKS
    species = taxonomy.leaves
    assert taxonomy.ids([taxonomy.lineage(i) for i in species[:500]]).tolist() == species[:500].tolist()
    chordata = int(taxonomy.ids(["Chordata"])[0])
    assert np.array_equal(
        np.flatnonzero(taxonomy.at("phylum") == chordata), chordata + np.arange(taxonomy.size[chordata])
    )
