"""Texts that differ between encoders of one task, or between tasks, are told; those that agree are not."""

from taxoeval.reports import Cell
from taxoeval.reports.prompt_differences import prompt_differences

PLAIN = {"text_type": "sci", "templates": "one", "prompts_sha256": "aa"}


def cell(encoder, task, **details):
    return Cell(encoder, "encoder", task, "ok", details={**PLAIN, **details})


def test_alike():
    other_taxa = cell("a", "retrieval", prompts_sha256="bb")  # of all ranks: other texts, written alike
    no_text = Cell("c", "control", "zero_shot", "unsupported", "no text tower")
    assert prompt_differences([cell("a", "zero_shot"), cell("b", "zero_shot"), other_taxa, no_text]) == ()
    assert prompt_differences([]) == ()


def test_encoders_that_were_asked_differently():
    changed = cell("b", "zero_shot", templates="openai81", prompts_sha256="cc")
    (only,) = prompt_differences([cell("a", "zero_shot"), changed])
    assert only.startswith(
        "zero_shot: a (sci, one) and b (sci, openai81) were asked with different texts: their numbers"
    )


def test_tasks_that_were_asked_differently():
    turned = cell("a", "alignment", counterfactual="nonsense", seed=0, prompts_sha256="dd")
    (only,) = prompt_differences([cell("a", "zero_shot"), turned])
    assert only.endswith("(zero_shot: sci, one; alignment: sci, one, counterfactual=nonsense, seed=0)")
