"""One task of a run: what a fault costs."""

import pytest

from taxoeval import evaluation
from taxoeval.tasks.base import TaskResult
from tests.tasks.clades import clade


def test_a_figure_that_cannot_be_drawn_costs_the_figure_only(tmp_path, monkeypatch: pytest.MonkeyPatch):
    def fault(records):
        raise ValueError("no such colour")

    monkeypatch.setattr(evaluation, "draw_all", fault)
    result = TaskResult((), (), ("a note",))
    cell = evaluation._ask("x", "encoder", "knn", lambda subject: result, clade(), tmp_path)
    assert (cell.status, cell.figures) == ("ok", {})
    assert cell.notes == ("a note", "its figures were not drawn: ValueError: no such colour")
