"""The printed tables, letter by letter: what a biologist sees, also in a file without colours."""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from taxoeval.errors import TaxoevalError
from taxoeval.records import Score
from taxoeval.reports import Cell, print_run
from taxoeval.reports.numbers import percent
from tests.reports import fake


def printed(run, width: int = 100, folder: Path | None = None) -> str:
    file = io.StringIO()
    print_run(run, folder, Console(file=file, width=width, highlight=False))
    return file.getvalue()


GOLDEN = """
corvids [test]: 40 images, 9 taxa
- species column holds epithets [read as binomials]

mini_clip, knn, leaf_argmax
                                                      control
                                                       colour     most
rank      accuracy %             per taxon %          texture   common   chance    n
────────────────────────────────────────────────────────────────────────────────────
order     100.0 one taxon only   100.0                  100.0    100.0    100.0   40
family     87.5 (75.0–100.0)      87.5 (75.0–100.0)      62.5     75.0     62.5   40
genus         –                      –                      –        –        –    0
species    50.0 (37.5–62.5)       50.0 (37.5–62.5)       25.0     40.0     25.0   38
mistake severity: 1.50 (1.38–1.62) ranks to climb, chance 2.25, over 19 wrong images
average hierarchical distance: 0.75 (0.62–0.88) ranks to climb, chance 1.69, over 38 images
candidates: 3 taxa
note: 3 of 40 queries have no other image of their own taxon

mini_clip, zero_shot, rank_sum
                                                       most
rank      accuracy %             per taxon %         common   chance    n
─────────────────────────────────────────────────────────────────────────
order     100.0 one taxon only   100.0                100.0    100.0   40
family     75.0 (62.5–87.5)       75.0 (62.5–87.5)     75.0     62.5   40
genus         –                      –                    –        –    0
species    37.5 (25.0–50.0)       37.5 (25.0–50.0)     40.0     25.0   38
mistake severity: 1.50 (1.38–1.62) ranks to climb, chance 2.25, over 19 wrong images
average hierarchical distance: 0.75 (0.62–0.88) ranks to climb, chance 1.69, over 38 images

colour_texture (control), zero_shot: unsupported: colour_texture has no text tower

accuracy: % of images given the right taxon of that rank; per taxon: mean of the taxa's accuracies
in brackets: 95 % interval, for other taxa and other images of the kind; n: images scored
decoders: rules that turn the same scores into answers; contradicting: % of images whose answers at
two ranks exclude each other; at the finest rank, %: calib. error (stated minus observed; fitted:
under the temperature fitted), answered, alike (same answer as the first decoder)
most common: always answering the commonest taxon; chance: a blind guess among the candidates
ranks to climb: from the true taxon up to the first that it shares with the answer

results: outputs/1
"""


def test_the_whole_page():
    lines = [line.rstrip() for line in printed(fake.run(), folder=Path("outputs/1")).splitlines()]
    assert "\n".join(lines) == GOLDEN.rstrip("\n")


@pytest.mark.parametrize("width", [80, 100])
def test_it_fits(width: int):
    kingdoms = tuple(
        fake.score(metric, 0.99991, "kingdom", n=100_000, low=0.99985, high=0.99997, majority=0.99995, chance=0.00042)
        for metric in ("rank_hits", "rank_hits_macro")
    )
    tree = fake.taxonomy()
    cells = tuple(
        Cell(name, role, "knn", "ok", scores=tuple(replace(score, rank="species") for score in kingdoms))
        for name, role in (("mini_clip", "encoder"), ("colour_texture", "control"))
    )
    lines = printed(fake.run(cells=cells, taxonomy=tree), width).splitlines()
    assert max(map(len, lines)) <= width
    (row,) = [line for line in lines if line.startswith("species")]
    assert row.split() == ["species", *["99.99", "(99.98–99.99)"] * 2, "99.99", "99.99", "0.042", "100,000"]


