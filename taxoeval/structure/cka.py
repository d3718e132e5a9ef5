"""Do two spaces, or a space and the taxonomy, put the same images near each other? Linear CKA without bias."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.permuted_pairs import permuted_sums
from taxoeval.structure.record import ByRank
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TAXONOMY = "taxonomy"

KERNELS = 4096
"""Most things whose kernels, ``n x n``, are held while they are permuted: 128 MiB each."""


@dataclass(frozen=True, eq=False)
class SpacesAgree:
    """Agreement of several spaces over the same species, each pair on one footing.

    Attributes
    ----------
    rows
        One quantity, ``CKA``, with one row per pair.
    names
        Of the spaces; the last is the taxonomy.
    cka
        ``(m, m)`` symmetric, 1 on the diagonal.
    p
        ``(m, m)`` share of permutations of the species with as high a value; NaN on the diagonal.
    """

    rows: tuple[ByRank, ...]
    names: tuple[str, ...]
    cka: Floats
    p: Floats


def cka(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Linear centred kernel alignment of two sets of vectors of the same things, from the unbiased HSIC.

    1 if the inner products agree up to scale, whatever the rotation; about 0 for independent spaces, however many
    dimensions they have, where the usual estimate is far above 0; it may be slightly negative.

    Parameters
    ----------
    x, y
        ``(n, d)`` and ``(n, e)``, row by row the same thing; at least 4.

    Returns
    -------
    value
        At most 1; NaN where one of the spaces is a single point.

    Raises
    ------
    ValueError
        If the rows differ in number, or are fewer than 4.

    Notes
    -----
    Cost ``n d e``: no ``n x n`` matrix is made. With kernels whose diagonal is set to zero, ``HSIC = (tr(KL) +
    sum(K) sum(L) / ((n - 1)(n - 2)) - 2 / (n - 2) sum(KL)) / (n (n - 3))`` is unbiased [1]_; CKA is
    ``HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y))`` [2]_.

    References
    ----------
    .. [1] L. Song, A. Smola, A. Gretton, J. Bedo and K. Borgwardt, "Feature Selection via Dependence Maximization",
       Journal of Machine Learning Research 13 (2012).
    .. [2] S. Kornblith, M. Norouzi, H. Lee and G. Hinton, "Similarity of Neural Network Representations Revisited",
       ICML 2019.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(50, 5))
    >>> turned = x @ np.linalg.qr(rng.normal(size=(5, 5)))[0]
    >>> round(cka(x, 3 * turned), 6), abs(cka(x, rng.normal(size=(50, 200)))) < 0.1
    (1.0, True)
    """
    a, b = _centred(x), _centred(y)
    if len(a) != len(b) or len(a) < 4:
        raise ValueError(f"cka needs two spaces of the same things, at least 4; got {len(a)} and {len(b)} rows")
    scale = hsic(a, a) * hsic(b, b)
    return float(hsic(a, b) / np.sqrt(scale)) if scale > 0 else float("nan")


def _centred(x: NDArray[Any]) -> Floats:
    """The estimate does not depend on the centre, rounding does."""
    rows = np.asarray(x, dtype=np.float64)
    return np.asarray(rows - rows.mean(axis=0))


def hsic(x: Floats, y: Floats) -> float:
    """Unbiased Hilbert-Schmidt independence criterion of two linear kernels, from the features.

    Examples
    --------
    >>> x = np.arange(8.0).reshape(4, 2)
    >>> round(hsic(x, x), 3)
    138.667
    """
    n = len(x)
    own_x, own_y = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
    row_x, row_y = x @ x.sum(axis=0) - own_x, y @ y.sum(axis=0) - own_y  # row sums without the diagonal
    together = float(((x.T @ y) ** 2).sum() - own_x @ own_y)
    both = row_x.sum() * row_y.sum() / ((n - 1) * (n - 2))
    return float((together + both - 2 / (n - 2) * (row_x @ row_y)) / (n * (n - 3)))


