"""The whole comparison at a glance: every encoder under every question at its finest rank, and who leads in words."""

import math
from collections.abc import Mapping, Sequence

from taxoeval.compare.blocks import Block
from taxoeval.compare.differences import Compared
from taxoeval.compare.names import labels
from taxoeval.compare.rows import column_of, shown_ranks, sorted_entries
from taxoeval.compare.sheets import LEGEND, Sheet, marked, value_text
from taxoeval.reports.numbers import NOTHING, percent

Results = Sequence[tuple[Block, Mapping[str, Compared]]]

QUESTIONS = {
    "knn": "Is the most similar other image of the same taxon?",
    "few_shot": "Is an image nearest to the few examples of its own taxon?",
    "zero_shot": "Is the text nearest to an image that of its own taxon?",
    "linear_probe": "Does a linear classifier, trained on part of the vectors, name the taxon of the others?",
    "retrieval": "Do the images found first belong to the taxon that was asked for?",
    "unknown_taxa": "What is said of images whose taxon has no example, and are they noticed?",
    "structure": "Are relatives close to each other in the latent space?",
    "alignment": "Is an image closer to its own text than to those of others?",
    "score_predictions": "How good are the answers in a file?",
    "speed": "How many images are encoded in a second, and at what size?",
}
"""What each task asks, in words."""

FITS = 6
"""Questions that fit side by side on a screen."""


def overview(results: Results) -> Sheet | None:
    """One row per encoder, one column per question: the accuracy at its finest rank, with its mark.

    Parameters
    ----------
    results
        Blocks and their comparisons; those about no answers have no column.

    Returns
    -------
    sheet
        Encoders in the order of their mean over the questions that all answered; None for a single question.
    """
    columns: dict[str, dict[str, tuple[str, float]]] = {}
    for block, found in results:
        finest = (shown_ranks(block, 1) or [""])[-1]
        if finest:
            of = columns.setdefault(_title(block, finest), {})
            key = ("rank_hits", 1, finest)
            for i, name in enumerate(labels(block)):
                entry = block.entries[i]
                text = marked(value_text(entry, key, percent), i, found.get(column_of(*key)))
                score = entry.scores.get(key, {}).get("value")
                of.setdefault(
                    name, (text if entry.status == "ok" else entry.status, math.nan if score is None else score)
                )
    if len(columns) < 2:
        return None
    names = dict.fromkeys(name for of in columns.values() for name in of)
    shared = [of for of in columns.values() if all(name in of and not math.isnan(of[name][1]) for name in names)]
    means = {name: -sum(of[name][1] for of in shared) for name in names}
    rows = tuple(
        (name, *(of.get(name, (NOTHING, math.nan))[0] for of in columns.values()))
        for name in sorted(names, key=lambda name: (name.endswith("(control)"), means[name]))
    )
    return Sheet("% right at the finest rank of each question", ("encoder", *columns), rows, (LEGEND[1],))


def _title(block: Block, finest: str) -> str:
    part = "" if block.part == "all" else block.part
    return "\n".join(piece for piece in (block.dataset, block.task, part, *block.here[:1], finest) if piece)


def sentences(results: Results) -> list[str]:
    """Who leads each question and by how much, in words.

    Parameters
    ----------
    results
        Blocks and their comparisons.
    """
    decoders: dict[tuple[str, ...], set[str]] = {}
    for block, _ in results:
        decoders.setdefault(block.key[:3], set()).add(block.decoder)
    lines = []
    for block, found in results:
        told = [block.decoder] if len(decoders[block.key[:3]] - {""}) > 1 else []
        question = [piece for piece in (*block.key[:3], *told, *block.here[:1]) if piece != "all"]
        if line := _sentence(block, found):
            lines.append(f"{', '.join(question)}: {line}")
    return lines


def _sentence(block: Block, found: Mapping[str, Compared]) -> str:
    finest = (shown_ranks(block, 1) or [""])[-1]
    lead = found.get(f"right_{finest}")
    if lead is None:
        return ""
    names = labels(block)
    score = block.entries[lead.best].scores["rank_hits", 1, finest]
    text = f"{names[lead.best]} gives the right {finest} for {percent(score['value'])} % of "
    text += f"{score['n']:,} images"
    rivals = [
        i
        for i in sorted_entries(block, dict(found), finest)
        if i != lead.best and block.entries[i].role == "encoder" and not math.isnan(lead.difference[i])
    ]
    if not rivals:
        return f"{text}."
    tied = [i for i in rivals if lead.tied[i]]
    if tied:
        return f"{text}; {_listed([names[i] for i in tied])} cannot be told from it."
    points, low, high = (-100 * float(x[rivals[0]]) for x in (lead.difference, lead.high, lead.low))
    ends = f" ({low:.1f} to {high:.1f})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{text}, {points:.1f} points{ends} more than {names[rivals[0]]}, the next."


def _listed(names: Sequence[str]) -> str:
    """Names in a row.

    Examples
    --------
    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
