"""Have the taxa of a rank collapsed to points, and do these points stand evenly apart?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.record import ByRank
from taxoeval.structure.shuffles import free
from taxoeval.structure.sums import Rows, TaxonSums, blocks, taxon_sums
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_COINCIDE = 1e-24  # of the squared lengths of the means: what is left of equal means by rounding
_SURE = 1e-6
"""Reciprocal condition down to which a system of equations is solved with no digit lost that is shown."""


@dataclass(frozen=True, eq=False)
class NeuralCollapse:
    """Two measures of collapse at every rank.

    Attributes
    ----------
    rows
        ``NC1``: variation within taxa in the directions that separate them, 0 if collapsed; ``NC2``: how far the taxa's
        means are from equal angles, 0 for a simplex, at which nothing of a hierarchy is left between them.
    """

    rows: tuple[ByRank, ...]


def neural_collapse(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, permutations: int = 19, seed: int = 0
) -> NeuralCollapse:
    """Within-taxon variability and equal angles of the means of taxa, at every rank.

    Networks trained to classify squeeze each class to a point (NC1 to 0) and spread the points evenly (NC2 to 0) [1]_.
    A space that follows the tree should not reach the second at any rank but the coarsest: related taxa must stay near.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; of unit length here.
    taxon
        ``(n,)`` taxon id of each; where the taxon of a rank is unknown, an image is left out of that rank.
    taxonomy
        Their taxonomy.
    permutations
        Of the species among the taxa of each rank, for null and p; lower NC1 is more collapsed.
    seed
        Of the permutations.

    Returns
    -------
    record
        ``NC1 = tr(S_W pinv(S_B)) / K``; ``NC2`` is the Frobenius norm of the normed Gram matrix of the centred means
        less that of a simplex. NaN with the reason where K exceeds d + 1, for a simplex of K points needs K - 1
        dimensions, where no taxon has two images, there are fewer than two taxa, or the means of all coincide.

    References
    ----------
    .. [1] V. Papyan, X. Han and D. Donoho, "Prevalence of neural collapse during the terminal phase of deep learning
       training", PNAS 117 (2020).

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("a",), ("b",), ("c",)], ranks=("species",))
    >>> x = np.repeat(np.eye(3), 4, axis=0)
    >>> [float(abs(row.value.round(6))[0]) for row in neural_collapse(x, np.repeat(np.arange(3), 4), taxonomy).rows]
    [0.0, 0.0]
    """
    sums = taxon_sums(vectors, taxon, taxonomy)
    moment = _moments(vectors, sums, np.asarray(taxon))
    rng = np.random.default_rng(seed)
    found = [_rank(r, sums, moment, permutations, rng) for r in range(taxonomy.n_ranks)]
    rows = []
    for name, at in (("NC1", 0), ("NC2", 1)):
        rows.append(
            ByRank.of(
                name,
                taxonomy.ranks,
                [one.value[at] for one in found],
                n=[one.n for one in found],
                unit="images",
                null=[one.null[at] for one in found],
                p=[one.p[at] for one in found],
                higher_is_better=None,
                reason=[one.reason for one in found],
            )
        )
    return NeuralCollapse(tuple(rows))


@dataclass(frozen=True)
class _Rank:
    value: tuple[float, float]
    null: tuple[float, float]
    p: tuple[float, float]
    n: int
    reason: str


def _moments(vectors: Rows, sums: TaxonSums, taxon: NDArray[Any]) -> Floats:
    """``(n_ranks, d, d)`` sum of outer products of the images known at each rank."""
    n_ranks, d = sums.lineage.shape[1], vectors.shape[1]
    known = sums.lineage[np.searchsorted(sums.taxon, taxon)] >= 0
    moment = np.zeros((n_ranks, d, d))
    for rows, block in blocks(vectors):
        whole = block.T @ block
        for r in range(n_ranks):
            out = block[~known[rows, r]]
            moment[r] += whole - out.T @ out if len(out) else whole
    return moment


def _rank(r: int, sums: TaxonSums, moment: Floats, permutations: int, rng: np.random.Generator) -> _Rank:
    column = sums.lineage[:, r]
    known = column >= 0
    n, k, d = int(sums.count[known].sum()), len(np.unique(column[known])), sums.total.shape[1]
    reason = _refused(k, n, d)
    nothing = (float("nan"), float("nan"))
    if reason:
        return _Rank(nothing, nothing, nothing, 0, reason)
    value = _both(column, sums, moment[r])
    if np.isnan(value[0]):
        return _Rank(nothing, nothing, nothing, 0, "the means of all taxa coincide")
    shuffle = free(sums.lineage, r)
    if not permutations or shuffle.untested:
        return _Rank(value, nothing, nothing, n, shuffle.untested if permutations else "")
    drawn = np.array([_both(shuffle.draw(rng), sums, moment[r]) for _ in range(permutations)])
    fewer = [(1 + int((drawn[:, i] <= value[i]).sum())) / (1 + permutations) for i in range(2)]
    null = drawn[~np.isnan(drawn[:, 0])].mean(axis=0) if not np.isnan(drawn[:, 0]).all() else nothing
    return _Rank(value, (float(null[0]), float(null[1])), (fewer[0], fewer[1]), n, "")


def _refused(k: int, n: int, d: int) -> str:
    if k < 2:
        return "fewer than two taxa of this rank"
    if k > d + 1:
        return f"{k:,} taxa in {d:,} dimensions: more than d + 1 points cannot stand at equal angles"
    if n <= k:
        return "no taxon has two images"
    return ""


def _both(column: Ints, sums: TaxonSums, moment: Floats) -> tuple[float, float]:
    from scipy.sparse import csr_array

    known = np.flatnonzero(column >= 0)
    taxa, place = np.unique(column[known], return_inverse=True)
    k, size = len(taxa), np.bincount(place, weights=sums.count[known]).astype(np.float64)
    mean = csr_array((1 / size[place], (place, known)), shape=(k, len(column))) @ sums.total
    centre = mean.mean(axis=0)
    centred = mean - centre
    gram = centred @ centred.T
    scale = np.linalg.norm(gram)
    if scale <= _COINCIDE * np.vdot(mean, mean):
        return float("nan"), float("nan")
    simplex = (np.eye(k) - 1 / k) / np.sqrt(k - 1)
    nc2 = float(np.linalg.norm(gram / scale - simplex))
    nc1 = _solved(centred, centre, gram, size, moment)
    return (_decomposed(centred, mean, size, moment) if nc1 is None else nc1), nc2


def _solved(centred: Floats, centre: Floats, gram: Floats, size: Floats, moment: Floats) -> float | None:
    """``NC1`` from ``X``, the transposed pseudo-inverse of the centred means; None where they do not span enough.

    ``X`` solves ``gram @ X = centred``; the one direction that centring takes away is put back into the matrix, and
    has no part in the solution. Of the means, ``X`` makes ``1`` less the mean and ``X @ centre`` in every column.
    """
    from scipy.linalg.lapack import dpocon, dpotrf, dpotrs

    k = len(gram)
    whole = gram + np.trace(gram) / k**2
    factor, failed = dpotrf(whole, lower=1)
    if failed or dpocon(factor, np.abs(whole).sum(axis=0).max(), uplo="L")[0] < _SURE:
        return None
    inverse = np.ascontiguousarray(dpotrs(factor, centred, lower=1)[0])
    beside = inverse @ centre
    between = size @ (1 - 1 / k + beside @ beside + 2 * beside)
    return float((np.einsum("ij,ij->", inverse @ moment, inverse) - between) / size.sum())


def _decomposed(centred: Floats, mean: Floats, size: Floats, moment: Floats) -> float:
    """``NC1`` where means coincide, or nearly lie in fewer dimensions."""
    within = (moment - (mean * size[:, None]).T @ mean) / size.sum()
    _, length, direction = np.linalg.svd(centred, full_matrices=False)
    kept = length > length.max(initial=0) * 1e-9
    inside = (direction[kept] @ within * direction[kept]).sum(axis=1)
    return float((inside / length[kept] ** 2).sum())
