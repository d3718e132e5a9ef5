"""Prompts: each way of writing a taxon against its definition, on made-up and on real lineages."""

import csv

import pytest

from taxoeval import prompts
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
RAVEN = ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Corvus", "Corvus corax")
CARP = ("Animalia", "Chordata", "", "Cypriniformes", "Cyprinidae", "Carassius", "Carassius auratus")
LOST = ("", "", "", "", "", "Laelia", "Laelia rosea")
COMMON = {"Corvus corax": "common raven", "Corvidae": "crows"}


@pytest.fixture(scope="module")
def taxonomy():
    return Taxonomy.from_lineages([RAVEN, CARP, LOST, (*RAVEN[:5], "", "")], ranks=RANKS)


@pytest.fixture(scope="module")
def common(taxonomy):
    return [COMMON.get(str(name), "") for name in taxonomy.names]


def write(taxonomy, common, name, text_type, **options):
    return prompts.texts(taxonomy, taxonomy.ids([name]), common, text_type, **options)[0]


@pytest.mark.parametrize(
    ("name", "text_type", "text"),
    [
        ("Corvus corax", "sci", "Corvus corax"),
        ("Corvus corax", "com", "common raven"),
        ("Corvus corax", "taxon", "Animalia Chordata Aves Passeriformes Corvidae Corvus corax"),
        ("Corvus corax", "sci_com", "Corvus corax with common name common raven"),
        (
            "Corvus corax",
            "taxon_com",
            "Animalia Chordata Aves Passeriformes Corvidae Corvus corax with common name common raven",
        ),
        ("Carassius auratus", "com", "Carassius auratus"),
        ("Carassius auratus", "sci_com", "Carassius auratus"),
        ("Carassius auratus", "taxon", "Animalia Chordata Cypriniformes Cyprinidae Carassius auratus"),
        ("Carassius auratus", "taxon_com", "Animalia Chordata Cypriniformes Cyprinidae Carassius auratus"),
        ("Laelia rosea", "taxon", "Laelia rosea"),
        ("Corvidae", "sci", "Corvidae"),
        ("Corvidae", "taxon", "Animalia Chordata Aves Passeriformes Corvidae"),
        ("Corvidae", "sci_com", "Corvidae with common name crows"),
        ("Corvus", "sci", "Corvus"),
        ("Corvus", "taxon_com", "Animalia Chordata Aves Passeriformes Corvidae Corvus"),
    ],
)
def test_five_text_types(taxonomy, common, name, text_type, text):
    assert write(taxonomy, common, name, text_type) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Carassius auratus", "Animalia Chordata  Cypriniformes Cyprinidae Carassius auratus"),
        ("Laelia rosea", "Laelia rosea"),
        ("Corvidae", "Animalia Chordata Aves Passeriformes Corvidae  "),
    ],
)
def test_exact_holes_leave_their_space(taxonomy, common, name, text):
    assert write(taxonomy, common, name, "taxon", exact_holes=True) == text


def test_asis_is_the_label_or_else_the_name(taxonomy, common):
    taxa = taxonomy.ids(["Corvus corax", "Corvidae", "Corvidae"])
    labels = ["Kolkrabe", "", "a crow"]
    assert prompts.texts(taxonomy, taxa, common, "asis", labels) == ["Kolkrabe", "Corvidae", "a crow"]
    assert prompts.texts(taxonomy, taxa, common, "asis") == ["Corvus corax", "Corvidae", "Corvidae"]


def test_epithets_binomials_and_case_give_one_text():
    for species, genus in (
        ("corax", "corvus"),
        ("Corvus corax", "Corvus"),
        ("CORVUS CORAX", "CORVUS"),
        ("Corax", "Corvus"),
    ):
        tree = Taxonomy.from_lineages([("aves", genus, species)], ranks=("class", "genus", "species"))
        taxon, none = [len(tree.names) - 1], [""] * len(tree.names)
        assert prompts.texts(tree, taxon, none, "sci") == ["Corvus corax"]
        assert prompts.texts(tree, taxon, none, "taxon") == ["Aves Corvus corax"]


def test_a_species_moved_to_another_genus_keeps_its_whole_name():
    tree = Taxonomy.from_lineages([("Aves", "Corvus", "Coloeus monedula")], ranks=("class", "genus", "species"))
    assert prompts.texts(tree, [2], [""] * 3, "sci") == ["Coloeus monedula"]
    assert prompts.texts(tree, [2], [""] * 3, "taxon") == ["Aves Corvus Coloeus monedula"]


