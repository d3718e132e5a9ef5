"""The figures of a run show the numbers of its tables, and nothing is drawn where there is nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from taxoeval.reports import write_run
from taxoeval.reports.figures import write_figures
from taxoeval.reports.figures.accuracy_by_rank import accuracy_by_rank
from taxoeval.reports.figures.mistake_distance import mistake_distance
from taxoeval.reports.mistakes import write_mistakes
from tests.reports import fake


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("run")
    write_run(fake.run(), place)
    write_mistakes(fake.run(), place)
    return place


def lines(axes) -> dict[str, list[float]]:
    return {line.get_label(): line.get_ydata().tolist() for line in axes.get_lines()}


def test_accuracy_is_that_of_the_table(folder: Path) -> None:
    figure = accuracy_by_rank(pd.read_parquet(folder / "scores.parquet"), fake.RANKS)
    shown = {axes.get_title(loc="left"): lines(axes) for axes in figure.axes if axes.get_visible()}
    assert shown["knn"]["mini_clip"] == [100.0, 87.5, 50.0]  # the genus is unknown and has no place
    assert shown["knn"]["chance"] == [100.0, 62.5, 25.0]
    assert any("control" in label for label in shown["knn"])
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["order", "family", "species"]


def test_more_parts_than_a_reader_looks_at(folder: Path) -> None:
    rows = pd.read_parquet(folder / "scores.parquet")
    many = pd.concat([rows.assign(slice=f"part {i}") for i in range(14)])
    figure = accuracy_by_rank(many[many.task == "knn"], fake.RANKS)
    assert sum(axes.get_visible() for axes in figure.axes) == 12
    assert "2 further parts: scores.parquet" in figure.get_supxlabel()


def test_bars_of_mistakes_are_shares(folder: Path) -> None:
    rows = pd.DataFrame(
        {
            "dataset": "birds", "encoder": "net", "task": "few_shot", "decoder": "leaf_argmax",
            "slice": ["1-shot fold 0"] * 2 + ["1-shot fold 1"] * 2,
            "wrong_from": ["species", "order"] * 2, "n": [3, 1, 2, 4], "chance": [0.1, 0.9, 0.1, 0.9],
        }
    )  # fmt: skip
    figure = mistake_distance(rows, ("order", "species"))
    bars = [bar for bar in figure.axes[0].patches if bar.get_width() > 0]
    thick = {round(bar.get_x(), 6): bar.get_width() for bar in bars if bar.get_height() > 0.5}
    assert thick == pytest.approx({0.0: 50.0, 50.0: 50.0})  # the folds together: 5 of 10 and 5 of 10
    thin = [bar.get_width() for bar in bars if bar.get_height() < 0.5]
    assert thin == pytest.approx([10.0, 90.0])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["net, few_shot, 1-shot"]


def test_files_of_a_run(folder: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in write_figures(folder))
    kinds = ("pdf", "png", "svg")
    assert names == [f"{name}.{kind}" for name in ("accuracy_by_rank", "mistake_distance") for kind in kinds]
    before = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    write_figures(folder)
    assert before == {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    bare = replace(fake.run(), cells=tuple(replace(cell, scores=(), predictions=()) for cell in fake.run().cells))
    write_run(bare, tmp_path / "bare")
    assert write_figures(tmp_path / "bare") == []
    assert not (tmp_path / "bare" / "figures").exists()


def test_nothing_wrong_is_nothing_to_draw(folder: Path) -> None:
    rows = pd.read_parquet(folder / "mistake_ranks.parquet")
    assert mistake_distance(rows.assign(n=0), fake.RANKS) is None
    assert accuracy_by_rank(pd.read_parquet(folder / "scores.parquet").assign(n=np.int64(0)), fake.RANKS) is None
