"""Silhouette at every rank: is an image nearer to its own taxon than to the nearest other one?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.followed_images import spread_out, whole_groups
from taxoeval.structure.image_values import Images
from taxoeval.structure.nested_taxa import RankTaxa, rank_taxa
from taxoeval.structure.record import ByRank
from taxoeval.structure.silhouette_null import Followed, shuffled
from taxoeval.structure.silhouette_scores import silhouettes
from taxoeval.structure.sums import Rows, TaxonSums, blocks, taxon_sums
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 1 << 20
"""Numbers of the largest array of a block: 8 MB."""


@dataclass(frozen=True, eq=False)
class Silhouette:
    """Silhouettes by cosine distance at every rank.

    Attributes
    ----------
    rows
        Four quantities: ``silhouette`` and ``silhouette among siblings``, each as the mean over images and, ``by
        taxon``, as the mean over the taxa of two images or more.
    image, image_among_siblings
        ``(n, n_ranks)`` of each image; NaN where its taxon is unknown or has none to be compared with.
    taxon, taxon_among_siblings
        ``(n_taxa,)`` mean of each taxon of the taxonomy at its own rank; NaN where it has fewer than two images.
    alone
        ``(n_ranks,)`` images that are the only one of their taxon; their silhouette is 0 by convention.
    """

    rows: tuple[ByRank, ...]
    image: Floats
    image_among_siblings: Floats
    taxon: Floats
    taxon_among_siblings: Floats
    alone: Ints


def silhouette(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, permutations: int = 199, seed: int = 0
) -> Silhouette:
    """Silhouette of every image at every rank, from the sums of taxa.

    1: all images of a taxon at one point, away from others; 0: as near to the nearest other taxon; below 0: nearer to
    that one. Coarse taxa score low by construction, since they are wide: compare a value with its null and with the
    same rank of another encoder, not with another rank. *Among siblings*, the nearest other taxon is looked for in
    the taxon one rank up: do the genera of a family lie apart, whatever the families do?

    Parameters
    ----------
    vectors
        ``(n, d)``, divided by their length here; read twice, a block at a time (see `Rows`).
    taxon
        ``(n,)`` taxon id of each image.
    taxonomy
        Their taxonomy. An image whose taxon at a rank is unknown has no silhouette there and belongs to no other
        taxon either; a taxon whose parent one rank up is unknown has no siblings. At the coarsest rank all taxa are
        siblings.
    permutations
        How many shuffles the null has; 0 for none.
    seed
        Of the shuffles, their sample and the bootstrap.

    Returns
    -------
    result
        `Silhouette`. Intervals: bootstrap over species; by taxon, Student's.

        Null and p: lineages are dealt out anew to the species known to the same ranks; among siblings, the parts of
        sibling taxa (the genera of the families of one order) are dealt out anew among these, so that finer ranks are
        left as they are; at the rank of the species themselves, where this changes nothing, their images are. Both are
        computed for a sample of about a thousand images, against the sums of all images (at the rank of the species:
        against the sums of the sample), and without images known to a genus only where species of it are known too,
        since these may be the same.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, or there are no images.
    ValueError
        If the shapes disagree or a taxon is not in the taxonomy.

    Notes
    -----
    Equals ``sklearn.metrics.silhouette_samples(vectors, taxa, metric="cosine")`` at each rank, at a cost linear in the
    images: one product of the images with the sums of the labels serves all ranks. Exact for cosine (and squared
    Euclidean) distance only; Euclidean silhouettes are other numbers.

    A small p without siblings says that lineage shows at this rank *or a finer one*: families lie apart already if
    their genera do. Among siblings it speaks of the rank alone.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "C. corax"), ("Corvus", "C. corone"), ("Pica", "P. pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["C. corax", "C. corax", "C. corone", "C. corone", "P. pica", "P. pica"])
    >>> x = np.array([[5, 1, 0], [5, 1, 1], [4, 2, 0], [4, 2, 1], [0, 1, 5], [1, 0, 5]])
    >>> result = silhouette(x, taxon, taxonomy, permutations=0)
    >>> result.rows[0].ranks, result.rows[0].value.round(3)
    (('genus', 'species'), array([0.951, 0.668]))
    >>> dict(zip(taxonomy.names, result.taxon.round(2).tolist()))
    {'Corvus': 0.95, 'C. corax': 0.59, 'C. corone': 0.47, 'Pica': 0.95, 'P. pica': 0.95}
    """
    labels = np.asarray(taxon)
    sums = taxon_sums(vectors, labels, taxonomy)
    code, rng = np.searchsorted(sums.taxon, labels), np.random.default_rng(seed)
    ranks = rank_taxa(sums.lineage, sums.taxon, sums.count)
    genus = ranks[-2].unit[code] if len(ranks) > 1 else np.zeros(len(code), dtype=np.int64)
    followed = (spread_out(code, rng), whole_groups(genus, code, rng))
    both, vectors_followed = _images(vectors, code, sums, ranks, followed)
    follow = [Followed(code[rows], units) for rows, units in zip(followed, vectors_followed, strict=True)]
    images = Images(labels, sums.lineage[code], taxonomy.ranks, seed)
    alone = np.stack([np.isin(at.own, np.flatnonzero(at.count == 1))[code] for at in ranks], axis=1)
    rows: list[ByRank] = []
    per_taxon = []
    null = shuffled(ranks, sums, *follow, permutations=permutations, rng=rng)
    for values, beside, name in zip(both, null, ("silhouette", "silhouette among siblings"), strict=True):
        several = np.where(alone, np.nan, values)
        reason = [_undefined(at, column) for at, column in zip(ranks, several.T, strict=True)]
        for why, column, other in zip(reason, values.T, several.T, strict=True):
            if why:
                column[:], other[:] = np.nan, np.nan
        zeros, gone = (
            [why or _alone(at, note) for why, at in zip(reason, ranks, strict=True)]
            for note in ("images are alone in their taxon and count 0", "taxa have one image and are left out")
        )
        rows.append(images.over_images(name, values, zeros, beside[0]))
        rows.append(images.over_taxa(f"{name}, by taxon", several, gone, beside[1]))
        per_taxon.append(images.per_taxon(several, len(taxonomy)))
    return Silhouette(tuple(rows), both[0], both[1], per_taxon[0], per_taxon[1], alone.sum(axis=0))


def _images(
    vectors: Rows, code: Ints, sums: TaxonSums, ranks: list[RankTaxa], followed: tuple[Ints, Ints]
) -> tuple[tuple[Floats, Floats], list[Floats]]:
    """Silhouettes of all images, among all taxa and among siblings; and the unit vectors of the rows to be followed."""
    n, d = vectors.shape
    found = np.full((n, len(ranks)), np.nan), np.full((n, len(ranks)), np.nan)
    kept = [np.empty((len(rows), d)) for rows in followed]
    centre, totals = sums.mean, _centred(sums, np.result_type(np.asarray(vectors[0:1]), np.float32))
    for rows, block in blocks(vectors, size=max(1, _BLOCK // max(d, len(sums.taxon)))):
        for positions, into in zip(followed, kept, strict=True):
            here = slice(*np.searchsorted(positions, [rows.start, rows.stop]))
            into[here] = block[positions[here] - rows.start]
        square, base = np.einsum("ij,ij->i", block, block), block @ centre
        away = np.column_stack([block - centre, np.ones(len(block))])
        product = totals @ away.astype(totals.dtype, copy=False).T
        for place in range(len(ranks) - 1, -1, -1):
            at = ranks[place]
            product = product if at.gather is None else at.gather @ product
            own = at.own[code[rows]]
            seen = np.flatnonzero(own >= 0)
            if len(seen):
                part = product.copy() if len(seen) * len(at.row) == product.size else product[np.ix_(at.row, seen)]
                pair = silhouettes(part, at.count, own[seen], square[seen], at.parent, base[seen])
                for into, values in zip(found, pair, strict=True):
                    into[rows.start + seen, place] = values
    return found, kept


def _centred(sums: TaxonSums, dtype: np.dtype[Any]) -> NDArray[Any]:
    """``(g, d + 1)`` sums of the labels whose product with (an image less the mean, 1) is that of the two less a base.

    The base, the image times the mean, is the same for all taxa. Single precision then loses digits of the differences
    between taxa and not of the cosine, which is large in the narrow cones that encoders make.
    """
    centre = sums.mean
    last = sums.total @ centre - sums.count * (centre @ centre)
    return np.column_stack([sums.total - np.outer(sums.count, centre), last]).astype(dtype)


def _alone(at: RankTaxa, what: str) -> str:
    alone = int((at.count == 1).sum())
    return f"{alone} {what}" if alone else ""


def _undefined(at: RankTaxa, several: Floats) -> str:
    """Why a rank has no silhouette; ``several (n,)`` are those of the images that are not alone in their taxon."""
    if not len(at.taxon):
        return "no image is known to this rank"
    if len(at.taxon) == 1:
        return "all images are of one taxon"
    if (at.count == 1).all():
        return "every taxon has a single image"
    if np.isnan(several).all():
        return "no taxon of several images has a known sibling"
    return "" if np.nan_to_num(several).any() else "all vectors point the same way"
