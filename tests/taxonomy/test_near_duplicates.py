from collections import Counter

from taxoeval.taxonomy import Taxonomy, Tree, near_duplicates, read_table

FOUR = ("order", "family", "genus", "species")


def report(rows, ranks=FOUR):
    return near_duplicates(Taxonomy.from_lineages(rows, ranks=ranks))


def test_nothing_to_report():
    found = report([("O", "F", "G", "G s"), ("O", "F", "G", "G t")])
    assert len(found) == 0
    assert str(found) == "no name is borne by several taxa"


def test_a_hole_and_what_it_does_below():
    found = report([("O", "F", "G", "s"), ("", "F", "G", "s")])
    assert [(r.name, r.kind, r.rank, r.inherited) for r in found] == [
        ("F", "hole", "family", False),
        ("G", "hole", "genus", True),
        ("s", "hole", "species", True),
    ]
    assert found.records[0].taxa == (1, 4)
    assert found.records[0].paths == ("O > F", "F")
    assert str(found).splitlines()[0] == "borne by several taxa: 1 name, and on their account 2 names below them"


def test_fishes_with_and_without_their_class():
    ranks = ("kingdom", "phylum", "class", "order")
    rows = [("Animalia", "Chordata", "", "Cypriniformes"), ("Animalia", "Chordata", "Actinopteri", "Cypriniformes")]
    taxonomy = Taxonomy.from_lineages(rows, ranks=ranks)
    assert (taxonomy.names == "Cypriniformes").sum() == 2
    assert [(r.kind, r.name) for r in near_duplicates(taxonomy)] == [("hole", "Cypriniformes")]


def test_homonyms_conflict():
    (record,) = report([("Rosales", "Moraceae", "Morus", ""), ("Suliformes", "Sulidae", "Morus", "")])
    assert (record.kind, record.rank, record.inherited) == ("conflict", "genus", False)


def test_one_disagreement_among_three_is_a_conflict():
    kinds = {(r.name, r.kind) for r in report([("O", "F", "G", ""), ("P", "F", "G", ""), ("", "F", "G", "")])}
    assert kinds == {("F", "conflict"), ("G", "conflict")}


def test_one_name_at_two_ranks():
    (record,) = report([("X", "F", "G", ""), ("O", "H", "X", "")])
    assert (record.name, record.kind, record.rank) == ("X", "ranks", "order/genus")


def test_a_name_above_itself_is_a_cycle_but_for_genus_and_species():
    (record,) = report([("X", "X", "G", "")])
    assert (record.name, record.kind, record.rank) == ("X", "cycle", "order/family")
    assert len(report([("O", "F", "Gorilla", "Gorilla")])) == 0


def test_two_names_that_change_places_are_a_cycle():
    found = report([("A", "B", "", ""), ("", "C", "", ""), ("C", "", "D", ""), ("", "B", "A", "")])
    cycles = [record for record in found if record.kind == "cycle"]
    assert [(r.rank, r.paths) for r in cycles] == [("family/genus", ("A > B", "B > A"))]


def test_long_reports_are_cut():
    rows = [(order, f"F{i}", "", "") for i in range(30) for order in ("O", "P")]
    assert str(report(rows)).splitlines()[-1] == "and 10 more"


def test_plain_trees_are_not_taxonomies():
    assert not hasattr(Tree([-1], ["a"]), "rank")


def test_ambiguous_binomials(shared_data):
    path = shared_data / "taxonomies" / "biocap_species_binomial_ambiguous.csv"
    found = near_duplicates(read_table(path).taxonomy)
    species = [record for record in found if record.rank == "species"]
    assert len({record.name for record in species}) == 1444
    causes = Counter((record.rank, record.kind) for record in found if not record.inherited)
    assert causes == {
        ("genus", "conflict"): 303,  # among them true homonyms: Erica is a heath and a spider
        ("family", "conflict"): 51,
        ("order", "conflict"): 30,
        ("kingdom/phylum", "cycle"): 1,
    }
    assert all(record.inherited for record in species)


def test_rare_species_have_homonymous_epithets_but_no_near_duplicates(shared_data):
    assert len(near_duplicates(read_table(shared_data / "annotations" / "rare_species.csv").taxonomy)) == 0
