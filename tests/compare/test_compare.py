"""Runs side by side: differences are those of the images, and unlike is not compared with unlike."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from taxoeval import metrics
from taxoeval.compare import blocks, compared, find_runs
from taxoeval.compare.__main__ import main
from taxoeval.compare.changes import changes
from taxoeval.compare.formats import to_latex, to_markdown
from taxoeval.compare.sheets import BEST, TIED, Sheet, sheet
from taxoeval.errors import TaxoevalError
from taxoeval.reports import Cell
from tests.compare import make


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    make.write(
        tmp_path / "sweep" / "0", make.cell("good", 0.9, seed=1), make.cell("colours", 0.2, seed=3, role="control")
    )
    make.write(
        tmp_path / "sweep" / "1", make.cell("near", 0.88, seed=2), make.cell("colours", 0.2, seed=3, role="control")
    )
    make.write(tmp_path / "sweep" / "2", make.cell("poor", 0.4, seed=4))
    return tmp_path / "sweep"


def of(folder):
    (block,) = blocks(find_runs([folder]).runs)
    return block


def test_encoders_stand_in_one_table_and_the_control_once(sweep: Path):
    block = of(sweep)
    assert [(e.encoder, e.role) for e in block.entries] == [
        ("good", "encoder"),
        ("near", "encoder"),
        ("poor", "encoder"),
        ("colours", "control"),
    ]
    assert block.key == ("birds", "knn", "all", "leaf_argmax")
    assert block.apart == ()


def test_differences_are_those_of_the_images(sweep: Path):
    found = compared(of(sweep))
    hits = {
        right: metrics.rank_hits((p := make.predictions(right, seed=seed)).target, p.taxon, make.TAXONOMY)
        for right, seed in ((0.9, 1), (0.88, 2), (0.4, 4), (0.2, 3))
    }
    for r, rank in enumerate(("genus", "species")):
        means = [hits[right][:, r].mean() for right in (0.9, 0.88, 0.4, 0.2)]
        one = found[f"right_{rank}"]
        np.testing.assert_allclose(one.mean, means, rtol=0, atol=1e-12)
        assert one.n == 240
        best = int(np.argmax(means[:3]))
        assert one.best == best
        np.testing.assert_allclose(one.difference, np.array(means) - means[best], atol=1e-12)
    species = found["right_species"]
    assert species.tied.tolist() == [True, True, False, False]
    assert species.p[2] < 0.001
    assert np.isnan(species.p[3])  # a control is no rival
    assert species.low[2] < species.difference[2] < species.high[2] < 0
    far = found["ranks_to_climb"]
    assert far.best == int(np.argmin(far.mean[:3]))
    assert far.difference[2] > 0


def test_marks_and_sorting(sweep: Path):
    block = of(sweep)
    table = sheet(block, compared(block))
    assert table.header == ("encoder", "genus", "species", "severity", "distance", "difference (95 %)", "p")
    assert [row[0] for row in table.rows][2:] == ["poor", "colours (control)"]
    marks = [row[2][-1] for row in table.rows]
    assert marks == [BEST, TIED, " ", " "]
    assert [row[0] for row in sheet(block, compared(block), sort="encoder").rows] == [
        "colours (control)",
        "good",
        "near",
        "poor",
    ]
    assert table.rows[2][-1] == "<0.001"


def test_interval_and_test_that_disagree_are_told(sweep: Path):
    block = of(sweep)
    found = compared(block)
    assert not any("undecided" in note for note in sheet(block, found).notes)
    species = found["right_species"]
    high = species.high.copy()
    high[[2, 3]] = 0.01  # those of poor and of the control, which no test is about
    table = sheet(block, found | {"right_species": replace(species, high=high)})
    assert [note for note in table.notes if "undecided" in note] == [
        "poor: the interval holds 0 though p is small, as happens with few species; take it as undecided"
    ]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"candidates": make.SPECIES[:6]}, ("candidates",)),
        ({"n": 120}, ("images",)),
        ({"first": 1}, ("images",)),
    ],
)
def test_unlike_is_not_compared(tmp_path: Path, other, why):
    make.write(tmp_path / "a", make.cell("good", 0.9))
    make.write(tmp_path / "b", make.cell("near", 0.88, **other))
    found = blocks(find_runs([tmp_path]).runs)
    assert [len(block.entries) for block in found] == [1, 1]
    assert [block.apart for block in found] == [why, why]
    assert f"not comparable, for {why[0]} differ" in "".join(sheet(found[0], compared(found[0])).notes)


def test_other_settings_are_not_compared(tmp_path: Path):
    make.write(tmp_path / "a", make.cell("good", 0.9))
    make.write(tmp_path / "b", make.cell("near", 0.88), config={"task": {"knn": {"k": 5}}, "decoding": {"share": 0.5}})
    assert {block.apart for block in blocks(find_runs([tmp_path]).runs)} == {("settings of the task", "decoding")}


def test_what_is_missing_is_explained(sweep: Path, capsys):
    make.write(sweep / "3", Cell("blind", "encoder", "knn", "unsupported", "too few images"))
    (sweep / "4" / ".hydra").mkdir(parents=True)
    (sweep / "4" / ".hydra" / "overrides.yaml").write_text("[]")
    (sweep / "5").mkdir()
    (sweep / "5" / "run.json").write_text('{"schema_version": 1}')
    assert main([str(sweep)]) == 0
    out = capsys.readouterr().out
    assert "blind" in out
    assert "blind: unsupported: too few images" in out
    assert "4: no result was written: killed, or out of memory or time" in out
    assert "schema_version 1, but this version of taxoeval reads 2" in out


def test_the_newest_run_counts_and_the_change_is_told(tmp_path: Path):
    make.write(tmp_path / "old", make.cell("good", 0.5, seed=1))
    make.write(tmp_path / "new", make.cell("good", 0.9, seed=1), started="2026-11-22T10:00:00+00:00")
    block = of(tmp_path)
    assert [e.name for e in block.entries] == ["new"]
    value = {e.name: e.scores["rank_hits", 1, "species"]["value"] for e in (block.entries[0], block.earlier[0])}
    one = changes(block)[0]["right_species"]
    assert one.difference == pytest.approx(value["new"] - value["old"], abs=1e-12)
    assert one.low < one.difference < one.high
    assert (one.n, one.since) == (240, "2026-11-21T10:00:00+00:00")
    (note,) = [note for note in sheet(block, compared(block)).notes if "since" in note]
    points = [f"{100 * x:+.1f}" for x in (one.difference, one.low, one.high)]
    told = f"good: {points[0]} ({points[1]}, {points[2]}) points at species, newer less older, since its run of "
    assert note == f"{told}2026-11-21T10:00:00+00:00"


def test_repeats_count_each_image_once(tmp_path: Path):
    from taxoeval.tasks.scoring import score

    folds = tuple(make.predictions(0.8, part=f"5-shot fold {i}", seed=i) for i in range(3))
    rows = tuple(score(folds, make.TAXONOMY, task="few_shot", part="5-shot"))
    for name in ("a", "b"):
        made = Cell(name, "encoder", "few_shot", "ok", scores=rows, predictions=folds)
        make.write(tmp_path / name, made, config={"task": {"few_shot": {}}})
    found = compared(of(tmp_path))["right_species"]
    mean = np.mean([metrics.rank_hits(p.target, p.taxon, make.TAXONOMY)[:, 1] for p in folds])
    np.testing.assert_allclose(found.mean, [mean, mean], atol=1e-12)
    assert (found.n, found.tied.tolist()) == (240, [True, True])


def test_files(sweep: Path, tmp_path: Path, capsys):
    files = [tmp_path / f"table.{kind}" for kind in ("csv", "md", "tex", "html")]
    assert main([str(sweep), *(f"--output={file}" for file in files)]) == 0
    with files[0].open() as file:
        table = list(csv.DictReader(file))
    (row,) = [
        r for r in table if (r["encoder"], r["metric"], r["rank"], r["k"]) == ("poor", "rank_hits", "species", "1")
    ]
    found = compared(of(sweep))["right_species"]
    assert float(row["difference_from_best"]) == pytest.approx(found.difference[2], abs=1e-12)
    assert (row["tied_with_best"], row["n_compared"], row["status"]) == ("False", "240", "ok")
    assert files[1].read_text().count("\n| ") == 5
    assert files[2].read_text().count(r"\\") == 5
    page = files[3].read_text()
    assert page.count("<tr>") == 5 + 4  # the table, and the runs it is made of
    assert f"<title>good: {100 * compared(of(sweep))['right_species'].mean[0]:.1f} %" in page


def test_names_stay_text():
    one = Sheet("a*b_c", ("encoder", "x"), (("<script>|_x_", "1 %"),), ("50 % & more",))
    assert r"\<script\>\|\_x\_" in to_markdown([one])
    latex = to_latex([one])
    assert r"$<$script$>$|\_x\_" in latex
    assert r"50 \% \& more" in latex


def test_messages(tmp_path: Path, sweep: Path, capsys):
    with pytest.raises(TaxoevalError, match="nowhere: there is no such folder"):
        find_runs([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(TaxoevalError, match="empty: no finished run is there; run `python -m taxoeval` first"):
        find_runs([tmp_path / "empty"])
    assert main([str(sweep), "--task", "zero_shot"]) == 1
    assert "nothing is left of that choice; there are knn leaf_argmax" in capsys.readouterr().err
    assert main([str(sweep), "--output", "table.doc"]) == 1
    assert "table.doc: the suffix must be one of .csv, .md, .tex, .html" in capsys.readouterr().err


def test_a_run_named_twice_counts_once(sweep: Path):
    assert len(find_runs([sweep, sweep / "0"]).runs) == 3
    shutil.copytree(sweep / "0", sweep / "copy")
    assert len(of(sweep).entries) == 4