def test_folds_are_counted_and_their_spread_shown():
    nothing = {"low": math.nan, "high": math.nan, "chance": math.nan, "majority": math.nan}
    scores = (
        fake.score(slice="5-shot"),
        fake.score("rank_hits_fold_std", 0.0125, n=5, slice="5-shot", **nothing),
        fake.score(slice="1-shot", value=0.25, **{**nothing, "chance": 0.25}),
    )
    tree = fake.taxonomy()
    folds = [replace(fake.predictions(tree), slice=f"5-shot fold {i}") for i in range(2)]
    folds[1] = replace(folds[1], candidates=folds[1].candidates[:2])
    text = printed(fake.run(cells=(Cell("e", "encoder", "few_shot", "ok", scores=scores, predictions=tuple(folds)),)))
    five, one = text.split("e, few_shot, ")[1:]
    assert five.startswith("5-shot, leaf_argmax\n")
    assert "spread of species accuracy over 5 draws of support images: 1.2 points (standard deviation)" in five
    assert "candidates: 2 to 3 taxa" in five
    assert one.startswith("1-shot, leaf_argmax\n")
    assert "candidates:" not in one
    (row,) = [line for line in one.splitlines() if line.startswith("species")]
    assert row.split() == ["species", "25.0", "–", "–", "25.0", "40"]  # neither interval, macro nor majority is known


def test_no_mistakes():
    perfect = fake.score("mistake_severity", math.nan, "", n=0, low=math.nan, high=math.nan)
    cells = (Cell("e", "encoder", "knn", "ok", scores=(fake.score(), perfect)),)
    assert "mistake severity: no mistakes\n" in printed(fake.run(cells=cells))


def test_a_control_without_partner_has_a_table_of_its_own():
    *_, control, _ = fake.run().cells
    failed = Cell("mini_clip", "encoder", "knn", "failed", "weights.safetensors: no such file")
    text = printed(fake.run(cells=(failed, control)))
    assert "mini_clip, knn: failed: weights.safetensors: no such file\n" in text
    assert "colour_texture (control), knn, leaf_argmax\n" in text


def test_names_are_no_markup():
    cells = (Cell("[red]e[/red]", "encoder", "knn", "ok", scores=fake.scores(), notes=("note [/bold] :bird:",)),)
    text = printed(fake.run(cells=cells, dataset="[/] birds"))
    assert "[/] birds: 40 images" in text
    assert "[red]e[/red], knn, leaf_argmax" in text
    assert "note: note [/bold] :bird:" in text


def test_colours_only_on_a_terminal():
    file = io.StringIO()
    print_run(fake.run(), None, Console(file=file, width=100, force_terminal=True, color_system="standard"))
    assert "\x1b[" in file.getvalue()
    assert "\x1b[" not in printed(fake.run())


def test_standard_output_that_is_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "30")  # of some terminal far away
    print_run(fake.run(), Path("outputs") / ("a" * 120))
    text = capsys.readouterr().out
    assert f"results: outputs/{'a' * 120}\n" in text  # never broken, so that it can be copied
    assert max(len(line) for line in text.splitlines() if "aaa" not in line) > 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.99949, "99.9"),
        (0.9995, "99.95"),
        (1 - 1e-9, "99.99"),
        (0.5, "50.0"),
        (0.01, "1.0"),
        (0.0051, "0.51"),
        (1e-9, "<0.001"),
    ],
)
def test_percent(value: float, text: str):
    assert percent(value) == text


def test_scores_alone_are_enough():
    row = Score("rank_hits", 0.5, 10, "species", 1, 0.25, 0.75, 0.1, 0.2, True, "knn", "leaf_argmax")
    assert "50.0 (25.0–75.0)" in printed(fake.run(cells=(Cell("e", "encoder", "knn", "ok", scores=(row,)),)))


def test_decoders_are_compared_where_there_are_several():
    scores = [
        *fake.scores("knn", "leaf_argmax"),
        *fake.scores("knn", "rank_sum", 0.125),
    ]
    printed_page = printed(fake.run(cells=(Cell("mini_clip", "encoder", "knn", "ok", scores=tuple(scores)),)))
    lines = printed_page.splitlines()
    (heading,) = [i for i, line in enumerate(lines) if line.startswith("decoder ")]
    assert lines[heading].split() == [
        "decoder",
        "family",
        "species",
        "severity",
        "distance",
        "dicting",
        "error",
        "answered",
    ]
    assert [line.split()[:3] for line in lines[heading + 2 : heading + 4]] == [
        ["leaf_argmax", "87.5", "50.0"],
        ["rank_sum", "75.0", "37.5"],
    ]


