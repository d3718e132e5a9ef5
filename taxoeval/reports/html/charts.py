"""Small drawings as SVG text, in the colours of the page around them."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from taxoeval.reports.numbers import percent


class Mark(NamedTuple):
    """A value with its interval and what stands beside it; NaN leaves it out."""

    label: str
    value: float
    low: float
    high: float
    chance: float
    control: float


def intervals(marks: Sequence[Mark], *, alt: str) -> str:
    """Values between 0 and 1 as points with whiskers, one row per mark; a tick for chance, a ring for the control.

    Examples
    --------
    >>> "<title>species: 87.8 %" in intervals([Mark("species", 0.878, 0.85, 0.9, 0.003, 0.06)], alt="accuracy")
    True
    """
    left, width, step = max([110, *(7 * len(mark.label) + 20 for mark in marks)]), 560, 30
    height = step * len(marks) + 34
    parts = [_open(left + width + 80, height, alt)]
    for tenth in range(0, 11, 2):
        x = left + width * tenth / 10
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 24}"/>')
        parts.append(f'<text class="quiet" x="{x:.1f}" y="{height - 8}" text-anchor="middle">{10 * tenth} %</text>')
    for i, mark in enumerate(marks):
        y = 4 + step * (i + 0.5)
        parts.append(f'<text x="{left - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(mark.label)}</text>')
        if math.isnan(mark.value):
            parts.append(f'<text class="quiet" x="{left + 6}" y="{y + 4:.1f}">no image is known at this rank</text>')
            continue
        told = f"{mark.label}: {percent(mark.value)} %"
        if not math.isnan(mark.low):
            told += f" ({percent(mark.low)} to {percent(mark.high)})"
        parts.append(f"<g><title>{escape(told)}, chance {percent(mark.chance)} %</title>")
        if not math.isnan(mark.chance):
            x = left + width * mark.chance
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 9}" y2="{y + 9}" stroke="var(--chance)" stroke-width="2"/>'
            )
        if not math.isnan(mark.control):
            x = left + width * mark.control
            parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="none" stroke="var(--control)" stroke-width="2"/>')
        if not math.isnan(mark.low):
            a, b = left + width * mark.low, left + width * mark.high
            parts.append(f'<line x1="{a:.1f}" x2="{b:.1f}" y1="{y}" y2="{y}" stroke="var(--accent)" stroke-width="3"/>')
        parts.append(f'<circle cx="{left + width * mark.value:.1f}" cy="{y}" r="5" fill="var(--accent)"/></g>')
        parts.append(f'<text x="{left + width + 14}" y="{y + 4:.1f}">{percent(mark.value)}</text>')
    return "".join([*parts, "</svg>"])


def bars(rows: Sequence[tuple[str, float, float]], *, alt: str) -> str:
    """Shares as horizontal bars ``(label, share, chance)``, a tick where chance would be.

    Examples
    --------
    >>> bars([("genus", 0.25, 0.5)], alt="mistakes").count("<rect")
    1
    """
    left, width, step = 210, 440, 26
    parts = [_open(left + width + 110, step * len(rows) + 8, alt)]
    top = max([0.01, *(max(share, chance) for _, share, chance in rows if not math.isnan(share))])
    for i, (label, share, chance) in enumerate(rows):
        y = 4 + step * i
        parts.append(f'<text x="{left - 10}" y="{y + 17}" text-anchor="end">{escape(label)}</text>')
        if math.isnan(share):
            continue
        w = width * share / top
        parts.append(f'<rect x="{left}" y="{y + 4}" width="{w:.1f}" height="{step - 8}" fill="var(--accent)"/>')
        if not math.isnan(chance):
            x = left + width * chance / top
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + step}" stroke="var(--chance)" stroke-width="2"/>'
            )
        end = left + max(w, 0.0 if math.isnan(chance) else width * chance / top) + 8
        parts.append(f'<text x="{end:.1f}" y="{y + 17}">{percent(share)} %</text>')
    return "".join([*parts, "</svg>"])


class Line(NamedTuple):
    """A line through points; ``dash`` tells lines apart without colour."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    dash: str


def lines(
    series: Sequence[Line], *, x_name: str, y_name: str, alt: str, diagonal: bool = False, y_top: float = 1.0
) -> str:
    """Lines over the unit interval, named in a legend; ``diagonal`` where both axes ought to agree.

    Examples
    --------
    >>> line = Line("species", [0, 1], [0, 0.5], "red", "")
    >>> lines([line], x_name="coverage", y_name="error", alt="risk").count("<polyline")
    1
    """
    left, top, size = 54, 10, 260
    width = left + size + 190
    parts = [_open(width, top + size + 46, alt)]
    for fifth in range(6):
        share = fifth / 5
        x, y = left + size * share, top + size * (1 - share)
        parts.append(f'<line class="grid" x1="{left}" x2="{left + size}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="quiet" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * share * y_top:.0f}</text>'
        )
        parts.append(
            f'<text class="quiet" x="{x:.1f}" y="{top + size + 16}" text-anchor="middle">{100 * share:.0f}</text>'
        )
    parts.append(f'<text x="{left + size / 2}" y="{top + size + 36}" text-anchor="middle">{escape(x_name)}</text>')
    parts.append(
        f'<text transform="rotate(-90)" x="{-(top + size / 2)}" y="14" text-anchor="middle">{escape(y_name)}</text>'
    )
    if diagonal:
        parts.append(
            f'<line class="axis" stroke-dasharray="3 3" x1="{left}" y1="{top + size}" x2="{left + size}" y2="{top}"/>'
        )
    for i, line in enumerate(series):
        points = " ".join(
            f"{left + size * x:.1f},{top + size * (1 - min(y / y_top, 1)):.1f}"
            for x, y in zip(line.x, line.y, strict=True)
        )
        look = f'stroke="{line.colour}" stroke-width="2" fill="none" stroke-dasharray="{line.dash}"'
        parts.append(f'<polyline points="{points}" {look}><title>{escape(line.label)}</title></polyline>')
        y = top + 14 + 20 * i
        parts.append(f'<line x1="{left + size + 18}" x2="{left + size + 48}" y1="{y - 4}" y2="{y - 4}" {look}/>')
        parts.append(f'<text x="{left + size + 54}" y="{y}">{escape(line.label)}</text>')
    return "".join([*parts, "</svg>"])


def _open(width: float, height: float, alt: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(alt, quote=True)}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}">'
    )
