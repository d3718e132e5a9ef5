"""Cells whose answers are of different taxonomies in one run: every table names them as their own cell does."""

from dataclasses import replace

import pyarrow.parquet as pq

from taxoeval.records import Predictions
from taxoeval.reports import Cell, read_run, write_run
from taxoeval.reports.mistakes import write_mistakes
from taxoeval.taxonomy import Taxonomy
from tests.reports import fake

OURS = [fake.taxonomy().lineage(int(i)) for i in fake.taxonomy().leaves]
ALBUS = ("Passeriformes", "Corvidae", "Corvus", "Corvus albus")
ALAUDA = ("Passeriformes", "Alaudidae", "Alauda", "Alauda arvensis")


def answered(tree: Taxonomy, name: str) -> Predictions:
    """Three pictures of ravens, each answered with one species."""
    taxon = tree.ancestor[tree.ids([name] * 3)][:, :, None].astype(int)
    target = tree.ids(["Corvus corax"] * 3)
    return replace(
        fake.predictions(fake.taxonomy()),
        target=target,
        taxon=taxon,
        probability=taxon * 0.0 + 0.5,
        candidates=tree.ids(["Corvus corax", name]),
    )


def test_every_cell_speaks_of_its_own_taxonomy(tmp_path):
    one, other = (Taxonomy.from_lineages([new, *OURS], ranks=fake.RANKS) for new in (ALBUS, ALAUDA))
    of_one, of_other = one.ids(["Corvus corax"])[0], other.ids(["Corvus corax"])[0]
    home = fake.taxonomy()
    assert len({int(of_one), int(of_other), int(home.ids(["Corvus corax"])[0])}) > 1  # the same id would prove nothing
    cells = (
        Cell("a", "encoder", "zero_shot", "ok", predictions=(answered(one, "Corvus albus"),), taxonomy=one),
        Cell("b", "control", "zero_shot", "ok", predictions=(answered(other, "Alauda arvensis"),), taxonomy=other),
        Cell("a", "encoder", "knn", "ok", predictions=(answered(home, "Corvus corone"),)),
    )
    run = fake.run(cells=cells)
    write_run(run, tmp_path)
    write_mistakes(run, tmp_path)
    rows = [row for row in read_run(tmp_path).predictions().to_pylist() if row["rank"] == "species"]
    assert {row["target_path"] for row in rows} == {" > ".join(OURS[0])}
    answers = {(row["encoder"], row["task"]): row["predicted_path"] for row in rows}
    assert answers == {
        ("a", "zero_shot"): " > ".join(ALBUS),
        ("b", "zero_shot"): " > ".join(ALAUDA),
        ("a", "knn"): "Passeriformes > Corvidae > Corvus > Corvus corone",
    }
    correct = {(row["encoder"], row["task"]): row["correct"] for row in rows}
    assert not any(correct.values())
    confused = [row for row in pq.read_table(tmp_path / "confusions.parquet").to_pylist() if row["rank"] == "species"]
    assert [(row["encoder"], row["predicted"], row["shared"], row["n"]) for row in confused] == [
        ("a", "Corvus albus", "genus", 3),
        ("b", "Alauda arvensis", "order", 3),
        ("a", "Corvus corone", "genus", 3),
    ]
    meta = read_run(tmp_path).meta
    assert [cell["taxonomy"] for cell in meta["cells"]] == [one.digest, other.digest, home.digest]
    assert meta["taxonomy"]["digest"] == home.digest
    assert meta["warnings"] == []
