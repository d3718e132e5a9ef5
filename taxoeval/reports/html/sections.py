"""The parts of a page that are about answers: each states a question and shows its figure or table."""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taxoeval.reports.files import SavedRun
from taxoeval.reports.html.charts import Line, Mark, bars, intervals, lines
from taxoeval.reports.html.clade_tree import clade_tree
from taxoeval.reports.html.curves import Curve, reliability, risk_coverage
from taxoeval.reports.html.markup import embedded, table, text
from taxoeval.reports.numbers import NOTHING, percent, ranks

if TYPE_CHECKING:
    import pandas as pd

DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4", "4 4 1 4")
RANK_COLOURS = ("#7a8fbf", "#56b4e9", "#009e73", "#cc79a7", "#e69f00", "#d55e00", "#0072b2")
"""From coarse to fine; the last is the finest whatever their number."""

MOST_PICTURES = 12
MOST_ROWS = 200_000
"""Predictions used for the curves of one question; of more, this many at even steps."""


class Tables:
    """Tables of a run; None where it has none of that name, or no row in it."""

    def __init__(self, run: SavedRun) -> None:
        self.folder = run.folder

    def of(self, name: str, cell: Mapping[str, Any], part: str, decoder: str) -> "pd.DataFrame | None":
        """The rows of a table that are about one decoder on one part of the data."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            return None
        about = {key: cell[key] for key in ("encoder", "role", "task")} | {"decoder": decoder, "slice": part}
        columns = None
        if name == "predictions":
            about, columns = about | {"k": 1}, ["rank", "probability", "correct", *about, "k"]
        with pq.ParquetFile(path) as file:
            near = [g for g in range(file.num_row_groups) if _may_hold(file.metadata.row_group(g), about)]
            rows = file.read_row_groups(near, columns=columns)
        for key, value in about.items():
            rows = rows.filter(pc.equal(rows[key], value))
        return rows.drop_columns(list(about)).to_pandas() if len(rows) else None


def _may_hold(group: Any, about: Mapping[str, Any]) -> bool:
    """Whether rows about this may be in a row group, as far as its statistics tell."""
    for c in range(group.num_columns):
        column = group.column(c)
        known = column.statistics if column.path_in_schema in about and column.is_stats_set else None
        if known and known.has_min_max and not known.min <= about[column.path_in_schema] <= known.max:
            return False
    return True


def answers(
    cell: Mapping[str, Any], part: str, own: "pd.DataFrame", scores: "pd.DataFrame", tables: Tables, run: SavedRun
) -> Iterator[str]:
    """What one task found on one part of the data: from accuracy over clades and certainty to single images."""
    decoder = own[own.metric == "rank_hits"].decoder.iloc[0]
    order = [rank for rank in run.meta["taxonomy"]["n_taxa"] if rank in set(own["rank"])]
    first = own[own.decoder == decoder]
    control = scores[
        (scores.role == "control")
        & (scores.task == cell["task"])
        & (scores["slice"] == part)
        & (scores.decoder == decoder)
    ]
    yield _accuracy(first, control, order, decoder)
    yield _decoders(own, order)
    pieces = [a["slice"] for a in cell["answers"] if a["decoder"] == decoder]
    piece = part if part in pieces else next((p for p in pieces if p.startswith(f"{part} ")), part)
    told = "" if piece == part else f" ({text(piece)})"
    yield _mistakes(tables.of("mistake_ranks", cell, piece, decoder), told)
    clades = tables.of("clades", cell, piece, decoder)
    if clades is not None:
        yield _clades(clades, told)
    predictions = tables.of("predictions", cell, piece, decoder)
    if predictions is not None:
        yield _certainty(predictions, order, told)
    pairs = tables.of("confusions", cell, piece, decoder)
    if pairs is not None:
        yield _confusions(pairs, order[-1] if order else "", told)
    worst = tables.of("hardest", cell, piece, decoder)
    if worst is not None:
        yield _pictures(worst, run, told)


def _accuracy(first: "pd.DataFrame", control: "pd.DataFrame", order: Sequence[str], decoder: str) -> str:
    own, beside_it = (_by_rank(table) for table in (first, control))
    marks = [
        Mark(
            rank,
            _number(own, rank, "value"),
            _number(own, rank, "low"),
            _number(own, rank, "high"),
            _number(own, rank, "chance"),
            _number(beside_it, rank, "value"),
        )
        for rank in order
    ]
    beside = f", a ring {text(control.encoder.iloc[0])} as a control" if len(control) else ""
    return (
        f"<h3>How often is the answer right, at each rank?</h3><figure>{intervals(marks, alt='accuracy by rank')}"
        f"<figcaption>Share of images given the right taxon (decoder {text(decoder)}); bars: 95 % intervals for other "
        f"taxa and images of the kind; red ticks: a blind guess{beside}.</figcaption></figure>"
    )


def _by_rank(table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """The rows of accuracy over images, of the first answers, by rank."""
    rows = table[(table.metric == "rank_hits") & (table.k == 1)]
    return {row["rank"]: row for row in rows[::-1].to_dict("records")}  # of two the first


def _number(rows: Mapping[Any, Mapping[str, Any]], key: Any, column: str) -> float:
    """A number of a row; NaN where there is no such row, or nothing in it."""
    found = rows.get(key, {}).get(column)
    return math.nan if found is None else float(found)


def _decoders(own: "pd.DataFrame", order: Sequence[str]) -> str:
    shown = list(order)[-4:]
    wanted: list[tuple[str, str, str, bool]] = [(f"{rank} %", "rank_hits", rank, True) for rank in shown]
    wanted += [("severity", "mistake_severity", "", False), ("distance", "average_hierarchical_distance", "", False)]
    finest = order[-1] if order else ""
    wanted += [("contradicting %", "tice", "", True), ("calibration error %", "calibration_error", finest, True)]
    wanted += [("answered %", "coverage", finest, True)]
    of = {(r["decoder"], r["metric"], r["rank"]): r for r in own[own.k == 1][::-1].to_dict("records")}
    rows = []
    for decoder in own.decoder.drop_duplicates():
        found = [(_number(of, (decoder, metric, rank), "value"), share) for _, metric, rank, share in wanted]
        rows.append([decoder, *(percent(number) if share else ranks(number) for number, share in found)])
    return "<h3>The same scores under different decoding rules</h3>" + table(["decoder", *(w[0] for w in wanted)], rows)


def _mistakes(found: "pd.DataFrame | None", told: str) -> str:
    if found is None or not found.n.sum():
        return ""
    rows = [
        (f"wrong from {row.wrong_from}" if row.wrong_from != "no answer" else "no answer", row.share, row.chance)
        for row in found.itertuples()
        if row.n or row.chance > 0
    ]
    return (
        f"<h3>How far off are the mistakes?{told}</h3><figure>{bars(rows, alt='mistakes by rank')}"
        f"<figcaption>{int(found.n.sum()):,} mistakes by the coarsest rank that is wrong; "
        "red ticks: where the mistakes of a blind guess would be.</figcaption></figure>"
    )


def _clades(found: "pd.DataFrame", told: str) -> str:
    tree = clade_tree({name: found[name].to_numpy() for name in found.columns})
    gradient = "linear-gradient(to right, #00224e, #35456c, #666970, #948e77, #c8b567, #fee838)"
    return (
        f"<h3>Which clades does it know?{told}</h3>"
        '<div class="clade"><p class="quiet">Every box is a taxon, its height the number of images, its colour '
        f'the accuracy at the finest rank in it: 0 % <span class="scale" style="background:{gradient}"></span> 100 %. '
        "Click a box to go into it and the leftmost one to go back, or use the arrow keys, Enter and Escape.</p>"
        '<label>Find a taxon: <input type="search" autocomplete="off"></label>'
        '<canvas tabindex="0" role="application" aria-label="taxonomy"></canvas><p class="told" aria-live="polite"></p>'
        f'<script type="application/json">{embedded(tree)}</script></div>'
    )


def _certainty(found: "pd.DataFrame", order: Sequence[str], told: str) -> str:
    reliable, risky = [], []
    shown = list(order)[-4:]
    for rank, dash in zip(shown, DASHES, strict=False):
        of = found[(found["rank"] == rank) & found.correct.notna() & found.probability.notna()]
        if not len(of):
            continue
        of = of.iloc[:: max(1, len(of) // MOST_ROWS)]
        sure, right = of.probability.to_numpy(float), of.correct.to_numpy(bool).astype(float)
        colour = RANK_COLOURS[shown.index(rank) - len(shown)]
        reliable.append(_line(rank, reliability(sure, right), colour, dash))
        risky.append(_line(rank, risk_coverage(sure, right), colour, dash))
    if not reliable:
        return ""
    if all(len(line.x) < 2 for line in risky):
        return f"<h3>Does it know what it knows?{told}</h3><p>Every answer is stated with the same probability.</p>"
    most = max(0.1, *(max(line.y) for line in risky))
    most = math.ceil(most * 10) / 10
    return (
        f"<h3>Does it know what it knows?{told}</h3><figure>"
        + lines(reliable, x_name="stated probability %", y_name="right %", alt="reliability", diagonal=True)
        + lines(risky, x_name="answered, surest first %", y_name="wrong %", alt="risk against coverage", y_top=most)
        + "<figcaption>Left: answers in ten equal groups by stated probability; on the dotted line it is as sure as "
        "it is right. Right: the share of wrong answers if only the surest are given.</figcaption></figure>"
    )


def _line(label: str, curve: Curve, colour: str, dash: str) -> Line:
    return Line(label, curve.x.tolist(), curve.y.tolist(), colour, dash)


def _confusions(found: "pd.DataFrame", finest: str, told: str) -> str:
    found = found[found["rank"] == finest].sort_values("n", ascending=False).head(20)
    if not len(found):
        return ""
    rows = [
        [row.target, row.predicted, row.shared or NOTHING, f"{row.n:,}", percent(row.share)]
        for row in found.itertuples()
    ]
    header = ["true taxon", "answered", "shared", "images", "% of its images"]
    return f"<h3>What is taken for what?{told}</h3>" + table(header, rows, texts=3)


def _pictures(found: "pd.DataFrame", run: SavedRun, told: str) -> str:
    found = found[found.kind == "confident mistake"].head(MOST_PICTURES)
    if not len(found):
        return ""
    thumbnails = _thumbnails(run)
    items = []
    for row in found.itertuples():
        picture = thumbnails.get(row.sample)
        image = f'<img alt="{text(row.target)}" src="data:image/jpeg;base64,{picture}">' if picture else ""
        items.append(
            f"<li>{image}<strong>{text(row.target)}</strong><br>answered {text(row.predicted)}, "
            f"{percent(row.probability)} % sure; shares {text(row.shared) if row.shared else 'nothing'}<br>"
            f'<span class="quiet">{text(row.sample)}</span></li>'
        )
    return f'<h3>The surest mistakes{told}</h3><ul class="cards">{"".join(items)}</ul>'


def _thumbnails(run: SavedRun) -> dict[str, str]:
    import pyarrow.parquet as pq

    path = run.folder / "thumbnails.parquet"
    if not path.is_file():
        return {}
    return {row["sample"]: base64.b64encode(row["jpeg"]).decode() for row in pq.read_table(path).to_pylist()}
