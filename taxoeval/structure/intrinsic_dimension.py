"""Intrinsic dimension: along how many directions do images differ, all of them and those of one taxon?"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.metrics.statistics import student
from taxoeval.structure.nearest_cosines import nearest_cosines, nearest_in_samples
from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows, blocks, checked
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DRAWS = 100
"""Samples of the whole space; a taxon has up to 20, as many as it could fill without drawing an image twice."""
_TAXA = 200
"""Taxa of a rank that are measured."""
_SAME = 1e-6
"""Distances up to this are what single precision leaves of zero."""
_MOST = 8192
"""Images of the largest sample of the curve."""
_SMALL = 512
"""Images of a sample up to which many samples are looked at together."""


@dataclass(frozen=True, eq=False)
class IntrinsicDimension:
    """Dimension by the ratio of the distances to the two nearest neighbours.

    Attributes
    ----------
    rows
        Of samples of equal size: the whole space, and the mean over the taxa of each rank.
    taxon
        ``(n_taxa,)`` the dimension of each taxon of the taxonomy that was measured; NaN for the others.
    images
        Images of a sample.
    duplicates
        Images left out because their vector is that of another image.
    curve_images, curve
        ``(m,)`` sizes of ever larger samples of the whole space, and their dimension: it grows with the size.
    """

    rows: tuple[ByRank, ...]
    taxon: Floats
    images: int
    duplicates: int
    curve_images: Ints
    curve: Floats


def two_nn(first: Floats, second: Floats) -> float:
    """Dimension from the distances to the nearest and second nearest neighbour, ``(n,)`` each.

    Where points are locally uniform in d dimensions, the ratio of the two has the distribution function
    ``1 - ratio**-d``: its logarithm is exponential with mean 1/d, and ``(n - 1) / sum(log(ratio))`` is unbiased for
    independent ones. Points at no distance from their nearest neighbour are left out. NaN with fewer than three
    points, or if all ratios are 1.

    References
    ----------
    E. Facco, M. d'Errico, A. Rodriguez, A. Laio, "Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information", Scientific Reports 7 (2017).

    Examples
    --------
    >>> round(two_nn(np.array([1.0, 1.0, 2.0, 0.0]), np.array([2.0, 2.0, 4.0, 1.0])), 3)  # 2 / (3 log 2)
    0.962
    """
    apart = first > _SAME
    return _dimension(np.log(second[apart] / first[apart]))


def _dimension(logs: Floats) -> float:
    total = float(logs.sum()) if len(logs) > 2 else 0.0
    return (len(logs) - 1) / total if total > 0 else float("nan")


def intrinsic_dimension(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, images: int = 30, seed: int = 0
) -> IntrinsicDimension:
    """Dimension of the whole space and of the taxa of each rank, all from samples of the same number of images.

    The estimate grows with the number of images, in truth and by bias where the dimension is high (a sample of a few
    hundred cannot show more than about ten or twenty of a hundred dimensions), so numbers compare at equal size only.
    A taxon whose dimension is below that of as many images drawn from the whole space varies in fewer ways than life.

    Parameters
    ----------
    vectors
        ``(n, d)``, divided by their length here; all are held in memory.
    taxon
        ``(n,)`` taxon id of each image.
    taxonomy
        Their taxonomy; images whose taxon at a rank is unknown are in none of its taxa.
    images
        Images of a sample, at least 5. Taxa with fewer different images are not measured; of each larger one that
        many are drawn, and of a rank with more than 200 such taxa, 200 taxa.
    seed
        Of the samples.

    Returns
    -------
    result
        `IntrinsicDimension`. Intervals are Student's: over species, of the mean logarithm of the ratio, for the whole
        space; over taxa at a rank; NaN with a single one. The null at a rank is the
        dimension of the whole space. Not tested: no p.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, there are no images, or ``images`` is less than 5.
    ValueError
        If the shapes disagree or a taxon is not in the taxonomy.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> taxonomy = Taxonomy.from_lineages([("Pica pica",), ("Larus canus",)], ranks=("species",))
    >>> x = np.pad(rng.normal(size=(400, 3)), ((0, 0), (0, 5)))  # three dimensions, of which the length is left out
    >>> result = intrinsic_dimension(x, np.repeat([0, 1], 200), taxonomy, images=200)
    >>> result.rows[0].value.round(1)
    array([2.])
    """
    labels = checked(vectors, taxon, taxonomy)
    if images < 5:
        raise TaxoevalError(f"images is {images}; the dimension of a sample needs at least 5")
    units, labels, duplicates = _different(vectors, labels)
    rng = np.random.default_rng(seed)
    whole, low, high = float("nan"), float("nan"), float("nan")
    if len(units) >= images:
        logs, rows = _logs(units, np.arange(len(units)), images, _DRAWS, rng)
        whole = _dimension(logs)
        if len(np.unique(labels[rows])) > 1 and logs.any():
            ends = student(logs, groups=labels[rows])
            low, high = _inverse(float(ends.high)), _inverse(float(ends.low))
    of_taxon = np.full(len(taxonomy), np.nan)
    table = [_of_rank(units, own, images, of_taxon, rng) for own in taxonomy.ancestor[labels].T]
    means = [student(values) if len(values) else None for values in table]
    size = [images * 2**j for j in range(20) if images * 2**j <= min(len(units), _MOST)]
    curve = [_dimension(_logs(units, np.arange(len(units)), m, max(1, _MOST // m // 8), rng)[0]) for m in size]
    few = f"fewer than {images} different images"
    rows_of = (
        ByRank.of(
            f"intrinsic dimension of {images} images",
            ("",),
            [whole],
            n=len(units),
            unit="images",
            low=[low],
            high=[high],
            higher_is_better=None,
            reason=[few if len(units) < images else "neighbours are all at one distance" if np.isnan(whole) else ""],
        ),
        ByRank.of(
            f"intrinsic dimension of {images} images of a taxon",
            taxonomy.ranks,
            [np.nan if one is None else float(one.estimate) for one in means],
            n=[len(values) for values in table],
            unit="taxa",
            low=[np.nan if one is None else float(one.low) for one in means],
            high=[np.nan if one is None else float(one.high) for one in means],
            null=[np.nan if one is None else whole for one in means],
            higher_is_better=None,
            reason=[f"no taxon has {images} different images" if one is None else "" for one in means],
        ),
    )
    return IntrinsicDimension(rows_of, of_taxon, images, duplicates, np.array(size), np.array(curve))


def _different(vectors: Rows, labels: Ints) -> tuple[NDArray[Any], Ints, int]:
    """Unit vectors without duplicates and without vectors of zeros, their labels, and how many were left out."""
    units = np.empty(vectors.shape, dtype=np.result_type(np.asarray(vectors[0:1]), np.float32))
    for rows, block in blocks(vectors):
        units[rows] = block + 0.0  # -0 becomes 0
    whole = units.view(np.dtype(f"u{units.dtype.itemsize}")).sum(axis=1, dtype=np.uint64)  # equal for equal vectors
    _, code, times = np.unique(whole, return_inverse=True, return_counts=True)
    different = np.asarray(units.any(axis=1))
    seen: set[bytes] = set()
    for i in np.flatnonzero(different & (times[code] > 1)):
        mark = blake2b(units[i].tobytes(), digest_size=16).digest()
        different[i] = mark not in seen
        seen.add(mark)
    kept = np.flatnonzero(different)
    left_out = len(units) - len(kept)
    return (units[kept], labels[kept], left_out) if left_out else (units, labels, 0)


def _logs(units: NDArray[Any], rows: Ints, images: int, draws: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Logarithms of the ratios in samples of some rows, one after the other; and the row of each."""
    if images < len(rows):
        drawn = np.stack([rng.choice(rows, images, replace=False) for _ in range(draws)])
    else:
        drawn = rows[None]
    if images > _SMALL:
        cosine = np.stack([nearest_cosines(units[sample], 2) for sample in drawn])
    else:
        cosine = nearest_in_samples(units, drawn, 2)
    first, second = np.sqrt(np.maximum(2 - 2 * cosine, 0.0)).reshape(-1, 2).T
    apart = first > _SAME
    return np.log(second[apart] / first[apart]), drawn.ravel()[apart]


def _of_rank(units: NDArray[Any], own: NDArray[Any], images: int, of_taxon: Floats, rng: np.random.Generator) -> Floats:
    """Dimensions of the taxa of a rank that have enough images, also written to ``of_taxon (n_taxa,)``."""
    taxa, count = np.unique(own[own >= 0], return_counts=True)
    enough = count >= images
    taxa, count = taxa[enough], count[enough]
    if len(taxa) > _TAXA:
        chosen = np.sort(rng.choice(len(taxa), _TAXA, replace=False))
        taxa, count = taxa[chosen], count[chosen]
    for taxon, n in zip(taxa, count, strict=True):
        logs, _ = _logs(units, np.flatnonzero(own == taxon), images, min(20, n // images), rng)
        of_taxon[taxon] = _dimension(logs)
    found = of_taxon[taxa]
    return np.asarray(found[~np.isnan(found)])


def _inverse(end: float) -> float:
    return 1 / end if 0 < end < np.inf else float("nan")
