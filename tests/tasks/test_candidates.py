"""Candidate sets: which taxa of two classifications are the same, what is covered, and what is said of it."""

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.candidates import choose
from taxoeval.taxonomy import read_table

RANKS = ("kingdom", "family", "genus", "species")
OURS = [
    ("Animalia", "Corvidae", "Corvus", "Corvus corax"),
    ("Animalia", "Corvidae", "Pica", "Pica pica"),
    ("Animalia", "Corvidae", "Corvus", ""),
    ("Plantae", "Moraceae", "Ficus", "Ficus carica"),
]


@pytest.fixture
def subject():
    taxonomy = Taxonomy.from_lineages(OURS, ranks=RANKS)
    taxon = taxonomy.ids(OURS)
    common = ["magpie" if name == "Pica pica" else "" for name in taxonomy.names]
    images = Embeddings(np.zeros((4, 2), dtype=np.float32), taxon, np.array(list("abcd")), "test")
    return Subject(images, taxonomy, common, np.array(["", "", "", ""]))


def table(tmp_path, text):
    path = tmp_path / "taxa.csv"
    path.write_text(text)
    return str(path)


def paths(found):
    return [found.placed.taxonomy.path(int(i)) for i in found.ids]


def test_labels_by_default(subject):
    found = choose(subject)
    assert found.placed.taxonomy is subject.taxonomy
    np.testing.assert_array_equal(found.ids, np.unique(subject.embeddings.taxon))
    assert found.covered.all()
    assert (found.notes, found.tables) == ((), {})
    assert found.details["n_candidates_not_in_dataset"] == 0


def test_another_classification_is_brought_home(subject, tmp_path):
    """Metazoa is not Animalia, but the family is shared: its genera and what is new in them stand where ours do."""
    file = table(
        tmp_path,
        "kingdom,family,genus,species,common_name\nMetazoa,Corvidae,Corvus,corax,raven\n"
        "Metazoa,Corvidae,Corvus,albus,pied crow\nMetazoa,Corvidae,Pica,pica,black-billed magpie\n",
    )
    found = choose(subject, file)
    assert paths(found) == [
        "Metazoa > Corvidae > Corvus > Corvus albus".replace("Metazoa", "Animalia"),
        "Animalia > Corvidae > Corvus > Corvus corax",
        "Animalia > Corvidae > Pica > Pica pica",
    ]
    names = dict(zip(paths(found), (found.common_name[i] for i in found.ids), strict=True))
    assert list(names.values()) == ["pied crow", "raven", "magpie"]
    assert found.covered.tolist() == [True, True, True, False]
    assert "3 lineages of taxa.csv stand elsewhere" in found.notes[1]


def test_homonyms_of_other_kingdoms_are_not_joined(subject, tmp_path):
    """A gastropod Ficus shares no ancestor with the fig."""
    file = table(tmp_path, "kingdom,family,genus,species\nAnimalia,Ficidae,Ficus,variegata\n")
    found = choose(subject, file)
    assert paths(found) == ["Animalia > Ficidae > Ficus > Ficus variegata"]
    assert not found.covered.any()
    assert found.details["coverage"]["kingdom"] == 0.75
    assert found.details["coverage"]["genus"] == 0.0


def test_a_name_that_two_taxa_could_be_is_neither(subject, tmp_path):
    file = table(tmp_path, "kingdom,family,genus\nMetazoa,,Corvus\nAnimalia,Corvinae,Corvus\n,Other,Corvus\n,,Corvus\n")
    found = choose(subject, file)
    assert any("1 names of taxa.csv could be the dataset's" in note for note in found.notes)
    assert not found.covered[:1].any()


def test_missing_rank_columns_are_holes_below_what_is_known(subject, tmp_path):
    found = choose(subject, table(tmp_path, "genus,species\nCorvus,corone\nRana,arvalis\n"))
    assert paths(found) == ["Animalia > Corvidae > Corvus > Corvus corone", "Rana > Rana arvalis"]
    assert any("no column for kingdom, family" in note for note in found.notes)


def test_inner_labels_are_covered_by_what_lies_in_them(subject, tmp_path):
    found = choose(subject, table(tmp_path, "kingdom,family,genus,species\nAnimalia,Corvidae,Corvus,corone\n"))
    assert found.covered.tolist() == [False, False, True, False]
    assert found.tables["uncovered"]["n_images"].tolist() == [1, 1, 1]


