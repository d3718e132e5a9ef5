"""How far apart do images and texts of the same species lie, and does it matter?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.record import ByRank

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModalityGap:
    """The distance between the two modalities, and the similarity of pairs with and without it.

    Attributes
    ----------
    rows
        ``modality gap``; ``cosine of matched pairs`` and ``cosine of other pairs``, each also ``without the gap``.
    gap
        ``(d,)`` mean of the images less mean of the texts.
    """

    rows: tuple[ByRank, ...]
    gap: Floats


def modality_gap(images: NDArray[Any], texts: NDArray[Any], *, seed: int = 0) -> ModalityGap:
    """Length of the difference between the mean image and the mean text, on unit vectors.

    Contrastive training leaves images and texts in two cones [1]_: 0 if their means coincide, at most 2. The cosine of
    an image with its text then is low whatever the species; what matters is that it is higher than with other texts,
    and that is given before and after the gap is taken off.

    Parameters
    ----------
    images, texts
        ``(c, d)`` row by row of the same species; divided by their length here.
    seed
        Of the blocks of the intervals.

    Returns
    -------
    record
        Intervals are for other species. The null of the gap is the root mean square of what it would be if modality
        were dealt out at random within each species; that of matched pairs is the mean over other pairs.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    .. [1] W. Liang, Y. Zhang, Y. Kwon, S. Yeung and J. Zou, "Mind the Gap", NeurIPS 2022.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, 0.0, 1.0], [0.0, -1.0, 1.0]])
    >>> found = modality_gap(x, x * [1, 1, -1])
    >>> [row.quantity for row in found.rows[:2]], found.rows[0].value.round(3)
    (['modality gap', 'cosine of matched pairs'], array([1.414]))
    >>> found.rows[3].value.round(3)  # without the gap, each image is its text
    array([1.])
    """
    x, y = _units(images), _units(texts)
    if x.shape != y.shape:
        raise ValueError(f"images and texts must be (c, d) of the same species; got {x.shape} and {y.shape}")
    c = len(x)

    def told(kept: NDArray[np.bool_]) -> Floats:
        a, b = x[kept], y[kept]
        if not len(a):
            return np.full(5, np.nan)
        gap = a.mean(axis=0) - b.mean(axis=0)
        whole = (a.mean(axis=0) + b.mean(axis=0)) / 2
        closer = _units(a - a.mean(axis=0) + whole), _units(b - b.mean(axis=0) + whole)
        return np.array([float(np.linalg.norm(gap)), *_pairs(a, b), *_pairs(*closer)])

    value = told(np.ones(c, dtype=bool))
    interval = jackknife(told, c, seed=seed)
    null = float(np.sqrt(((x - y) ** 2).sum()) / c) if c else float("nan")
    names = ("modality gap", "cosine of matched pairs", "cosine of other pairs")
    quantities = (*names, *(f"{name} without the gap" for name in names[1:]))
    rows = tuple(
        ByRank.of(
            quantity,
            ("",),
            [value[i]],
            n=c,
            unit="taxa",
            low=interval.low[i],
            high=interval.high[i],
            null=null if i == 0 else value[i + 1] if i in (1, 3) else None,
            higher_is_better=True if i in (1, 3) else None,
            reason=("a single species has no other pair",) if np.isnan(value[i]) else None,
        )
        for i, quantity in enumerate(quantities)
    )
    return ModalityGap(rows, x.mean(axis=0) - y.mean(axis=0) if c else np.zeros(x.shape[1]))


def _pairs(a: Floats, b: Floats) -> tuple[float, float]:
    """Mean cosine of matched pairs, and of all others."""
    c = len(a)
    matched = float(np.einsum("ij,ij->", a, b))
    everything = float(a.sum(axis=0) @ b.sum(axis=0))
    return matched / c, (everything - matched) / (c * (c - 1)) if c > 1 else float("nan")


def _units(x: NDArray[Any]) -> Floats:
    rows = np.asarray(x, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12))
