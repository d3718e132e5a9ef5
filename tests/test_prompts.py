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


MAGPIE = ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica pica")
FIG = ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Ficus", "Ficus carica")


@pytest.fixture(scope="module")
def two_kingdoms():
    return Taxonomy.from_lineages([RAVEN, CARP, MAGPIE, FIG], ranks=RANKS)


def counterfactual(tree, kind, text_type="taxon", seed=0, names=("Corvus corax", "Carassius auratus", "Pica pica")):
    common = [COMMON.get(str(name), "") for name in tree.names]
    return prompts.counterfactual_texts(tree, tree.ids(list(names)), common, text_type, kind, seed=seed)


def test_shuffled_ancestors_are_the_same_in_another_order(two_kingdoms):
    texts = counterfactual(two_kingdoms, "shuffled")
    straight = prompts.texts(two_kingdoms, two_kingdoms.ids(["Corvus corax"]), [""] * len(two_kingdoms), "taxon")[0]
    words = texts[0].split()
    assert words[-2:] == ["Corvus", "corax"]
    assert sorted(words) == sorted(straight.split())
    assert texts[0] != straight
    assert texts == counterfactual(two_kingdoms, "shuffled")
    assert any(texts != counterfactual(two_kingdoms, "shuffled", seed=seed) for seed in range(1, 4))


def test_dropped_ancestors_leave_the_name(two_kingdoms):
    taxa = two_kingdoms.ids(["Corvus corax", "Carassius auratus"])
    common = [COMMON.get(str(name), "") for name in two_kingdoms.names]
    for text_type, plain in (("taxon", "sci"), ("taxon_com", "sci_com")):
        texts = prompts.counterfactual_texts(two_kingdoms, taxa, common, text_type, "dropped")
        assert texts == prompts.texts(two_kingdoms, taxa, common, plain)


def test_a_wrong_clade_shares_as_little_as_it_can(two_kingdoms, taxonomy):
    for text in counterfactual(two_kingdoms, "wrong_clade"):
        assert text.startswith("Plantae Tracheophyta Magnoliopsida Rosales Moraceae ")
    assert counterfactual(two_kingdoms, "wrong_clade", names=["Ficus carica"])[0].startswith("Animalia Chordata")
    assert counterfactual(two_kingdoms, "wrong_clade", "taxon_com")[0].endswith(
        "Corvus corax with common name common raven"
    )
    one_kingdom = Taxonomy.from_lineages([RAVEN, CARP], ranks=RANKS)  # no class is known of the carp: orders differ
    text = counterfactual(one_kingdom, "wrong_clade", names=["Corvus corax"])[0]
    assert text == "Animalia Chordata Cypriniformes Cyprinidae Corvus corax"
    with pytest.raises(TaxoevalError, match="Corvus corax has the only ancestors of their ranks"):
        counterfactual(Taxonomy.from_lineages([RAVEN, MAGPIE], ranks=RANKS), "wrong_clade", names=["Corvus corax"])
    # the only phylum keeps what stands above it; its families do not
    upper = counterfactual(one_kingdom, "wrong_clade", names=["Chordata", "Corvidae"])
    assert upper == ["Animalia Chordata", "Animalia Chordata Cypriniformes Corvidae"]


def test_nonsense_is_one_word_for_each_ancestor(two_kingdoms):
    raven, carp, magpie = (text.split() for text in counterfactual(two_kingdoms, "nonsense"))
    assert raven[:5] == magpie[:5]
    assert raven[:2] == carp[:2]
    assert raven[2] != carp[2]
    assert raven[5:] == ["Corvus", "corax"]
    assert [len(word) for word in raven[:5]] == [len(name) for name in RAVEN[:5]]
    assert not {*raven[:5]} & {str(name) for name in two_kingdoms.names}


def test_the_text_of_a_taxon_does_not_depend_on_the_others_asked_for(two_kingdoms):
    for kind in prompts.COUNTERFACTUALS:
        both = counterfactual(two_kingdoms, kind, names=["Pica pica", "Corvus corax"])
        assert both[::-1] == counterfactual(two_kingdoms, kind, names=["Corvus corax", "Pica pica"])
        assert both[1:] == counterfactual(two_kingdoms, kind, names=["Corvus corax"])


def test_settings_of_prompts(two_kingdoms):
    none, taxa = [""] * len(two_kingdoms), two_kingdoms.ids(["Carassius auratus"]).tolist()
    exact = prompts.Prompts("taxon", "none", exact_holes=True)
    assert exact.texts(two_kingdoms, taxa, none, [""]) == [
        "Animalia Chordata  Cypriniformes Cyprinidae Carassius auratus"
    ]
    dropped = prompts.Prompts("taxon", "none", counterfactual="dropped")
    assert dropped.texts(two_kingdoms, taxa, none, [""]) == ["Carassius auratus"]
    with pytest.raises(TaxoevalError, match="'shuffeld' is not one of shuffled, dropped, wrong_clade, nonsense"):
        prompts.Prompts("taxon", "none", counterfactual="shuffeld")
    with pytest.raises(TaxoevalError, match="text type 'sci' has none; use taxon or taxon_com"):
        prompts.Prompts("sci", "none", counterfactual="shuffled")
    with pytest.raises(TaxoevalError, match="exact_holes writes texts as published"):
        prompts.Prompts("taxon", "none", exact_holes=True, counterfactual="dropped")
