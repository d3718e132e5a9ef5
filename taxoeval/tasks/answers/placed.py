"""Candidates that the dataset's taxonomy lacks, added to it: as answers they are wrong, but they have a place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taxoeval.records import Predictions
from taxoeval.tasks.answers.resolve import Resolution
from taxoeval.taxonomy import Taxonomy

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Placed:
    """The dataset's taxonomy with the candidates in it.

    Attributes
    ----------
    taxonomy
        The dataset's taxa and the placed candidates; the dataset's own taxonomy if nothing had to be added.
    candidate
        ``(m,)`` the taxon in it of each answer; several answers may be one taxon.
    taxon
        ``(n_taxa,)`` the taxon in it of each taxon of the dataset.
    nowhere
        ``(m,)`` the answers without any place: each has a taxon of its own that no answer may show.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax")], ranks=("genus", "species"))
    >>> placed = place([Resolution(0, "placed", "", ("Corvus", "Corvus albus")), Resolution(1, "exact")], taxonomy)
    >>> [placed.taxonomy.path(i) for i in placed.candidate], placed.home
    (['Corvus > Corvus albus', 'Corvus > Corvus corax'], array([ 0, -1,  1]))
    """

    taxonomy: Taxonomy
    candidate: Ids
    taxon: Ids
    nowhere: NDArray[np.bool_]

    @cached_property
    def home(self) -> Ids:
        """``(n_taxa,)`` the dataset's taxon of each taxon, ``-1`` for what was added."""
        back = np.full(len(self.taxonomy), -1)
        back[self.taxon] = np.arange(len(self.taxon))
        return back

    def covers(self, taxon: Ids) -> NDArray[np.bool_]:
        """Whether some answer is each taxon of the dataset, or lies below it."""
        reached = self.taxonomy.ancestor[self.candidate[~self.nowhere]]
        return np.asarray(np.isin(self.taxon[taxon], reached[reached >= 0]))

    def answered(self, predictions: Predictions) -> Predictions:
        """Predictions in which an answer without a place is no answer."""
        lost = np.zeros(len(self.taxonomy) + 1, dtype=bool)  # the last stands for -1
        lost[self.candidate[self.nowhere]] = True
        taxon = np.where(lost[predictions.taxon], -1, predictions.taxon)
        return replace(predictions, taxon=taxon, probability=np.where(taxon >= 0, predictions.probability, np.nan))

    def joined(self, home: Taxonomy) -> Taxonomy | None:
        """The taxonomy with what was added; None where nothing was."""
        return None if self.taxonomy is home or self.taxonomy == home else self.taxonomy


def place(found: Sequence[Resolution], taxonomy: Taxonomy) -> Placed:
    """Add what the taxonomy lacks.

    Parameters
    ----------
    found
        ``m`` resolutions.
    taxonomy
        The taxonomy they are of.

    Returns
    -------
    placed
        `Placed`.

    Raises
    ------
    TaxoevalError
        If the lineage of a placed answer names a taxon that comes back further down.
    """
    nowhere = np.array([one.taxon < 0 and not one.lineage for one in found], dtype=bool)
    if all(one.resolved for one in found):
        taxa = np.array([one.taxon for one in found], dtype=np.int64)
        return Placed(taxonomy, taxa, np.arange(len(taxonomy)), nowhere)
    blank = ("",) * (taxonomy.n_ranks - 1)
    lineages = [
        one.lineage or (taxonomy.lineage(one.taxon) if one.taxon >= 0 else (*blank, f"unresolved answer {i + 1}"))
        for i, one in enumerate(found)
    ]
    names = np.append(taxonomy.names, np.array([""], dtype=object))
    own = names[taxonomy.ancestor].T
    columns = [[*mine, *theirs] for mine, theirs in zip(own.tolist(), zip(*lineages, strict=True), strict=True)]
    union, taxon = Taxonomy.from_columns(columns, ranks=taxonomy.ranks, where="the answers' lineages")
    return Placed(union, taxon[len(taxonomy) :], taxon[: len(taxonomy)], nowhere)