def test_a_list_of_names(subject, tmp_path):
    (tmp_path / "region.txt").write_text("corvus_corax\nCorvus albus\nRana arvalis\nCorvus corax\n")
    found = choose(subject, str(tmp_path / "region.txt"))
    assert paths(found) == [
        "Animalia > Corvidae > Corvus > Corvus albus",
        "Animalia > Corvidae > Corvus > Corvus corax",
    ]
    assert "1 of 4 names in region.txt have no place in the taxonomy" in found.notes[0]
    (tmp_path / "region.txt").write_text("Rana arvalis\n")
    with pytest.raises(TaxoevalError, match="none of its 1 names has a place"):
        choose(subject, str(tmp_path / "region.txt"))


def test_a_region_keeps_what_it_names(subject, tmp_path):
    """A checklist beside a table of everything: spelling may differ, a genus stands for all its species."""
    file = table(
        tmp_path,
        "kingdom,family,genus,species,common_name\nAnimalia,Corvidae,Corvus,corax,raven\n"
        "Animalia,Corvidae,Corvus,albus,pied crow\nAnimalia,Corvidae,Pica,pica,magpie\n"
        "Plantae,Moraceae,Ficus,carica,fig\nPlantae,Moraceae,Ficus,elastica,rubber plant\n",
    )
    checklist = tmp_path / "malawi.txt"
    checklist.write_text("Pied Crow\nficus\nRana arvalis\n\n")
    found = choose(subject, file, region=str(checklist))
    assert [path.split(" > ")[-1] for path in paths(found)] == ["Corvus albus", "Ficus carica", "Ficus elastica"]
    assert found.covered.tolist() == [False, False, True, True]
    assert "3 of 5 candidates are in malawi.txt" in found.notes
    assert "1 of 3 names in malawi.txt are no candidate (Rana arvalis)" in found.notes
    (tmp_path / "list.csv").write_text("genus,species\nPica,pica\n")
    assert paths(choose(subject, file, "Animalia", str(tmp_path / "list.csv"))) == [
        "Animalia > Corvidae > Pica > Pica pica"
    ]
    assert paths(choose(subject, region=str(checklist))) == ["Plantae > Moraceae > Ficus > Ficus carica"]
    checklist.write_text("Rana arvalis\n")
    with pytest.raises(TaxoevalError, match=r"malawi.txt: none of the 5 candidates is among its 1 names"):
        choose(subject, file, region=str(checklist))


def test_clades(subject):
    assert paths(choose(subject, clade="Animalia > Pica")) == ["Animalia > Corvidae > Pica > Pica pica"]
    with pytest.raises(TaxoevalError, match="'Corvs' is not in the taxonomy"):
        choose(subject, clade="Corvs")


def test_a_clade_without_candidates(subject, tmp_path):
    with pytest.raises(TaxoevalError, match="none of the 1 candidates is in it"):
        choose(subject, table(tmp_path, "genus,species\nCorvus,corone\n"), clade="Plantae")


def test_real_table(shared_data):
    """Species of AviList among those of iNat21, which places some elsewhere: a species is found wherever it stands."""
    birds = shared_data / "images" / "birds" / "labels.csv"
    ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
    table = read_table(birds, ranks=ranks)
    n = len(table.taxon)
    sample = np.array([str(i) for i in range(n)])
    images = Embeddings(np.zeros((n, 1), dtype=np.float32), table.taxon, sample, "test")
    subject = Subject(images, table.taxonomy, [""] * len(table.taxonomy), sample)
    found = choose(subject, str(shared_data / "taxonomies" / "inat21_7rank.csv"))
    assert len(found.ids) == 10_000
    theirs = set(read_table(shared_data / "taxonomies" / "inat21_7rank.csv", ranks=ranks).taxonomy.names)
    species = table.taxonomy.rank[table.taxon] == 6
    named = np.array([str(name) in theirs for name in table.taxonomy.names])[table.taxon]
    np.testing.assert_array_equal(found.covered[species], named[species])
    assert int(found.covered.sum()) == 870
    assert found.details["n_candidates_not_in_dataset"] == 10_000 - 164
    home = found.placed.home[found.ids]
    assert {table.taxonomy.path(int(i)) for i in home[home >= 0]} <= {
        table.taxonomy.path(int(i)) for i in range(len(table.taxonomy))
    }
