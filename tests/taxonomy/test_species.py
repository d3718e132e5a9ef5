import pytest

from taxoeval.taxonomy import binomials


def test_epithets_get_their_genus():
    names, note = binomials(["Corvus", "Gorilla", "gorilla"], ["corax", "gorilla", "gorilla"])
    assert names == ["Corvus corax", "Gorilla gorilla", "gorilla gorilla"]
    assert note == "the species column holds epithets: read as genus + epithet"


def test_binomials_stay():
    names, note = binomials(["Corvus", "Pica"], ["Corvus corax", "Pica pica"])
    assert names == ["Corvus corax", "Pica pica"]
    assert note == "the species column holds binomials"


def test_underscores_and_case_do_not_hide_a_binomial():
    names, note = binomials(["Corvus", "Pica"], ["Corvus_corax", "pica pica"])
    assert names == ["Corvus corax", "pica pica"]
    assert note == "the species column holds binomials"


def test_exceptions_are_counted():
    genus = ["Corvus", "Pica", "Larus", "Motacilla"]
    names, note = binomials(genus, ["corax", "Pica pica", "Chroicocephalus ridibundus", "alba yarrellii"])
    assert names == ["Corvus corax", "Pica pica", "Chroicocephalus ridibundus", "Motacilla alba yarrellii"]
    assert "1 value already with the genus in front" in note
    assert "1 name of several words without the genus in front left as found" in note
    names, note = binomials(["Corvus", "Corvus", "Pica", "Larus"], ["Corvus corax", "Corvus corone", "pica", "sp. 2 x"])
    assert names == ["Corvus corax", "Corvus corone", "Pica pica", "sp. 2 x"]
    assert "1 single word read as genus + epithet" in note


def test_holes_stay_holes_and_orphans_are_counted():
    names, note = binomials(["Corvus", None, "", "Pica"], ["corax", "alba", "", None])
    assert names == ["Corvus corax", "alba", "", ""]
    assert "1 row without a genus: species left as found" in note
    assert binomials(["Corvus", None], [None, ""]) == (["", ""], "")
    assert binomials([None, None], ["alba", "rubra"])[1].endswith("2 rows without a genus: species left as found")
    assert binomials([], []) == ([], "")


def test_one_epithet_under_two_genera_is_two_species():
    assert binomials(["Beta", "Thymus"], ["vulgaris", "vulgaris"])[0] == ["Beta vulgaris", "Thymus vulgaris"]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="got 1 and 2"):
        binomials(["Corvus"], ["corax", "corone"])