def test_subspecies_and_unknown_genus():
    ranks = ("family", "genus", "species", "subspecies")
    lineages = [("Corvidae", "Corvus", "Corvus corax", "Corvus corax varius"), ("Corvidae", "", "Pica pica", "")]
    tree = Taxonomy.from_lineages(lineages, ranks=ranks)
    taxa, none = tree.ids(["Corvus corax varius", "Pica pica"]), [""] * len(tree.names)
    assert prompts.texts(tree, taxa, none, "sci") == ["Corvus corax varius", "Pica pica"]
    assert prompts.texts(tree, taxa, none, "taxon") == ["Corvidae Corvus corax varius", "Corvidae Pica pica"]


def test_homonyms_have_different_lineages_and_one_name():
    ranks = ("kingdom", "genus", "species")
    lineages = [("Animalia", "Laelia", "Laelia rosea"), ("Plantae", "Laelia", "Laelia rosea")]
    tree = Taxonomy.from_lineages(lineages, ranks=ranks)
    taxa, none = tree.ids(lineages), [""] * len(tree.names)
    assert len(set(prompts.texts(tree, taxa, none, "sci"))) == 1
    assert prompts.texts(tree, taxa, none, "taxon") == ["Animalia Laelia rosea", "Plantae Laelia rosea"]


@pytest.mark.parametrize("name", ["rare_species.csv", "camera_trap_island-balanced.csv"])
def test_real_lineages_against_the_definition(shared_data, name):
    """The strings of the published protocol, spelt out: ranks joined by one space each, holes or not."""
    with (shared_data / "annotations" / name).open(newline="", encoding="utf-8") as file:
        rows = {
            tuple(row[r] for r in ("kingdom", "phylum", "cls", "order", "family", "genus", "species"))
            for row in csv.DictReader(file)
        }
    rows = sorted(row for row in rows if row[0] and not (row[6] and not row[5]))
    binomial = [(*row[:6], f"{row[5]} {row[6]}" if row[6] else "") for row in rows]
    tree = Taxonomy.from_lineages(binomial, ranks=RANKS)
    taxa, none = tree.ids(binomial), [""] * len(tree.names)
    expected = [" ".join([*(part.capitalize() for part in row[:6]), row[6].lower()]) for row in rows]
    assert prompts.texts(tree, taxa, none, "taxon", exact_holes=True) == expected
    assert prompts.texts(tree, taxa, none, "taxon") == [" ".join(text.split()) for text in expected]
    sci = [f"{row[5].capitalize()} {row[6].lower()}" for row in rows if row[6]]
    assert [t for t, row in zip(prompts.texts(tree, taxa, none, "sci"), rows, strict=True) if row[6]] == sci


def test_template_sets():
    assert prompts.templates("none") == ("{}",)
    assert prompts.templates("one") == ("a photo of {}.",)
    many = prompts.templates("openai81")
    assert len(many) == 81
    assert many[:2] == ("a photo of {}.", "a bad photo of a {}.")
    assert all(template.count("{}") == 1 for template in many)
    assert {len(prompts.templates(name)) for name in prompts.TEMPLATE_SETS} == {1, 81}


def test_fill_is_templates_of_each_text():
    from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

    filled = prompts.fill(prompts.templates("openai81"), ["raven", "a {b}"])
    assert filled[0][1:] == [template("raven") for template in OPENAI_IMAGENET_TEMPLATES]
    assert filled[1][0] == "a photo of a {b}."
    assert prompts.fill(["{}"], []) == []


def test_errors(taxonomy, common):
    with pytest.raises(
        TaxoevalError, match="text type 'latin' is not one of sci, com, taxon, sci_com, taxon_com, asis"
    ):
        prompts.texts(taxonomy, [0], common, "latin")
    with pytest.raises(TaxoevalError, match="template set 'openai80' is not one of none, one, openai81"):
        prompts.templates("openai80")
    with pytest.raises(TaxoevalError, match=r"template 'a photo' has no \{\} for the taxon"):
        prompts.fill(["{}", "a photo"], ["raven"])
    with pytest.raises(ValueError, match="common_name has 1 entries, the taxonomy"):
        prompts.texts(taxonomy, [0], [""], "sci")
    with pytest.raises(ValueError, match="label has 2 entries, taxa 1"):
        prompts.texts(taxonomy, [0], common, "asis", ["a", "b"])
