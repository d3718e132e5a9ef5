"""Which numbers may stand in one table: the same question about the same images among the same candidates."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.encoders.base import canonical_json
from taxoeval.reports.files import SavedRun

Key = tuple[str, str, str, str]
"""Dataset, task, part of the data, decoder."""


@dataclass(frozen=True, eq=False)
class Entry:
    """The numbers of one encoder for one question.

    Attributes
    ----------
    encoder, role, name
        The encoder, whether it is a control, and the name of its run.
    started
        When the run started.
    status, reason
        ``ok``, or why there are no numbers.
    scores
        Rows of the run's scores by metric, k and rank.
    conditions
        What must be equal for two entries to be compared, by name.
    identity
        Digest of the encoder's fingerprint: what makes two entries the same encoder at two dates.
    run
        The run it comes from.
    """

    encoder: str
    role: str
    name: str
    started: str
    status: str
    reason: str
    scores: Mapping[tuple[str, int, str], Mapping[str, Any]]
    conditions: Mapping[str, str]
    identity: str
    run: SavedRun


@dataclass(frozen=True, eq=False)
class Block:
    """Entries that answer one question under the same conditions.

    Attributes
    ----------
    dataset, task, part, decoder
        The question.
    ranks
        Names of the ranks, coarse to fine.
    entries
        One per encoder, the newest where one was run several times; those without numbers last.
    earlier
        Older entries of the same encoders, by position among ``entries``.
    apart
        Why this block is not one with another of the same question: the conditions in which they differ.
    """

    dataset: str
    task: str
    part: str
    decoder: str
    ranks: tuple[str, ...]
    entries: tuple[Entry, ...]
    earlier: Mapping[int, Entry]
    apart: tuple[str, ...]

    @property
    def key(self) -> Key:
        """Dataset, task, part of the data, decoder."""
        return self.dataset, self.task, self.part, self.decoder


def blocks(runs: Sequence[SavedRun]) -> list[Block]:
    """Sort the numbers of many runs into tables that compare like with like.

    Two entries stand in one block if dataset, task, part of the data and decoder have the same names, and taxonomy,
    images, candidates, settings of the task, prompts and decoding are the same. Otherwise there are several blocks for
    the question, and each says in what they differ.

    Parameters
    ----------
    runs
        Finished runs.

    Returns
    -------
    blocks
        By dataset, then task, part and decoder in the order in which the runs have them.
    """
    entries: dict[Key, list[Entry]] = {}
    ranks: dict[Key, tuple[str, ...]] = {}
    lacking: dict[tuple[str, str], list[Entry]] = {}
    for run in runs:
        for key, entry in _entries(run):
            if entry.status == "ok":
                entries.setdefault(key, []).append(entry)
                ranks[key] = tuple(run.meta["taxonomy"]["n_taxa"])
            else:
                lacking.setdefault(key[:2], []).append(entry)
    found = []
    for key, of in entries.items():
        groups: dict[str, list[Entry]] = {}
        for entry in of:
            groups.setdefault(canonical_json(dict(entry.conditions)), []).append(entry)
        apart = _differences([group[0].conditions for group in groups.values()])
        for group in groups.values():
            newest, earlier = _newest(group)
            missing = [e for e in lacking.get(key[:2], []) if e.encoder not in {x.encoder for x in newest}]
            found.append(Block(*key, ranks[key], (*newest, *_newest(missing)[0]), earlier, apart))
    return sorted(found, key=lambda block: block.dataset)


def _entries(run: SavedRun) -> Iterable[tuple[Key, Entry]]:
    meta = run.meta
    rows: dict[tuple[str, str, str], dict[tuple[str, str], dict[tuple[str, int, str], Mapping[str, Any]]]] = {}
    for row in run.scores().to_pylist():
        of = rows.setdefault((row["encoder"], row["role"], row["task"]), {})
        of.setdefault((row["slice"], row["decoder"]), {})[row["metric"], row["k"], row["rank"]] = row
    digests = _image_digests(run)
    for cell in meta["cells"]:
        who = (cell["encoder"], cell["role"], cell["task"])
        about: dict[str, Any] = {"encoder": cell["encoder"], "role": cell["role"], "name": meta["name"]}
        about |= {"started": meta["started"], "status": cell["status"], "reason": cell["reason"], "run": run}
        about["identity"] = canonical_json(meta["fingerprints"].get(cell["role"], cell["encoder"]))
        parts = rows.get(who, {}) if cell["status"] == "ok" else {("", ""): {}}
        for (part, decoder), scores in parts.items():
            conditions = _conditions(meta, cell, part, decoder, digests)
            key = (meta["dataset"]["name"], cell["task"], part, decoder)
            yield key, Entry(**about, scores=scores, conditions=conditions)


def _conditions(
    meta: Mapping[str, Any], cell: Mapping[str, Any], part: str, decoder: str, images: Mapping[Any, str]
) -> dict[str, str]:
    answers = [a for a in cell["answers"] if a["decoder"] == decoder and _within(a["slice"], part)]
    config = meta["config"]
    prompts = cell["details"].get("prompts_sha256")
    told = {
        "taxonomy": meta["taxonomy"]["digest"],
        "images": images.get((cell["encoder"], cell["role"], cell["task"], decoder, part), ""),
        "candidates": sorted(a["candidates"] for a in answers),
        "settings of the task": config.get("task", {}).get(cell["task"]),
        "decoding": config.get("decoding"),
        "prompts": prompts,
    }
    return {name: _digest(value) for name, value in told.items()}


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def _within(piece: str, part: str) -> bool:
    return piece == part or piece.startswith(f"{part} ")


def _image_digests(run: SavedRun) -> dict[tuple[str, str, str, str, str], str]:
    """Digest of the images and their true taxa, for each encoder, role, task, decoder and part of the data."""
    table = run.images()
    if not table.num_rows:
        return {}
    digests: dict[tuple[str, str, str, str, str], str] = {}
    for who, rows in pieces(table):
        part = parent_part(who[4])
        text = "\n".join(sorted({f"{s}\t{t}" for s, t in zip(rows["sample"], rows["target_path"], strict=True)}))
        digests[(*who[:4], part)] = _digest([digests.get((*who[:4], part), ""), text])
    return digests


def parent_part(piece: str) -> str:
    """The part of the data that a repeat belongs to.

    Examples
    --------
    >>> parent_part("5-shot fold 2"), parent_part("all")
    ('5-shot', 'all')
    """
    return piece.rsplit(" fold ", 1)[0]


def pieces(table: Any) -> Iterable[tuple[tuple[str, str, str, str, str], dict[str, NDArray[Any]]]]:
    """The rows of ``images.parquet`` by encoder, role, task, decoder and part; they lie one after the other."""
    names = ("encoder", "role", "task", "decoder", "slice")
    codes = [table[name].combine_chunks().dictionary_encode() for name in names]
    edges = np.zeros(table.num_rows, dtype=bool)
    edges[0] = True
    for column in codes:
        code = column.indices.to_numpy()
        edges[1:] |= code[1:] != code[:-1]
    starts = np.append(np.flatnonzero(edges), table.num_rows)
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        rows = table.slice(first, last - first)
        who = tuple(str(rows[name][0].as_py()) for name in names)
        columns = {name: _plain(name, rows[name]) for name in rows.column_names if name not in names}
        yield who, columns  # type: ignore[misc]  # five names, five texts


def _plain(name: str, column: Any) -> NDArray[Any]:
    """Names as objects, values as float64 with NaN where they are unknown."""
    if name in ("sample", "target_path"):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return np.asarray(column.cast("float64").to_numpy(zero_copy_only=False))


def _differences(conditions: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    names = conditions[0] if conditions else {}
    return tuple(name for name in names if len({one[name] for one in conditions}) > 1)


def _newest(entries: Sequence[Entry]) -> tuple[list[Entry], dict[int, Entry]]:
    """The newest entry of each encoder, and the one before it; encoders of one name and other settings stay apart."""
    by_encoder: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.started, reverse=True):
        by_encoder.setdefault((entry.role, entry.encoder, entry.identity), []).append(entry)
    order = {id(entry): place for place, entry in enumerate(entries)}
    groups = sorted(by_encoder.values(), key=lambda of: (of[0].role != "encoder", min(order[id(e)] for e in of)))
    return [of[0] for of in groups], {i: of[1] for i, of in enumerate(groups) if len(of) > 1}
