"""How every figure looks and how it is written: one palette for all, safe for colour-blind readers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, NULL = "#222222", "#6b6b6b", "#e4e4e4", "#b9b9b9"
"""Text, secondary text, grid lines, and whatever belongs to a null."""

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000")
"""Colours of things that have no order, such as encoders.

Source: M. Okabe and K. Ito, "Color Universal Design" (2008)."""

RESIDUAL = "#d9d9d9"
"""What no rank explains."""


KINDS = ("svg", "png", "pdf")
"""Formats in which every figure is written: for a page and to edit, to look at, for print."""

DPI = {"svg": 150, "png": 150, "pdf": 200}
"""Pixels per inch: in those of shapes for what is a picture, such as a heat map."""

MOST_SHAPES = 2_000
"""Of more points, formats for shapes hold a picture: megabytes of circles are slow to open, and nobody edits them."""


def rank_colours(n: int) -> list[str]:
    """Colours for ranks, coarse to fine: dark to light, in the order in which they print in grey.

    Parameters
    ----------
    n
        How many ranks.

    Examples
    --------
    >>> rank_colours(3)
    ['#00224e', '#7d7c78', '#fee838']
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    scale = colormaps["cividis"]
    return [to_hex(scale(float(x))) for x in (np.linspace(0, 1, n) if n > 1 else [0.5])]


def new_figure(width: float, height: float, *, columns: int = 1, rows: int = 1, **sharing: Any) -> "tuple[Figure, Any]":
    """A figure of a size in inches and its axes, outside of matplotlib's global state.

    Returns
    -------
    figure, axes
        ``axes`` is a single one, or an array ``(rows, columns)`` where there are several.

    Raises
    ------
    TaxoevalError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise TaxoevalError("figures need matplotlib: pip install 'taxoeval[plots]'") from None
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, **sharing)
    for one in axes.ravel():
        plain_axes(one)
    return figure, axes[0, 0] if rows * columns == 1 else axes


def plain_axes(axes: "Axes") -> None:
    """Two spines, quiet ticks, a grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=9)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def title(axes: "Axes", text: str, under: str = "") -> None:
    """A title that states the question, and a quieter line under it that says how to read the figure."""
    axes.set_title(text + (f"\n{under}" if under else ""), loc="left", fontsize=11, color=INK, linespacing=1.5)


def with_interval(
    axes: "Axes", x: NDArray[Any], value: NDArray[Any], low: NDArray[Any], high: NDArray[Any], **look: Any
) -> None:
    """Points joined by a line, each with the ends of its interval; NaN leaves a gap."""
    axes.plot(x, value, marker="o", markersize=5, linewidth=1.6, **look)
    known = ~(np.isnan(low) | np.isnan(high))
    colour = look.get("color", INK)
    axes.vlines(np.asarray(x)[known], low[known], high[known], color=colour, linewidth=1.6, alpha=0.6)


def rank_axis(axes: "Axes", ranks: Sequence[str]) -> NDArray[np.float64]:
    """Places of the ranks along the horizontal axis, coarse to fine, labelled."""
    places = np.arange(len(ranks), dtype=np.float64)
    axes.set_xticks(places, list(ranks))
    axes.set_xlim(-0.5, len(ranks) - 0.5)
    return places


def rendered(figure: "Figure", kind: str) -> bytes:
    """A figure as the content of a file; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        What to render. Where its parts lie is settled when it is first rendered, and stays for all other formats.
    kind
        A format matplotlib knows: ``svg``, ``png``, ``pdf``.

    Examples
    --------
    >>> rendered(new_figure(1, 1)[0], "png")[1:4]
    b'PNG'
    """
    import io

    import matplotlib

    undated: dict[str, Any] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    content = io.BytesIO()
    settings: dict[Any, Any] = {"svg.hashsalt": "taxoeval", "svg.fonttype": "none"}
    settings |= {"figure.autolayout": False, "figure.constrained_layout.use": False}  # no layout is no layout
    with matplotlib.rc_context(settings):
        if figure.get_layout_engine() is not None:  # would be run twice for every format
            figure.set_dpi(DPI["png"])
            figure.draw_without_rendering()
            figure.set_layout_engine(None)
        figure.savefig(content, format=kind, dpi=DPI.get(kind, 150), metadata=undated.get(kind))
    return content.getvalue()
