"""From one value per image and rank to rows of a table: means over images and taxa, with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics import bootstrap, student
from taxoeval.structure.record import ByRank

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Beside:
    """What a mean is read against, at each rank.

    Attributes
    ----------
    null, p
        ``(n_ranks,)`` each, see `ByRank`.
    why
        ``(n_ranks,)`` why there is no p, or what to know about it; ``""`` where there is nothing to say.
    """

    null: Floats
    p: Floats
    why: tuple[str, ...]

    @classmethod
    def nothing(cls, n_ranks: int) -> "Beside":
        """No null and no p at any rank."""
        return cls(np.full(n_ranks, np.nan), np.full(n_ranks, np.nan), ("",) * n_ranks)


@dataclass(frozen=True, eq=False)
class Images:
    """The images a mean is over.

    Attributes
    ----------
    species
        ``(n,)`` what is resampled: the label of each image.
    lineage
        ``(n, n_ranks)`` taxon of each image at every rank, ``-1`` where unknown.
    ranks
        Names of the ranks.
    seed
        Of the bootstrap.
    """

    species: Ints
    lineage: Ints
    ranks: tuple[str, ...]
    seed: int

    def per_taxon(self, values: Floats, n_taxa: int) -> Floats:
        """``(n_taxa,)`` mean over the images of each taxon of their values ``(n, n_ranks)`` at its own rank."""
        found = np.full(n_taxa, np.nan)
        for column, taxon in zip(values.T, self.lineage.T, strict=True):
            used = ~np.isnan(column) & (taxon >= 0)
            count = np.bincount(taxon[used], minlength=n_taxa)
            total = np.bincount(taxon[used], weights=column[used], minlength=n_taxa)
            found[count > 0] = total[count > 0] / count[count > 0]
        return found

    def over_images(
        self, quantity: str, values: Floats, reason: list[str], beside: Beside, *, weights: Floats | None = None
    ) -> ByRank:
        """Mean over images of values ``(n, n_ranks)``, weighted where ``weights (n, n_ranks)`` are given.

        NaN leaves an image out; a rank at which all are NaN needs a reason. Interval: studentised bootstrap of species.
        """
        used = ~np.isnan(values) if weights is None else ~np.isnan(values) & (weights > 0)
        weight = used.astype(np.float64) if weights is None else np.where(used, weights, 0.0)
        total = np.where(used, values, 0.0) * weight
        mean, low, high = (np.full(len(self.ranks), np.nan) for _ in range(3))
        np.divide(total.sum(axis=0), weight.sum(axis=0), out=mean, where=used.any(axis=0))
        several = [p for p, column in enumerate(used.T) if len(np.unique(self.species[column])) > 1]
        if several:
            interval = bootstrap(
                np.where(used, values, np.nan)[:, several],
                groups=self.species,
                weights=None if weights is None else weight[:, several],
                stages=1,
                method="studentised",
                seed=self.seed,
            )
            low[several] = np.where(np.isfinite(interval.low), interval.low, np.nan)
            high[several] = np.where(np.isfinite(interval.high), interval.high, np.nan)
        return self._row(quantity, mean, low, high, used.sum(axis=0), "images", reason, beside)

    def over_taxa(self, quantity: str, values: Floats, reason: list[str], beside: Beside) -> ByRank:
        """Mean over the taxa of each rank of the means over their images; interval: Student's, of their spread."""
        found = [student(means) if len(means) else None for means in self._of_taxa(values)]
        mean, low, high = (
            np.array([np.nan if one is None else getattr(one, end) for one in found])
            for end in ("estimate", "low", "high")
        )
        return self._row(quantity, mean, low, high, [len(m) for m in self._of_taxa(values)], "taxa", reason, beside)

    def mean(self, values: Floats) -> tuple[Floats, Floats]:
        """Means of ``(n, n_ranks)`` values over images and over taxa, ``(n_ranks,)`` each; NaN leaves an image out."""
        used = ~np.isnan(values)
        over_images = np.full(values.shape[1], np.nan)
        np.divide(np.where(used, values, 0.0).sum(axis=0), used.sum(axis=0), out=over_images, where=used.any(axis=0))
        return over_images, np.array([means.mean() if len(means) else np.nan for means in self._of_taxa(values)])

    def _of_taxa(self, values: Floats) -> list[Floats]:
        found = []
        for column, taxon in zip(values.T, self.lineage.T, strict=True):
            used = ~np.isnan(column) & (taxon >= 0)
            code = np.unique(taxon[used], return_inverse=True)[1]
            found.append(np.bincount(code, weights=column[used]) / np.bincount(code))
        return found

    def _row(
        self,
        quantity: str,
        mean: Floats,
        low: Floats,
        high: Floats,
        n: Ints | list[int],
        unit: str,
        reason: list[str],
        beside: Beside,
    ) -> ByRank:
        undefined = np.isnan(mean)
        why = [
            r if gone else "; ".join(filter(None, (r, w)))
            for r, w, gone in zip(reason, beside.why, undefined, strict=True)
        ]
        return ByRank.of(
            quantity,
            self.ranks,
            mean,
            n=n,
            unit=unit,
            low=low,
            high=high,
            null=np.where(undefined, np.nan, beside.null),
            p=np.where(undefined, np.nan, beside.p),
            reason=why,
        )
