"""How vectors fill the space they are in, whatever the taxonomy: what every similarity has to be read against."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.record import ByRank
from taxoeval.structure.sampling import rows_at
from taxoeval.structure.sums import Rows, blocks, checked
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTS = 20
"""Parts the species are cut into; each is left out once."""

SAMPLE = 4096
"""Most images of which all pairs are looked at for the uniformity."""

SAME = 1e-12
"""Variance below which unit vectors count as all equal."""

_TILE = 512
"""Images that are compared with as many others at a time: 2 MB."""

_HELD = 1 << 27
"""Numbers held for the second moments of the parts: 1 GB."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Three numbers on the whole space.

    Attributes
    ----------
    rows
        ``anisotropy``, ``uniformity`` and ``effective dimension``, each of the whole space.
    """

    rows: tuple[ByRank, ...]


def spread(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, seed: int = 0) -> Spread:
    """Anisotropy, uniformity and effective dimension of unit vectors.

    *Anisotropy* is the mean cosine of two images: 0 if directions cancel, near 1 if all lie in a narrow cone; then raw
    cosines are high between any two images, which says nothing of their kinship. *Uniformity* is
    ``log mean exp(-2 |x - y|**2)`` over pairs: lower is more even on the sphere. *Effective dimension* is the
    participation ratio ``(sum of eigenvalues)**2 / sum of their squares`` of the covariance: how many directions of
    equal variance would give as much.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; read once, and at most 4,096 of them a second time for the
        uniformity.
    taxon
        ``(n,)`` taxon id of each; only tells which images are of one species, for the interval.
    taxonomy
        Their taxonomy.
    seed
        Of the sample and the parts of the interval.

    Returns
    -------
    record
        Nulls: anisotropy 0 and the uniformity of points spread evenly over the sphere of ``d`` dimensions, both exact;
        for the effective dimension, as many independent Gaussian vectors in ``d`` equal dimensions. That is below ``d``
        and grows with ``n``: compare spaces at equal numbers of images only.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity.

    References
    ----------
    T. Wang and P. Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere", ICML 2020.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("corax",), ("corone",), ("canus",)], ranks=("species",))
    >>> found = spread(np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]]), np.array([0, 1, 2, 2]), taxonomy)
    >>> for row in found.rows:
    ...     print(row.quantity, row.value.round(3), row.null.round(3))
    anisotropy [-0.333] [0.]
    uniformity [-4.396] [-1.575]
    effective dimension [2.] [1.333]
    """
    labels = checked(vectors, taxon, taxonomy)
    n, d = vectors.shape
    rng = np.random.default_rng(seed)
    code = np.unique(labels, return_inverse=True)[1]
    parts = max(1, min(PARTS, int(code.max()) + 1, _HELD // d**2 if n >= d else PARTS))
    part = (rng.permutation(int(code.max()) + 1) % parts)[code]
    moments = _Moments.of(vectors, part, parts)
    sample = np.sort(rng.choice(n, min(n, SAMPLE), replace=False))
    near = _Nearness.of(rows_at(vectors, sample), part[sample], parts)

    def numbers(kept: NDArray[np.bool_]) -> Floats:
        return np.array([moments.anisotropy(kept), near.uniformity(kept), moments.dimension(kept)])

    value = numbers(np.ones(parts, dtype=bool))
    interval = jackknife(numbers, parts, blocks=parts, seed=seed)
    null = (0.0, _even(d), _independent(n, d))
    reasons = ("there is only one image", "there is only one image", "the vectors do not differ")
    return Spread(
        tuple(
            ByRank.of(
                name,
                ("",),
                value[i],
                n=n,
                unit="images",
                low=interval.low[i],
                high=interval.high[i],
                null=null[i],
                higher_is_better=None,
                reason=[reasons[i] if np.isnan(value[i]) else ""],
            )
            for i, name in enumerate(("anisotropy", "uniformity", "effective dimension"))
        )
    )


@dataclass(frozen=True, eq=False)
class _Moments:
    """Sums of vectors and of their products, for each part, so that any part can be left out."""

    count: Ints
    total: Floats
    square: Floats
    product: Floats
    """``(parts, d, d)``; where there are fewer images than dimensions ``(n, n)``, inner products of the images."""
    part: Ints
    """``(n,)``; empty where products are of dimensions."""

    @cached_property
    def whole(self) -> Floats:
        """``(d, d)`` the sum of the products of all parts."""
        return np.asarray(self.product.sum(axis=0))

    @classmethod
    def of(cls, vectors: Rows, part: Ints, parts: int) -> "_Moments":
        n, d = vectors.shape
        total, square = np.zeros((parts, d)), np.zeros(parts)
        product = np.zeros((parts, d, d) if n >= d else (0, 0, 0))
        held = []
        for rows, block in blocks(vectors):
            for b in np.unique(part[rows]):
                of = block[part[rows] == b]
                total[b] += of.sum(axis=0)
                square[b] += np.einsum("ij,ij->", of, of)
                if n >= d:
                    product[b] += of.T @ of
            if n < d:
                held.append(block)
        if n < d:
            whole = np.concatenate(held)
            product = whole @ whole.T
        return cls(np.bincount(part, minlength=parts), total, square, product, part if n < d else part[:0])

    def anisotropy(self, kept: NDArray[np.bool_]) -> float:
        n, total = float(self.count[kept].sum()), self.total[kept].sum(axis=0)
        return float((total @ total - self.square[kept].sum()) / (n * (n - 1))) if n > 1 else float("nan")

    def dimension(self, kept: NDArray[np.bool_]) -> float:
        n = float(self.count[kept].sum())
        if self.product.ndim == 3:
            mean = self.total[kept].sum(axis=0) / n
            spread = self.whole.copy()  # less the parts that are left out, which are few
            for out in self.product[~kept]:
                spread -= out
            spread /= n
            spread -= np.outer(mean, mean)
        else:
            of = kept[self.part]
            inner = self.product[np.ix_(of, of)] / n
            row = inner.mean(axis=0)
            spread = inner - row - row[:, None] + inner.mean()
        trace = float(np.trace(spread))
        return trace**2 / float(np.einsum("ij,ij->", spread, spread)) if trace > SAME else float("nan")


@dataclass(frozen=True, eq=False)
class _Nearness:
    """``(parts, parts)`` sums of ``exp(-2 |x - y|**2)`` over ordered pairs of images, and how many these are."""

    total: Floats
    pairs: Floats

    @classmethod
    def of(cls, vectors: Floats, part: Ints, parts: int) -> "_Nearness":
        member = np.eye(parts)[part]
        square = np.einsum("ij,ij->i", vectors, vectors)
        total = np.zeros((parts, parts))
        n = len(vectors)
        for first in range(0, n, _TILE):
            rows = slice(first, min(n, first + _TILE))
            for start in range(first, n, _TILE):  # each pair of tiles once
                columns = slice(start, min(n, start + _TILE))
                near = vectors[rows] @ vectors[columns].T
                near *= 4.0
                near -= 2 * square[rows, None]
                near -= 2 * square[columns]
                np.exp(np.minimum(near, 0.0, out=near), out=near)
                if start == first:
                    np.fill_diagonal(near, 0.0)
                both = member[rows].T @ (near @ member[columns])
                total += both if start == first else both + both.T
        count = member.sum(axis=0)
        return cls(total, np.outer(count, count) - np.diag(count))

    def uniformity(self, kept: NDArray[np.bool_]) -> float:
        pairs = self.pairs[np.ix_(kept, kept)].sum()
        return float(np.log(self.total[np.ix_(kept, kept)].sum() / pairs)) if pairs > 0 else float("nan")


def _even(d: int) -> float:
    """Uniformity of points spread evenly: the cosine ``c`` of two has ``E exp(4 c) = 0F1(; d / 2; 4)``."""
    from scipy.special import hyp0f1

    return float(np.log(hyp0f1(d / 2, 4.0)) - 4)


def _independent(n: int, d: int) -> float:
    """Participation ratio of the covariance of independent Gaussian vectors, by the moments of a Wishart matrix."""
    m = n - 1
    return (d * m + 2) / (m + d + 1)
