"""`Resolver`: certain readings of a name resolve it, likely ones are only suggested, and nothing else happens."""

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.tasks.answers.report import name_columns, read_synonyms, suggestion
from taxoeval.tasks.answers.resolve import Resolver
from taxoeval.taxonomy import RANKS

BIRD = ("Animalia", "Chordata", "Aves")
LINEAGES = [
    (*BIRD, "Passeriformes", "Corvidae", "Corvus", "Corvus corax"),
    (*BIRD, "Passeriformes", "Corvidae", "Corvus", "Corvus corone"),
    (*BIRD, "Passeriformes", "Corvidae", "Pica", "Pica pica"),
    (*BIRD, "Passeriformes", "Prunellidae", "Prunella", "Prunella modularis"),
    (*BIRD, "Anseriformes", "Anatidae", "Spatula", "Spatula clypeata"),
    (*BIRD, "Columbiformes", "Columbidae", "Columba", "Columba livia"),
    (*BIRD, "Passeriformes", "Turdidae", "Turdus", "Turdus vulgaris"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Lamiales", "Lamiaceae", "Thymus", "Thymus vulgaris"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus", "Morus alba"),
    (*BIRD, "Suliformes", "Sulidae", "Morus", "Morus bassanus"),
]
TAXONOMY = Taxonomy.from_lineages(LINEAGES, ranks=RANKS)


def name_of(found):
    return str(TAXONOMY.names[found.taxon]) if found.taxon >= 0 else None


@pytest.mark.parametrize(
    ("text", "how", "taxon"),
    [
        ("Corvus corax", "exact", "Corvus corax"),
        ("Corvidae", "exact", "Corvidae"),
        ("CORVUS  corax ", "spelling", "Corvus corax"),
        ("corvus_corax", "spelling", "Corvus corax"),
        ("*Corvus corax*", "spelling", "Corvus corax"),
        ("Corvus corax Linnaeus, 1758", "author", "Corvus corax"),
        ("Spatula clypeata (Linnaeus, 1758)", "author", "Spatula clypeata"),
        ("Corvus corax L.", "author", "Corvus corax"),
        ("Corvidae Leach, 1820", "author", "Corvidae"),
        ("Prunella modularis von Linné", "author", "Prunella modularis"),
        ("Columba livia domestica", "subspecies", "Columba livia"),
        ("Columba livia var. domestica", "subspecies", "Columba livia"),
        ("Corvus sp.", "open name", "Corvus"),
        ("Corvus cf. corax", "open name", "Corvus"),
        ("P. pica", "abbreviated genus", "Pica pica"),
        ("clypeata", "epithet", "Spatula clypeata"),
        ("Common Raven", "common name", "Corvus corax"),
        ("common_raven", "common name", "Corvus corax"),
        ("ROCK-DOVE (feral)", "label", "Columba livia"),
        ("Animalia > Chordata > Aves > Corvidae > Corvus > Corvus corax", "exact", "Corvus corax"),
        ("Sulidae; Morus", "exact", "Morus"),
    ],
)
def test_a_name_is_found_and_it_is_said_how(text, how, taxon):
    common = ["Common Raven" if name == "Corvus corax" else "" for name in TAXONOMY.names]
    livia = int(TAXONOMY.ids(["Columba livia"])[0])
    found = Resolver(TAXONOMY, common, ["rock dove (feral)"], [livia]).resolve(text)
    assert (found.how, name_of(found), found.resolved) == (how, taxon, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Corvvs corax", "not in the taxonomy"),
        ("Corva corax", "not in the taxonomy"),
        ("raven", "not in the taxonomy"),
        ("vulgaris", "borne by 2 taxa"),
        ("Morus", "borne by 2 taxa"),
        ("Corvus corax × corone", "a hybrid"),
        ("Anatidae > Corvus corax", "no taxon of this name lies below"),
        ("   ", "empty"),
    ],
)
def test_what_is_not_certain_stays_unresolved_with_its_reason(text, reason):
    found = Resolver(TAXONOMY).resolve(text)
    assert (found.how, found.taxon, found.resolved) == ("unresolved", -1, False)
    assert reason in found.reason


def test_a_species_that_is_lacking_stands_in_its_genus():
    shouted = Resolver(TAXONOMY).resolve("Corvus ALBUS")  # could be an author: only the genus is certain
    assert (shouted.how, name_of(shouted)) == ("author", "Corvus")
    found = Resolver(TAXONOMY).resolve("Corvus albus")
    assert (found.how, name_of(found), found.resolved) == ("placed", "Corvus", False)
    assert found.lineage == (*BIRD, "Passeriformes", "Corvidae", "Corvus", "Corvus albus")