def decoders_printed(width: int) -> list[str]:
    """A cell with 17 decoders, all columns in use."""
    names = ["leaf_argmax", "rank_sum", *(f"climb_at_0.{i}" for i in range(10, 25))]
    one = [
        *(fake.score("rank_hits", 0.75, rank) for rank in fake.RANKS),
        fake.score("mistake_severity", 1.5, ""),
        fake.score("average_hierarchical_distance", 0.75, ""),
        fake.score("tice", 1 / 3, ""),
        fake.score("coverage", 1.0),
        fake.score("calibration_error", 0.2034),
        fake.score("calibration_error_fitted", 0.0456),
    ]
    scores = [replace(score, decoder=name) for name in names for score in one]
    pairs = [
        ("all", rank, names[0], name, 0.123 if rank == "species" else 0.9) for name in names[1:] for rank in fake.RANKS
    ]
    parted = [("all", "rank_sum", "", 0.9), ("all", "rank_sum", "family", 0.06), ("all", "rank_sum", "genus", 0.04)]
    tables = {
        "decoder_agreement": dict(
            zip(("part", "rank", "one", "other", "agreement"), map(np.array, zip(*pairs, strict=True)), strict=True)
        ),
        "first_contradiction": dict(
            zip(("part", "decoder", "rank", "share"), map(np.array, zip(*parted, strict=True)), strict=True)
        ),
    }
    cell = Cell("mini_clip", "encoder", "knn", "ok", scores=tuple(scores), tables=tables)
    return printed(fake.run(cells=(cell,)), width).splitlines()


def test_the_table_of_decoders():
    lines = [" ".join(line.split()) for line in decoders_printed(100)]
    assert "decoder order family genus species ity tance dicting error fitted wered alike" in lines
    assert "leaf_argmax 75.0 75.0 75.0 75.0 1.50 0.75 33.3 20.3 4.6 100.0 100.0" in lines
    assert "climb_at_0.24 75.0 75.0 75.0 75.0 1.50 0.75 33.3 20.3 4.6 100.0 12.3" in lines
    assert "first contradiction, % of images: rank_sum family 6.0, genus 4.0" in lines


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_of_decoders_fits(width: int):
    assert max(map(len, decoders_printed(width))) <= width
    assert any(line.startswith("climb_at_0.24") for line in decoders_printed(width))


def test_quiet_and_verbose(tmp_path: Path):
    def told(detail) -> str:
        file = io.StringIO()
        print_run(fake.run(), tmp_path, Console(file=file, width=300, highlight=False), detail=detail)
        return file.getvalue()

    quiet = [line for line in told("quiet").splitlines() if line]
    assert quiet == [
        "colour_texture (control), zero_shot: unsupported: colour_texture has no text tower",
        f"results: {tmp_path}",
    ]
    two = replace(fake.run().cells[0], scores=(*fake.scores(), *fake.scores(decoder="crm", shift=0.125)))
    run = replace(fake.run(), cells=(two,))
    assert "mini_clip, knn, crm" not in printed(run)
    file = io.StringIO()
    print_run(run, None, Console(file=file, width=100, highlight=False), detail="verbose")
    assert "mini_clip, knn, crm" in file.getvalue()
    with pytest.raises(TaxoevalError, match="console='loud' is none of quiet, normal, verbose"):
        told("loud")


def test_numbers_at_ranks_stand_side_by_side():
    rows = tuple(
        fake.score("precision_at_k", value, rank, k=k, decoder="", chance=0.125)
        for k, values in ((1, (0.75, 0.5)), (5, (0.625, 0.25)))
        for rank, value in zip(("family", "species"), values, strict=True)
    )
    run = replace(fake.run(), cells=(Cell("mini_clip", "encoder", "retrieval", "ok", scores=rows),))
    file = io.StringIO()
    print_run(run, None, Console(file=file, width=100, highlight=False), detail="verbose")
    lines = [line.split() for line in file.getvalue().splitlines()]
    assert ["quantity", "family", "species"] in lines
    assert ["precision", "at", "k", ".75", ".50"] in lines
    assert ["precision", "at", "k", "@5", ".62", ".25"] in lines
    assert lines.count(["chance", ".12", ".12"]) == 2
    short = printed(run)
    assert "precision at k" in short
    assert "@5" not in short
    assert "2 further numbers: scores.parquet, or runtime.console=verbose" in short


def test_of_parts_that_differ_by_a_rank_only_the_finest_is_printed():
    parts = ["image_to_image", "text_to_image, family", "text_to_image, species"]
    rows = tuple(fake.score("map_at_r", 0.5, "species", decoder="", slice=part, chance=0.1) for part in parts)
    run = replace(fake.run(), cells=(Cell("mini_clip", "encoder", "retrieval", "ok", scores=rows),))
    text = printed(run)
    assert "mini_clip, retrieval, image_to_image" in text
    assert "mini_clip, retrieval, text_to_image, species" in text
    assert "mini_clip, retrieval, text_to_image, family" not in text
    assert "also: text_to_image, family: scores.parquet" in text
