"""Numbers that are not about answers, such as those of a latent space: a row per quantity, a column per rank."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from taxoeval.records import Score
from taxoeval.reports.decoders import plain
from taxoeval.reports.numbers import NOTHING

if TYPE_CHECKING:
    from rich.table import Table

LEVEL = 0.05
"""A p at or below this is marked."""


HEADLINES = (
    "variance",
    "variance_within_species",
    "centred_cosine_species_pairs",
    "silhouette_by_taxon",
    "silhouette_among_siblings_by_taxon",
    "kappa_by_taxon",
    "triplets",
    "Mantel_Spearman",
    "Mantel_Spearman_within_clades",
    "clade_recall",
    "dendrogram_purity",
    "within_in_between",
    "NC1",
    "AMI_k-means",
    "AMI_HDBSCAN_noise_apart",
    "noise_HDBSCAN",
    "anisotropy",
    "uniformity",
    "effective_dimension",
    "hubness",
    "intrinsic_dimension_of_30_images",
    "modality_gap",
    "precision_at_k",
    "map_at_r",
    "ndcg_at_k",
)
"""What finds room on a screen; where none of these is among the scores, all are shown."""


def headlines(scores: Sequence[Score]) -> list[Score]:
    """The scores that find room on a screen: the main quantities, each at its smallest k.

    Examples
    --------
    >>> headlines([])
    []
    """
    named = [score for score in scores if score.metric in HEADLINES]
    first: dict[str, int] = {}
    for score in named:
        first[score.metric] = min(score.k, first.get(score.metric, score.k))
    return [score for score in named if score.k == first[score.metric]] or list(scores)


def structure_table(scores: Sequence[Score], rank_names: Sequence[str], width: int, null: str = "null") -> "Table":
    """Quantities that exist at ranks; below each, half its 95 % interval, and what it would be by chance.

    Parameters
    ----------
    scores
        Of one part of the data; those of the whole space (rank ``""``) are left out.
    rank_names
        The ranks, coarse to fine.
    width
        Columns there are.
    null
        What to call the latter.

    Returns
    -------
    table
        An asterisk marks p <= 0.05 against the null; a dash a value that is undefined, see `reasons`.

    Examples
    --------
    >>> len(structure_table([], ("genus", "species"), 100).rows)
    0
    """
    from rich import box
    from rich.table import Table

    by_metric: dict[str, dict[str, Score]] = {}
    for score in scores:
        if score.rank:
            by_metric.setdefault(named(score), {})[score.rank] = score
    shown = [rank for rank in rank_names if any(row[rank].n for row in by_metric.values() if rank in row)]
    room = 1 if width < 110 else 2
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, room, 0, 0), expand=False)
    table.add_column(plain("quantity"))
    for rank in shown:
        table.add_column(plain(rank), justify="right", no_wrap=True)
    for metric, row in by_metric.items():
        cells = [row.get(rank) for rank in shown]
        table.add_row(plain(metric), *(plain(_value(s)) for s in cells))
        for name, line in (("  half of 95 %", [_interval(s) for s in cells]), (f"  {null}", [_null(s) for s in cells])):
            if any(text for text in line):
                table.add_row(plain(name), *(plain(text) for text in line), style="dim")
    return table


def reasons(scores: Sequence[Score]) -> list[str]:
    """Why values are missing: one line per reason, naming quantities and ranks.

    Examples
    --------
    >>> nan = float("nan")
    >>> row = Score("silhouette", nan, 0, "kingdom", 1, nan, nan, nan, nan, True, "structure", "", reason="one taxon")
    >>> reasons([row])
    ['silhouette (kingdom): one taxon']
    """
    places: dict[str, dict[str, list[str]]] = {}
    for score in scores:
        if score.reason and math.isnan(score.value):
            of = places.setdefault(score.reason, {}).setdefault(named(score), [])
            if score.rank and score.rank not in of:
                of.append(score.rank)
    lines = []
    for reason, metrics in places.items():
        ranks = list(dict.fromkeys(tuple(ranks) for ranks in metrics.values()))
        names = ", ".join(metrics)
        if len(ranks) == 1:
            where = f"{names} ({', '.join(ranks[0])})" if ranks[0] else names
        else:
            where = ", ".join(f"{metric} ({', '.join(of)})" if of else metric for metric, of in metrics.items())
        lines.append(f"{where}: {reason}")
    return lines


def named(score: Score) -> str:
    """The quantity in words, with the k of its neighbours or answers where there are several."""
    name = score.metric.replace("_", " ")
    return f"{name} @{score.k}" if score.k > 1 else name


def _value(score: Score | None) -> str:
    if score is None:
        return ""
    if math.isnan(score.value):
        return NOTHING
    return short(score.value) + ("*" if score.p <= LEVEL else " ")


def _interval(score: Score | None) -> str:
    if score is None or math.isnan(score.low) or math.isnan(score.high):
        return ""
    return f"±{short((score.high - score.low) / 2)} "


def _null(score: Score | None) -> str:
    return "" if score is None or math.isnan(score.chance) else short(score.chance) + " "


def short(value: float) -> str:
    """Two decimals, three significant digits for small values, none for large ones; room is scarce.

    Examples
    --------
    >>> [short(x) for x in (0.3126, -0.0041, 12.34, 1234.5, 0.0)]
    ['.31', '-.004', '12.3', '1,234', '0']
    """
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    text = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"
    text = text if float(text) else "0"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text not in ("1.00", "-1.00") else text