def test_lineages_are_matched_by_their_finest_name_and_differences_are_told():
    resolver = Resolver(TAXONOMY)
    moved = resolver.resolve((*BIRD, "Galliformes", "Corvidae", "Corvus", "Corvus corax"))
    assert (moved.how, name_of(moved)) == ("exact", "Corvus corax")
    assert moved.reason == "order Galliformes there, Passeriformes here"
    other = resolver.resolve((*BIRD, "Passeriformes", "Corvidae", "Nucifraga", "Nucifraga caryocatactes"))
    assert (other.how, name_of(other)) == ("placed", "Corvidae")
    assert other.lineage[-2:] == ("Nucifraga", "Nucifraga caryocatactes")
    below = resolver.resolve((*BIRD, "Columbiformes", "Columbidae", "Columba", "Columba livia domestica"))
    assert (below.how, name_of(below)) == ("subspecies", "Columba livia")
    inner = resolver.resolve((*BIRD, "Passeriformes", "Corvidae", "", ""))
    assert (inner.how, name_of(inner)) == ("exact", "Corvidae")


def test_homonyms_of_two_kingdoms_are_told_apart_by_lineage():
    resolver = Resolver(TAXONOMY)
    plant = resolver.resolve(("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus", ""))
    bird = resolver.resolve((*BIRD, "", "", "Morus", ""))
    assert TAXONOMY.lineage(plant.taxon)[4] == "Moraceae"
    assert TAXONOMY.lineage(bird.taxon)[4] == "Sulidae"
    selfheal = resolver.resolve(("Plantae", "", "", "Lamiales", "Lamiaceae", "Prunella", "Prunella vulgaris"))
    assert (selfheal.how, name_of(selfheal)) == ("placed", "Lamiaceae")  # not the accentor's genus
    fungus = resolver.resolve(("Fungi", "", "", "", "", "Prunella", ""))
    assert (fungus.how, fungus.taxon, fungus.lineage[0]) == ("placed", -1, "Fungi")


def test_a_moved_or_misspelt_species_is_suggested_only():
    resolver = Resolver(TAXONOMY)
    for name, meant in {
        (*BIRD, "Anseriformes", "Anatidae", "Anas", "Anas clypeata"): "Spatula clypeata",
        ("", "", "", "", "", "Anas", "Anas clypeatus"): "Spatula clypeata",
        "Corvus corrax": "Corvus corax",
        "Corvvs corax": "Corvus corax",
        "Corvus albicollis": "",
        "Quercus robur": "",
    }.items():
        found = resolver.resolve(name)
        assert not found.resolved
        assert suggestion(name, found, resolver) == meant


def test_synonyms_are_followed_when_the_user_gave_them(tmp_path):
    table = tmp_path / "synonyms.csv"
    table.write_text("name,accepted,why\nAnas clypeata,Spatula clypeata,moved\nSicalis flaveola,,another bird\n")
    synonyms = read_synonyms(str(table))
    assert synonyms == {"Anas clypeata": "Spatula clypeata"}
    resolver = Resolver(TAXONOMY, synonyms=synonyms)
    for answer in ("anas_clypeata", (*BIRD, "Anseriformes", "Anatidae", "Anas", "Anas clypeata")):
        found = resolver.resolve(answer)
        assert (found.how, name_of(found)) == ("synonym", "Spatula clypeata")
    lost = Resolver(TAXONOMY, synonyms={"raven": "Corvus maximus"}).resolve("raven")
    assert lost.reason == "its synonym 'Corvus maximus' is not in the taxonomy"
    table.write_text("name,accepted\nraven,Corvus corax\nraven,Corvus corone\n")
    with pytest.raises(TaxoevalError, match="'raven' has two accepted names"):
        read_synonyms(str(table))
    table.write_text("name,meant\nraven,Corvus corax\n")
    with pytest.raises(TaxoevalError, match="no column 'accepted'"):
        read_synonyms(str(table))


def test_the_table_of_names_has_the_most_frequent_first():
    resolver = Resolver(TAXONOMY)
    names = ["Pica pica", "Corvvs corax"]
    table = name_columns(names, [resolver.resolve(name) for name in names], np.array([2, 7]), resolver)
    assert {key: column.tolist() for key, column in table.items()} == {
        "name": ["Corvvs corax", "Pica pica"],
        "n_first": [7, 2],
        "how": ["unresolved", "exact"],
        "taxon": ["", "Animalia > Chordata > Aves > Passeriformes > Corvidae > Pica > Pica pica"],
        "reason": ["not in the taxonomy", ""],
        "suggestion": ["Corvus corax", ""],
    }
