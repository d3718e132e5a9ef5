"""Runs that differ in one thing: told apart, put side by side, or refused by name; half a run is named."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from taxoeval.compare import blocks, compared, find_runs
from taxoeval.compare.__main__ import main
from taxoeval.compare.changes import changes
from taxoeval.compare.names import labels
from taxoeval.compare.overview import overview, sentences
from taxoeval.compare.page import to_html
from taxoeval.compare.sheets import sheet
from taxoeval.records import Score
from taxoeval.reports import Cell
from tests.compare import make

LATER = "2026-11-22T10:00:00+00:00"


def asked(encoder, right, counterfactual, *, seed=0):
    """A zero-shot cell, and the configuration of its run."""
    made = make.cell(encoder, right, task="zero_shot", seed=seed)
    details = {"prompts_sha256": f"{counterfactual}"}
    prompts = {"text_type": "taxon", "counterfactual": counterfactual}
    config = {"task": {"zero_shot": {"prompts": prompts, "per_rank": True}}, "prompts": prompts}
    return replace(made, details=details), config


def written(folder: Path, *cells):
    for i, (cell, config) in enumerate(cells):
        make.write(folder / str(i), cell, config=config)
    return blocks(find_runs([folder]).runs)


def test_one_encoder_under_several_prompts_is_one_table(tmp_path: Path):
    (block,) = written(tmp_path, asked("a", 0.9, None), asked("a", 0.5, "shuffled", seed=1))
    assert labels(block) == ["a, counterfactual=null", "a, counterfactual=shuffled"]
    assert block.earlier == {}
    assert block.apart == ()
    found = compared(block)["right_species"]
    assert found.tied.tolist() == [True, False]
    assert found.difference[1] < found.high[1] < 0


def test_several_encoders_under_the_same_several_prompts_are_one_table(tmp_path: Path):
    grid = [asked(name, 0.9, prompts) for name in ("a", "b") for prompts in (None, "shuffled")]
    (block,) = written(tmp_path, *grid)
    assert sorted(labels(block)) == [f"{n}, counterfactual={p}" for n in ("a", "b") for p in ("null", "shuffled")]


def test_encoders_that_were_asked_differently_are_not_compared(tmp_path: Path):
    first, second = written(tmp_path, asked("a", 0.9, None), asked("b", 0.9, "shuffled"))
    assert first.apart == second.apart == ("prompts",)
    assert first.here == ("prompts.counterfactual=null",)
    notes = sheet(second, compared(second)).notes
    assert any("for prompts differ (here: prompts.counterfactual=shuffled)" in note for note in notes)


def test_an_encoder_without_texts_has_no_prompts_to_differ_in(tmp_path: Path):
    cell, config = asked("a", 0.9, None)
    (block,) = written(tmp_path, (cell, config), (make.cell("b", 0.8, task="zero_shot"), config))
    assert [entry.encoder for entry in block.entries] == ["a", "b"]


def test_settings_that_differ_are_named(tmp_path: Path):
    made = [
        (make.cell("a", 0.9), {"task": {"knn": {"k": k, "device": device}}}) for k, device in ((1, "cpu"), (5, "mps"))
    ]
    assert [block.here for block in written(tmp_path, *made)] == [("task.knn.k=1",), ("task.knn.k=5",)]


def test_the_device_is_no_difference(tmp_path: Path):
    made = [(make.cell(n, 0.9), {"task": {"knn": {"k": 1, "device": d}}}) for n, d in (("a", "cpu"), ("b", "cuda"))]
    assert len(written(tmp_path, *made)) == 1


def test_two_runs_with_one_name_are_told_apart(tmp_path: Path):
    for folder, digest, started in (("x", "1", LATER), ("y", "2", LATER), ("z", "3", "2026-11-23T10:00:00+00:00")):
        make.write(tmp_path / folder, make.cell("a", 0.9), name="mine", started=started)
        path = tmp_path / folder / "run.json"
        meta = json.loads(path.read_text())
        meta["fingerprints"]["encoder"]["weights"] = digest
        path.write_text(json.dumps(meta))
    (block,) = blocks(find_runs([tmp_path]).runs)
    names = labels(block)
    assert len(set(names)) == 3
    assert f"a, mine, {tmp_path / 'x'}" in names
    assert "a, mine, 2026-11-23T10:00:00+00:00" in names


def test_the_same_answers_at_two_dates_are_no_change(tmp_path: Path):
    make.write(tmp_path / "old", make.cell("a", 0.9))
    make.write(tmp_path / "new", make.cell("a", 0.9), started=LATER)
    (block,) = blocks(find_runs([tmp_path]).runs)
    assert changes(block)[0]["right_species"].difference == 0
    assert "a: the same answers as its run of 2026-11-21T10:00:00+00:00" in sheet(block, compared(block)).notes


def test_a_control_repeated_by_the_jobs_of_a_sweep_is_no_change(tmp_path: Path):
    for i, started in enumerate(("2026-11-21T10:00:00+00:00", LATER)):
        control = make.cell("colours", 0.2, role="control")
        make.write(tmp_path / str(i), make.cell(f"e{i}", 0.9), control, started=started, group="sweep")
    (block,) = blocks(find_runs([tmp_path]).runs)
    assert block.earlier
    assert changes(block) == {}


def test_the_change_is_in_the_csv(tmp_path: Path):
    make.write(tmp_path / "runs" / "old", make.cell("a", 0.5))
    make.write(tmp_path / "runs" / "new", make.cell("a", 0.9), started=LATER)
    assert main([str(tmp_path / "runs"), "--output", str(tmp_path / "t.csv")]) == 0
    with (tmp_path / "t.csv").open() as file:
        (row,) = [r for r in csv.DictReader(file) if (r["metric"], r["rank"], r["k"]) == ("rank_hits", "species", "1")]
    hits = [make.predictions(right) for right in (0.9, 0.5)]
    right = [(p.taxon[:, 1, 0] == p.target).mean() for p in hits]
    assert float(row["change"]) == pytest.approx(right[0] - right[1], abs=1e-12)
    assert float(row["change_low"]) < float(row["change"]) < float(row["change_high"])


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ("species", "good"),
        ("genus", "good"),
        ("distance", "good"),
        ("severity", "kind"),
        ("p", "good"),
        ("encoder", "good"),
    ],
)
def test_every_column_sorts(tmp_path: Path, by, first):
    make.write(tmp_path / "0", make.cell("good", 0.9, seed=1))
    make.write(tmp_path / "1", make.cell("kind", 0.3, seed=2))
    (block,) = blocks(find_runs([tmp_path]).runs)
    found = compared(block)
    severity = {e.encoder: e.scores["mistake_severity", 1, ""]["value"] for e in block.entries}
    if by == "severity":
        first = min(severity, key=lambda name: severity[name])
    assert sheet(block, found, sort=by).rows[0][0] == first


def test_a_column_that_does_not_exist_is_named(tmp_path: Path, capsys):
    make.write(tmp_path / "0", make.cell("a", 0.9))
    assert main([str(tmp_path), "--sort", "speices"]) == 1
    assert "--sort speices: there is no such column; there are encoder, genus, species" in capsys.readouterr().err


def test_half_a_run_and_no_run_are_named(tmp_path: Path, capsys):
    make.write(tmp_path / "whole", make.cell("a", 0.9))
    make.write(tmp_path / "half", make.cell("b", 0.9))
    (tmp_path / "half" / "scores.parquet").write_bytes(b"PAR1")
    make.write(tmp_path / "cut", make.cell("c", 0.9))
    meta = (tmp_path / "cut" / "run.json").read_text()
    (tmp_path / "cut" / "run.json").write_text(meta[: len(meta) // 2])
    make.write(tmp_path / "gone", make.cell("d", 0.9))
    (tmp_path / "gone" / "images.parquet").unlink()
    assert main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for folder in ("half", "cut", "gone"):
        assert f"{tmp_path / folder}: " in out
    assert "a " in out


def numbers(encoder, shift, part):
    rows = tuple(
        Score(
            "map_at_r",
            value + shift,
            40,
            rank,
            1,
            value - 0.125,
            value + 0.125,
            0.125,
            float("nan"),
            True,
            "retrieval",
            "",
            part,
        )
        for rank, value in (("genus", 0.75), ("species", 0.5))
    )
    return rows


def retrieval(encoder, shift, parts):
    rows = tuple(row for part in parts for row in numbers(encoder, shift, part))
    return Cell(encoder, "encoder", "retrieval", "ok", scores=rows)


def test_numbers_without_images_stand_side_by_side(tmp_path: Path, capsys):
    parts = ("image_to_image", "text_to_image, genus", "text_to_image, species")
    for i, name in enumerate(("a", "b")):
        make.write(tmp_path / name, retrieval(name, 0.125 * i, parts), config={"task": {"retrieval": {}}})
    first = blocks(find_runs([tmp_path]).runs)[0]
    table = sheet(first, compared(first))
    assert table.header == ("encoder", "map at r\nspecies")
    assert table.rows == (("a", ".50 ±.12"), ("b", ".62 ±.12"))
    assert table.notes[0] == "by chance (at species): map at r .12"
    assert main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "birds, retrieval, text_to_image, species" in out
    assert "birds, retrieval, text_to_image, genus" not in out
    assert "also compared, in the files (--output table.html): text_to_image, genus" in out


def test_the_overview_has_a_column_per_question_and_says_who_leads(tmp_path: Path):
    config = {"task": {"knn": {}, "few_shot": {}}}
    for name, right in (("a", 0.9), ("b", 0.4)):
        cells = [make.cell(name, right, task=task, seed=len(task)) for task in ("knn", "few_shot")]
        make.write(tmp_path / name, *cells, config=config)
    results = [(block, compared(block)) for block in blocks(find_runs([tmp_path]).runs)]
    whole = overview(results)
    assert whole is not None
    assert whole.header == ("encoder", "birds\nknn\nspecies", "birds\nfew_shot\nspecies")
    assert [row[0] for row in whole.rows] == ["a", "b"]
    assert [cell[-1] for cell in whole.rows[0][1:]] == ["●", "●"]
    value = 100 * results[0][1]["right_species"].mean[0]
    line = sentences(results)[0]
    assert line.startswith(f"birds, knn: a gives the right species for {value:.1f} % of 240 images, ")
    assert line.endswith(" more than b, the next.")
    one = results[0][1]["right_species"]
    ends = f"{-100 * one.high[1]:.1f} to {-100 * one.low[1]:.1f}"
    assert f"{100 * (one.mean[0] - one.mean[1]):.1f} points ({ends}) more" in line
    assert overview(results[:1]) is None
    page = to_html(results)
    assert "Is the most similar other image of the same taxon?" in page
    assert np.all([f'<td class="text">{name}</td>' in page for name in ("a", "b")])
