"""What a run found, in sentences."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from taxoeval.reports.numbers import percent, ranks

if TYPE_CHECKING:
    import pandas as pd

CERTAIN = 0.9995
"""Chance from which a rank is no question: all images, or all but a few, are of one taxon."""


def summary(meta: Mapping[str, Any], scores: "pd.DataFrame") -> list[str]:
    """One or two sentences per task: how often right at the finest rank and above, against what, and how far off.

    Parameters
    ----------
    meta
        Content of ``run.json``.
    scores
        Tidy scores of the run.
    """
    lines = []
    for cell in meta["cells"]:
        if cell["role"] == "control" and any(other["role"] == "encoder" for other in meta["cells"]):
            continue
        if cell["status"] != "ok":
            lines.append(f"{cell['task']}: {cell['status']}, {cell['reason']}.")
            continue
        own = scores[
            (scores.encoder == cell["encoder"]) & (scores.role == cell["role"]) & (scores.task == cell["task"])
        ]
        hits = own[(own.metric == "rank_hits") & (own.k == 1) & (own.n > 0)]
        for part in hits["slice"].drop_duplicates():
            of = hits[hits["slice"] == part]
            decoder = of.decoder.iloc[0]
            lines.append(_told(cell["task"], part, own[(own["slice"] == part) & (own.decoder == decoder)]))
        for part in own["slice"].drop_duplicates():
            name = cell["task"] if part == "all" else f"{cell['task']}, {part}"
            lines += [f"{name}: {told}." for told in _of_space(own[own["slice"] == part]) if told]
    return lines


def _of_space(own: "pd.DataFrame") -> Iterator[str]:
    """Sentences about variance, triplets and nearest neighbours, where these were measured."""

    def known(metric: str) -> "pd.DataFrame":
        return own[(own.metric == metric) & (own.k == own.k[own.metric == metric].min()) & own.value.notna()]

    variance, alike = known("variance"), known("variance_within_species")
    if len(variance):
        shares = [f"{row.rank} {percent(max(row.value, 0.0))}" for row in variance.itertuples()]
        rest = f"; single images of one species make {percent(alike.value.iloc[0])} %" if len(alike) else ""
        yield f"of the variance, so many per cent lie between the taxa of a rank: {', '.join(shares)}{rest}"
    triplets = known("triplets")
    if len(triplets):
        ordered = [f"{row.rank} {percent(row.value)}" for row in triplets.itertuples()]
        yield (
            "of two relatives at a rank and an outsider, so many per cent lie as in the taxonomy (a blind guess: 50): "
            + ", ".join(ordered)
        )
    found = known("precision_at_k")
    found = found[~(found.chance >= CERTAIN)]
    if len(found):
        k = int(found.k.iloc[0])
        who = "the nearest item is" if k == 1 else f"of the {k} nearest items, so many per cent are"
        shares = [
            f"{row.rank} {percent(row.value)} (by chance {percent(row.chance)})"
            for row in found.iloc[::-1].itertuples()
        ]
        yield f"{who} of the same taxon, per cent: {', '.join(shares)}"


def _told(task: str, part: str, own: "pd.DataFrame") -> str:
    hits = own[(own.metric == "rank_hits") & (own.k == 1) & (own.n > 0)]
    last = hits.iloc[-1]
    name = task if part == "all" else f"{task}, {part}"
    text = f"{name}: the right {last['rank']} for {percent(last.value)} % of {last.n:,} images"
    if last.low is not None and not math.isnan(last.low):
        text += f" ({percent(last.low)} to {percent(last.high)})"
    text += f", where a blind guess gets {percent(last.chance)} %"
    if len(hits) > 2 and not hits.chance.iloc[-3] >= CERTAIN:
        above = hits.iloc[-3]
        text += f"; the right {above['rank']} for {percent(above.value)} %"
    severity = own[own.metric == "mistake_severity"]
    if len(severity) and severity.n.iloc[0]:
        row = severity.iloc[0]
        text += f". Where it is wrong, {ranks(row.value)} ranks must be climbed to reach a shared taxon"
        text += f", by chance {ranks(row.chance)}"
    return text + "."
