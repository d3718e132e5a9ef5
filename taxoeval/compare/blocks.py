"""Which numbers may stand in one table: the same question about the same images among the same candidates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.compare.conditions import conditions, digest, settings, telling
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
    settings
        What its numbers may depend on, by the key on the command line.
    notes
        What the task said of them.
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
    settings: Mapping[str, str]
    notes: tuple[str, ...]
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
    here
        The settings of this block where others of the same question have different ones: ``task.knn.k=5``.
    variants
        By position among ``entries``: the prompts of an entry, where those of others in the block are different.
    """

    dataset: str
    task: str
    part: str
    decoder: str
    ranks: tuple[str, ...]
    entries: tuple[Entry, ...]
    earlier: Mapping[int, Entry]
    apart: tuple[str, ...]
    here: tuple[str, ...] = ()
    variants: Mapping[int, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Dataset, task, part of the data, decoder."""
        return self.dataset, self.task, self.part, self.decoder


def blocks(runs: Sequence[SavedRun]) -> list[Block]:
    """Sort the numbers of many runs into tables that compare like with like.

    Two entries stand in one block if dataset, task, part of the data and decoder have the same names, and taxonomy,
    images, candidates, settings of the task, prompts and decoding are the same. Otherwise there are several blocks for
    the question, and each says in what they differ. Where the same encoders were all asked with several prompts, the
    prompts are what is compared: they stand in one block. An encoder without texts has no prompts to differ in.

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
        groups = _groups(of)
        apart = _differences([_conditions_of(group) for group in groups])
        here = telling([group[0].settings for group in groups]) if len(groups) > 1 else [()]
        for group, told in zip(groups, here, strict=True):
            variants = _variants(group)
            newest, earlier = _newest(group, variants)
            missing = [e for e in lacking.get(key[:2], []) if e.encoder not in {x.encoder for x in newest}]
            by_place = {
                i: name for i, entry in enumerate(newest) if (name := variants.get(entry.conditions["prompts"]))
            }
            every = (*newest, *_newest(missing, {})[0])
            found.append(Block(*key, ranks[key], every, earlier, apart, told, by_place))
    return sorted(found, key=lambda block: block.dataset)


def _groups(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that may stand in one table."""
    alike: dict[str, dict[str, list[Entry]]] = {}
    for entry in entries:
        others = {name: value for name, value in entry.conditions.items() if name != "prompts"}
        alike.setdefault(canonical_json(others), {}).setdefault(entry.conditions["prompts"], []).append(entry)
    groups = []
    for by_prompts in alike.values():
        without = by_prompts.pop("", [])
        asked = list(by_prompts.values())
        if len({frozenset((e.role, e.identity) for e in group) for group in asked}) == 1:
            asked = [[entry for group in asked for entry in group]]  # a full grid of encoders and prompts
        if asked:
            asked[0] += without
        groups += asked or [without]
    return groups


def _conditions_of(group: Sequence[Entry]) -> Mapping[str, str]:
    return next((e.conditions for e in group if e.conditions["prompts"]), group[0].conditions)


def _variants(group: Sequence[Entry]) -> dict[str, str]:
    """A name for each of the prompts of a group, by their digest; nothing if there is only one."""
    first = {e.conditions["prompts"]: e for e in reversed(group) if e.conditions["prompts"]}
    if len(first) < 2:
        return {}
    told = telling([entry.settings for entry in first.values()])
    return {
        texts: ", ".join(one.removeprefix("prompts.") for one in names) or texts[:6]
        for texts, names in zip(first, told, strict=True)
    }


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
        about |= {"settings": settings(meta["config"], cell["task"]), "notes": tuple(cell["notes"])}
        about["identity"] = canonical_json(meta["fingerprints"].get(cell["role"], cell["encoder"]))
        parts = rows.get(who, {}) if cell["status"] == "ok" else {("", ""): {}}
        for (part, decoder), scores in parts.items():
            images = digests.get((*who[:2], cell["task"], decoder, part), "")
            asked = conditions(meta, cell, part, decoder, images)
            yield (
                (meta["dataset"]["name"], cell["task"], part, decoder),
                Entry(**about, scores=scores, conditions=asked),
            )


def _image_digests(run: SavedRun) -> dict[tuple[str, str, str, str, str], str]:
    """Digest of the images and their true taxa, for each encoder, role, task, decoder and part of the data."""
    table = run.images()
    if not table.num_rows:
        return {}
    digests: dict[tuple[str, str, str, str, str], str] = {}
    for who, rows in pieces(table):
        part = parent_part(who[4])
        text = "\n".join(sorted({f"{s}\t{t}" for s, t in zip(rows["sample"], rows["target_path"], strict=True)}))
        digests[(*who[:4], part)] = digest([digests.get((*who[:4], part), ""), text])
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


def _newest(entries: Sequence[Entry], variants: Mapping[str, str]) -> tuple[list[Entry], dict[int, Entry]]:
    """The newest entry of each encoder, and the one before it; encoders of one name and other settings stay apart."""
    by_encoder: dict[tuple[str, str, str, str], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.started, reverse=True):
        asked = variants.get(entry.conditions["prompts"], "")
        by_encoder.setdefault((entry.role, entry.encoder, entry.identity, asked), []).append(entry)
    order = {id(entry): place for place, entry in enumerate(entries)}
    groups = sorted(by_encoder.values(), key=lambda of: (of[0].role != "encoder", min(order[id(e)] for e in of)))
    return [of[0] for of in groups], {i: of[1] for i, of in enumerate(groups) if len(of) > 1}
