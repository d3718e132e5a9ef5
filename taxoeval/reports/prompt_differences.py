"""Whether the numbers of a run that rest on texts rest on the same texts: only then is one better than another."""

from collections.abc import Iterable, Mapping
from typing import Any

from taxoeval.reports.run import Cell

SETTINGS = ("text_type", "templates", "exact_holes", "counterfactual", "seed")
"""What of a cell's details says how texts are written."""


def prompt_differences(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Sentences about encoders, and tasks, that were asked with different texts.

    Texts of one task differ between encoders if their digests do. Those of two tasks are about different taxa; they
    differ if they were written in different ways.

    Parameters
    ----------
    cells
        Those of a run, or of several about one dataset.

    Returns
    -------
    warnings
        One for each task whose encoders differ, and one if tasks do; empty if all were asked alike.

    Examples
    --------
    >>> one, other = ({"text_type": "sci", "templates": "none", "prompts_sha256": sha} for sha in ("1f", "9c"))
    >>> cells = [Cell("a", "encoder", "zero_shot", "ok", details=one),
    ...          Cell("b", "control", "zero_shot", "ok", details=other)]
    >>> print(*prompt_differences(cells))
    zero_shot: a (sci, none) and b (sci, none) were asked with different texts: their numbers cannot be compared
    """
    asked = [cell for cell in cells if "prompts_sha256" in cell.details]
    found = []
    for task in dict.fromkeys(cell.task for cell in asked):
        by_text = {cell.details["prompts_sha256"]: cell for cell in asked if cell.task == task}
        if len(by_text) > 1:
            listed = " and ".join(f"{cell.encoder} ({_written(cell.details)})" for cell in by_text.values())
            found.append(f"{task}: {listed} were asked with different texts: their numbers cannot be compared")
    by_way: dict[str, list[str]] = {}
    for cell in {cell.task: cell for cell in reversed(asked)}.values():  # the first cell of each task
        by_way.setdefault(_written(cell.details), []).insert(0, cell.task)
    if len(by_way) > 1:
        listed = "; ".join(f"{', '.join(tasks)}: {way}" for way, tasks in reversed(by_way.items()))
        found.append(f"texts are written differently from task to task ({listed})")
    return tuple(found)


def _written(details: Mapping[str, Any]) -> str:
    """How texts were written, in words."""
    stated = {key: details[key] for key in SETTINGS if details.get(key) is not None and details[key] is not False}
    return ", ".join(str(value) if key in SETTINGS[:2] else f"{key}={value}" for key, value in stated.items())
