"""What must be equal for two numbers to be compared, and by which settings two runs differ."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from taxoeval.encoders.base import canonical_json

APART_FROM_RESULTS = ("prompts", "device")
"""Settings of a task that are looked at elsewhere, or change no number."""


def conditions(
    meta: Mapping[str, Any], cell: Mapping[str, Any], part: str, decoder: str, images: str
) -> dict[str, str]:
    """Digests of what a cell's numbers were asked of, by name.

    Parameters
    ----------
    meta
        Content of ``run.json``.
    cell
        One of its cells.
    part, decoder
        Which of its numbers.
    images
        Digest of the images and true taxa that these were tested on; ``""`` where there is no value per image: then all
        images of the run count.
    """
    answers = [a for a in cell["answers"] if a["decoder"] == decoder and _within(a["slice"], part)]
    config = meta["config"]
    task = config.get("task", {}).get(cell["task"]) or {}
    told = {
        "taxonomy": meta["taxonomy"]["digest"],
        "images": images or meta.get("hashes", {}).get("labels") or "",
        "candidates": sorted(a["candidates"] for a in answers),
        "settings of the task": {key: value for key, value in task.items() if key not in APART_FROM_RESULTS},
        "decoding": config.get("decoding"),
    }
    texts = cell["details"].get("prompts_sha256")
    return {name: digest(value) for name, value in told.items()} | {"prompts": digest(texts) if texts else ""}


def _within(piece: str, part: str) -> bool:
    return piece == part or piece.startswith(f"{part} ")


def digest(value: Any) -> str:
    """Sixteen digits that tell two values apart."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def settings(config: Mapping[str, Any], task: str) -> dict[str, str]:
    """The settings that a task's numbers may depend on, by the key one types on the command line.

    Examples
    --------
    >>> settings({"task": {"knn": {"k": 5}}, "prompts": {"counterfactual": None}}, "knn")
    {'prompts.counterfactual': 'null', 'task.knn.k': '5'}
    """
    own = dict(config.get("task", {}).get(task) or {})
    if own.get("prompts") == config.get("prompts"):
        own.pop("prompts", None)
    parts = {"dataset": config.get("dataset"), "prompts": config.get("prompts"), "decoding": config.get("decoding")}
    return dict(_flat(parts | {f"task.{task}": own}))


def _flat(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            if key not in ("_target_", "device"):
                yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif node is not None or "." in prefix:
        yield prefix, "null" if node is None else str(node)


def telling(of: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    """For each of several settings, those in which they differ, as one would type them.

    Examples
    --------
    >>> telling([{"a.k": "1", "a.b": "2"}, {"a.k": "5", "a.b": "2"}])
    [('a.k=1',), ('a.k=5',)]
    """
    keys = [key for key in dict.fromkeys(key for one in of for key in one) if len({one.get(key) for one in of}) > 1]
    return [tuple(f"{key}={one[key]}" for key in keys if key in one) for one in of]
