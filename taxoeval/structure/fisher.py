"""How much more do taxa differ than their images do?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows, summed, taxon_sums
from taxoeval.taxonomy import Taxonomy


def fisher_ratio(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy) -> ByRank:
    """Mean square between the taxa of each rank over mean square within, of unit vectors.

    Parameters
    ----------
    vectors, taxon, taxonomy
        The images; those whose taxon is unknown at a rank are left out of it.

    Returns
    -------
    ratio
        0 or more; 1 is expected of taxa dealt out at random. NaN with the reason where nothing varies within, or there
        is one taxon.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
    >>> x = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]])
    >>> fisher_ratio(x, np.array([0, 0, 1, 1]), taxonomy).value.round(3)
    array([3.6])
    """
    sums = taxon_sums(vectors, taxon, taxonomy)
    value, number, reason = [], [], []
    for r in range(taxonomy.n_ranks):
        known = sums.lineage[:, r] >= 0
        own = sums.lineage[known, r]
        taxa, n = np.unique(own), sums.count[known].sum()
        total, size = summed(own, sums.total[known]), summed(own, sums.count[known][:, None])[:, 0]
        between = float((total**2).sum(axis=1) @ (1 / np.maximum(size, 1)) - (total.sum(axis=0) ** 2).sum() / max(n, 1))
        within = float(sums.square[known].sum() - (total**2).sum(axis=1) @ (1 / np.maximum(size, 1)))
        if len(taxa) < 2 or n <= len(taxa) or within <= 1e-12 * n:
            value.append(np.nan)
            reason.append("one taxon only" if len(taxa) < 2 else "no taxon has two images that differ")
        else:
            value.append((between / (len(taxa) - 1)) / (within / (n - len(taxa))))
            reason.append("")
        number.append(int(n))
    return ByRank.of("Fisher ratio", taxonomy.ranks, value, n=number, unit="images", null=1.0, reason=reason)
