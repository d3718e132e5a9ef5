"""What a run found, in sentences."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taxoeval.reports.numbers import percent, ranks

if TYPE_CHECKING:
    import pandas as pd


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
    return lines


def _told(task: str, part: str, own: "pd.DataFrame") -> str:
    hits = own[(own.metric == "rank_hits") & (own.k == 1) & (own.n > 0)]
    last = hits.iloc[-1]
    name = task if part == "all" else f"{task}, {part}"
    text = f"{name}: the right {last['rank']} for {percent(last.value)} % of {last.n:,} images"
    if last.low is not None and not math.isnan(last.low):
        text += f" ({percent(last.low)} to {percent(last.high)})"
    text += f", where a blind guess gets {percent(last.chance)} %"
    if len(hits) > 2:
        above = hits.iloc[-3]
        text += f"; the right {above['rank']} for {percent(above.value)} %"
    severity = own[own.metric == "mistake_severity"]
    if len(severity) and severity.n.iloc[0]:
        row = severity.iloc[0]
        text += f". Where it is wrong, {ranks(row.value)} ranks must be climbed to reach a shared taxon"
        text += f", by chance {ranks(row.chance)}"
    return text + "."
