"""Numbers as people read them."""

import math

NOTHING = "–"
"""Stands where a number is undefined."""


def percent(value: float) -> str:
    """A share as a percentage without its sign: one decimal, and more where one would hide a difference from 0 or 1.

    Parameters
    ----------
    value
        Between 0 and 1, or NaN.

    Returns
    -------
    text
        At most six characters; ``"–"`` for NaN. Only what is exactly 1 (or 0) is written 100.0 (or 0.0).

    Examples
    --------
    >>> [percent(value) for value in (0.934, 1.0, 0.99999, 0.00042, 0.0, float("nan"))]
    ['93.4', '100.0', '99.99', '0.042', '0.0', '–']
    """
    if not math.isfinite(value):
        return NOTHING
    hundredfold = 100 * value
    if 0 < hundredfold < 0.001:
        return "<0.001"
    if 0 < hundredfold < 1:
        return f"{hundredfold:.3f}" if hundredfold < 0.1 else f"{hundredfold:.2f}"
    return f"{min(hundredfold, 99.99):.2f}" if 99.95 <= hundredfold < 100 else f"{hundredfold:.1f}"


def ranks(value: float) -> str:
    """A number of ranks, two decimals; ``"–"`` for NaN.

    Examples
    --------
    >>> ranks(2.3148)
    '2.31'
    """
    return f"{value:.2f}" if math.isfinite(value) else NOTHING


def count(n: int, thing: str, plural: str = "") -> str:
    """A number of things with the right ending.

    Examples
    --------
    >>> count(1, "image"), count(12500, "image"), count(2, "taxon", "taxa")
    ('1 image', '12,500 images', '2 taxa')
    """
    return f"{n:,} {thing if n == 1 else plural or thing + 's'}"
