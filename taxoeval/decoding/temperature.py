"""One temperature for all probabilities: how much flatter, or sharper, they must be to be believed."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.calibration import known_samples
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

LOWEST, HIGHEST = 0.01, 100.0
"""Between which a temperature is looked for. Where every image is right, the lowest is the best there is."""

_WHOLE = 1e-3  # rows that sum to 1 up to this are rounded; of others, what is missing is the chance of something else
_BLOCK = 1 << 22  # numbers worked on at a time


class Temperature(NamedTuple):
    """A fitted temperature, and what it gains.

    Attributes
    ----------
    value
        The temperature.
    given, fitted
        Mean of minus the natural logarithm of the probability of the true taxon, as given and under the temperature.
    n
        Samples it was fitted on.
    impossible
        Samples left out because their taxon has probability 0, which no temperature changes.
    """

    value: float
    given: float
    fitted: float
    n: int
    impossible: int = 0


def tempered(probability: ArrayLike, temperature: float) -> Floats:
    """Raise probabilities to the power of one over the temperature, and make them sum to 1 again.

    Parameters
    ----------
    probability
        ``(n, c)``, at least 0. Of a row whose sum is below 1, what is missing is the probability of something that is
        no candidate, and is raised with the others. A row of 0 stays.
    temperature
        Above 0: 1 changes nothing, above 1 makes them more alike.

    Returns
    -------
    probability
        ``(n, c)`` float64.

    Raises
    ------
    ValueError
        If the temperature is not a number above 0.

    Notes
    -----
    For the softmax of scores it is the softmax of the scores divided by the temperature. A probability of 0 stays 0:
    the votes of a single neighbour cannot be made less sure.

    Examples
    --------
    >>> tempered([[0.8, 0.2]], 2.0).round(3)
    array([[0.667, 0.333]])
    >>> tempered([[0.25, 0.0]], 1.0).round(3)
    array([[0.25, 0.  ]])
    """
    if not 0 < temperature < np.inf:
        raise ValueError(f"the temperature must be a number above 0; got {temperature}")
    given = np.asarray(probability)
    logits, other = _logits(given)
    raised = np.exp(logits / temperature)
    total = raised.sum(axis=1) + np.exp(other / temperature)
    return np.where(given.max(axis=1, keepdims=True, initial=0.0) > 0, raised / total[:, None], 0.0)


def fit_temperature(
    probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, target: ArrayLike
) -> Temperature:
    """The temperature under which the true taxa of some samples are most likely.

    Parameters
    ----------
    probability, candidates, taxonomy
        As for `rank_sum`.
    target
        ``(n,)`` true taxa, of any rank; ``-1`` leaves a sample out. What counts is the sum of the candidates at or
        below the target or, where none is, below its finest ancestor that has one.

    Returns
    -------
    temperature
        `Temperature`, its value between `LOWEST` and `HIGHEST`: that of the least mean of minus the logarithm of the
        sum under `tempered`. 1 where the samples do not tell, every sum being 1 or 0.

    Raises
    ------
    ValueError
        As for `rank_sum`, or if ``target`` does not fit.
    TaxoevalError
        If no target is known, or none shares with a candidate any taxon that has a probability.

    Notes
    -----
    The likelihood weighs the probability of every true taxon, the improbable ones most. Where one temperature cannot
    suit all images, because some are of taxa that the scores know nothing of, it is a compromise, and the answers to
    the others can be stated less well than before. Samples of which the taxon has no probability at all would make
    every temperature infinitely bad. They are left out, and what is fitted is then too sure by about their share.

    References
    ----------
    .. [1] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus",), ("Pica",)], ranks=("genus",))
    >>> fitted = fit_temperature([[0.9, 0.1]] * 4, [0, 1], taxonomy, [0, 0, 0, 1])  # said 0.9, is right for 0.75
    >>> [round(number, 3) for number in fitted]
    [2.0, 0.655, 0.562, 4, 0]
    """
    from scipy.optimize import minimize_scalar

    scores, taxa, targets = known_samples(probability, candidates, taxonomy, target)
    row, column = _pairs(targets, taxa, taxonomy)
    given = np.bincount(row, scores[row, column], len(scores))
    useful = given > 0
    if not useful.any():
        raise TaxoevalError(
            "no image of the calibration split is of a taxon that has any probability: a temperature cannot be fitted; "
            "give it images of the taxa that are asked about"
        )
    n = int(useful.sum())
    impossible = int((np.isin(np.arange(len(scores)), row) & ~useful).sum())
    kept = useful[row]
    row, column = np.cumsum(useful)[row[kept]] - 1, column[kept]
    scores = scores[useful]
    step = max(1, _BLOCK // scores.shape[1])
    pieces = []
    for first in range(0, n, step):
        inside = slice(*np.searchsorted(row, [first, first + step]))
        pieces.append((*_logits(scores[first : first + step]), row[inside] - first, column[inside]))

    def loss(log_temperature: float) -> float:
        power = np.exp(-log_temperature)
        total = 0.0
        for logits, other, image, candidate in pieces:
            own = np.bincount(image, np.exp(logits[image, candidate] * power), len(logits))
            # at low temperatures a sum can become too small to be held: then it is at most this
            total -= np.log(np.maximum(own, np.finfo(np.float64).tiny)).sum()
            total += np.log(np.exp(logits * power).sum(axis=1) + np.exp(other * power)).sum()
        return float(total / n)

    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), 17)
    losses = [loss(point) for point in grid]
    best = int(np.argmin(losses))
    if np.ptp(losses) < 1e-9:
        return Temperature(1.0, losses[best], losses[best], n, impossible)
    around = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-4})
    point, least = (found.x, found.fun) if found.fun < losses[best] else (grid[best], losses[best])
    return Temperature(float(np.clip(np.exp(point), LOWEST, HIGHEST)), loss(0.0), float(least), n, impossible)


def sums_of(taxon: Ids, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """The sum over the candidates at or below given taxa.

    Parameters
    ----------
    taxon
        ``(n, m)`` taxa asked about in each row; ``-1`` gives NaN.
    probability, candidates, taxonomy
        As for `rank_sum`.

    Returns
    -------
    sums
        ``(n, m)``.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> sums_of(taxonomy.ids(["Corvus", "Pica pica"])[None], [[0.5, 0.25, 0.25]], species, taxonomy)
    array([[0.75, 0.25]])
    """
    order = np.argsort(candidates, kind="stable")
    taxa = np.asarray(candidates)[order]
    scores = np.asarray(probability, dtype=np.float64)[:, order]
    upto = np.concatenate([np.zeros((len(scores), 1)), np.cumsum(scores, axis=1)], axis=1)
    ends = np.searchsorted(taxa, taxon + taxonomy.size[taxon])
    starts = np.searchsorted(taxa, taxon)
    found = np.take_along_axis(upto, ends, axis=1) - np.take_along_axis(upto, starts, axis=1)
    return np.where(taxon >= 0, np.clip(found, 0.0, 1.0), np.nan)


def _logits(probability: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Logarithms relative to the largest of each row, and that of what is missing to 1; minus infinity for nothing."""
    given = probability.astype(np.float64)
    missing = 1.0 - given.sum(axis=1)
    with np.errstate(divide="ignore"):
        logs, other = np.log(given), np.log(np.where(missing > _WHOLE, missing, 0.0))
    largest = np.maximum(logs.max(axis=1), other)
    return logs - largest[:, None], other - largest


def _pairs(target: Ids, taxa: Ids, taxonomy: Taxonomy) -> tuple[Ids, Ids]:
    """Rows and columns of the candidates that make up each target, or its finest ancestor that has any; rows rise."""
    path = taxonomy.ancestor[target].astype(np.int64)
    starts = np.searchsorted(taxa, path)
    count = np.where(path >= 0, np.searchsorted(taxa, path + taxonomy.size[path]) - starts, 0)
    finest = path.shape[1] - 1 - (count[:, ::-1] > 0).argmax(axis=1)
    rows = np.arange(len(path))
    first, many = starts[rows, finest], count[rows, finest]
    row = np.repeat(rows, many)
    return row, np.repeat(first - (np.cumsum(many) - many), many) + np.arange(len(row))