def spaces_agree(
    spaces: Mapping[str, NDArray[Any]],
    species: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    permutations: int = 199,
    seed: int = 0,
) -> SpacesAgree:
    """CKA of every pair of spaces of the same species, and of each with the taxonomy.

    Parameters
    ----------
    spaces
        ``(c, d)`` vectors by name: centroids of images, texts, another encoder; divided by their length here.
    species
        ``(c,)`` the taxon of each row.
    taxonomy
        Their taxonomy; its kernel is the number of ranks two species share (a hole is shared with nobody).
    permutations
        Of the species, for p; the value of independent spaces is 0.
    seed
        Of the permutations.

    Returns
    -------
    record
        `SpacesAgree`; NaN with the reason for fewer than 4 species.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([(f"G{i // 3}", f"s{i}") for i in range(12)], ranks=("genus", "species"))
    >>> species = np.flatnonzero(taxonomy.rank == 1)
    >>> genus = np.eye(4)[np.arange(12) // 3]
    >>> found = spaces_agree({"genus alone": genus}, species, taxonomy, permutations=19)
    >>> found.names, found.cka.round(2)[0, 1] > 0.9, found.p[0, 1]
    (('genus alone', 'taxonomy'), np.True_, np.float64(0.05))
    """
    lineage = np.asarray(taxonomy.ancestor[np.asarray(species)], dtype=np.int64)
    features = {name: _units(x) for name, x in spaces.items()} | {TAXONOMY: _shared_ranks(lineage)}
    names = tuple(features)
    m, c = len(names), len(np.asarray(species))
    value, p = np.eye(m), np.full((m, m), np.nan)
    rows = []
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(c) for _ in range(permutations)] if c >= 4 else []
    for i in range(m):
        for j in range(i + 1, m):
            reason = "fewer than 4 species" if c < 4 else ""
            found, share = (
                (float("nan"), float("nan"))
                if reason
                else _tested(features[names[i]], features[names[j]], orders, lineage if j == m - 1 else None)
            )
            value[i, j] = value[j, i] = found
            p[i, j] = p[j, i] = share
            if not reason and np.isnan(found):
                reason = "all species are at one point"
            quantity = f"CKA of {names[i]} and {names[j]}"
            rows.append(ByRank.of(quantity, ("",), [found], n=c, unit="taxa", null=0.0, p=share, reason=(reason,)))
    return SpacesAgree(tuple(rows), names, value, p)


def _tested(x: Floats, y: Floats, orders: list[Ints], lineage: Ints | None) -> tuple[float, float]:
    a, b = _centred(x), _centred(y)
    scale = hsic(a, a) * hsic(b, b)
    if scale <= 0:
        return float("nan"), float("nan")
    value = hsic(a, b) / np.sqrt(scale)
    if len(a) > KERNELS or not orders:
        drawn = np.array([hsic(a, b[order]) for order in orders])
    elif lineage is None:
        drawn = _permuted(a, b, orders)
    else:
        drawn = _permuted_species(a, lineage, np.array(orders))
    larger = int((drawn / np.sqrt(scale) >= value - 1e-12).sum())
    return float(value), float((1 + larger) / (1 + len(orders))) if orders else float("nan")


def _permuted(x: Floats, y: Floats, orders: list[Ints]) -> Floats:
    """`hsic` with the rows of ``y`` in each of the orders, from the kernels: they need not be made anew."""
    one, other = _kernel(x), _kernel(y)
    products = [np.vdot(one, other.take(order, axis=0).take(order, axis=1)) for order in orders]
    return _from_kernels(np.array(products), one.sum(axis=1), other.sum(axis=1), np.array(orders))


def _permuted_species(x: Floats, lineage: Ints, orders: Ints) -> Floats:
    """The same with the ranks that species share as the other kernel: sums over clades."""
    n_ranks = lineage.shape[1]
    shared = sum((of_rank[:, None] == of_rank) & (of_rank >= 0) for of_rank in lineage.T)
    by_clade = np.lexsort(lineage.T[::-1])
    apart = (n_ranks - np.asarray(shared))[np.ix_(by_clade, by_clade)]
    kernel, value = _kernel(x), n_ranks - np.arange(n_ranks + 1.0)
    products = 2 * permuted_sums(apart, value, kernel, np.argsort(orders, axis=1)[:, by_clade])
    ranks = np.asarray(shared, dtype=np.float64)
    np.fill_diagonal(ranks, 0.0)
    return _from_kernels(products, kernel.sum(axis=1), ranks.sum(axis=1), orders)


def _kernel(x: Floats) -> Floats:
    """Inner products of rows, 0 of each with itself."""
    kernel = x @ x.T
    np.fill_diagonal(kernel, 0.0)
    return np.asarray(kernel)


def _from_kernels(products: Floats, row_x: Floats, row_y: Floats, orders: Ints) -> Floats:
    n = len(row_x)
    both = row_x.sum() * row_y.sum() / ((n - 1) * (n - 2))
    return np.asarray((products + both - 2 / (n - 2) * (row_y[orders] @ row_x)) / (n * (n - 3)))


def _units(x: NDArray[Any]) -> Floats:
    rows = np.asarray(x, dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))


def _shared_ranks(lineage: Ints) -> Floats:
    """Features whose inner product is the number of ranks shared: a column per taxon."""
    taxa, place = np.unique(lineage, return_inverse=True)
    found = np.zeros((len(lineage), len(taxa)))
    found[np.repeat(np.arange(len(lineage)), lineage.shape[1]), place.ravel()] = 1.0
    return found[:, taxa >= 0]
