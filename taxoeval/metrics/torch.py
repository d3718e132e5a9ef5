"""Metrics for a training loop: torchmetrics classes that give the exact figure of the whole set.

Each keeps sums, never a mean of batch means, so that a short last batch and several processes change nothing:
``compute`` equals taxoeval's own function over all samples at once. Values per sample, and with them intervals and
paired tests, need the functions themselves.

``update`` takes ``target`` and ``preds`` by name only: taxoeval's functions put the target first, torchmetrics last,
and taxa in the wrong order would give a wrong number in silence. Both are tensors of taxon ids on any device; they are
scored on the CPU. The states are float64 and int64: on a device without float64 (MPS) leave the metric on the CPU.

Mind the sampler: `torch.utils.data.DistributedSampler` repeats samples until every process has equally many, and what
is repeated counts twice, here as everywhere.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics import Metric

from taxoeval.metrics.conventions import Convention
from taxoeval.metrics.distances import lca_distance
from taxoeval.metrics.hits import rank_hits
from taxoeval.metrics.paths import PathOverlap, PrecisionRecallF, micro_precision_recall_f, path_overlap
from taxoeval.metrics.severity import mistakes_only
from taxoeval.taxonomy import Taxonomy, Tree

__all__ = [
    "AverageHierarchicalDistance",
    "HierarchicalFBeta",
    "HierarchicalPrecision",
    "HierarchicalRecall",
    "MistakeSeverity",
    "RankHits",
]


class RankHits(Metric):
    """Share of right answers at each rank, or at one.

    Parameters
    ----------
    taxonomy
        The taxonomy of targets and predictions.
    rank
        Name of the one rank to give, so that ``self.log`` can take the metric; ``None``: all of them.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = (int(taxon) for taxon in taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"]))
    >>> hits = RankHits(taxonomy)
    >>> hits.update(target=torch.tensor([raven, raven, crow]), preds=torch.tensor([raven, crow, magpie]))
    >>> hits.update(target=torch.tensor([magpie]), preds=torch.tensor([magpie]))
    >>> hits.compute()
    tensor([0.7500, 0.5000], dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    total: torch.Tensor
    n: torch.Tensor

    def __init__(self, taxonomy: Taxonomy, *, rank: str | None = None) -> None:
        super().__init__()
        if rank is not None and rank not in taxonomy.ranks:
            raise ValueError(f"no rank {rank!r}; the taxonomy has {', '.join(taxonomy.ranks)}")
        self.taxonomy, self.rank = taxonomy, rank
        zeros = torch.zeros(taxonomy.n_ranks, dtype=torch.int64)
        self.add_state("total", zeros, dist_reduce_fx="sum")
        self.add_state("n", zeros.clone(), dist_reduce_fx="sum")

    def update(self, *, target: torch.Tensor, preds: torch.Tensor) -> None:
        """Add a batch: ``target`` ``(b,)``, ``preds`` ``(b,)``, ``(b, k)`` or ``(b, n_ranks, k)`` as in `rank_hits`."""
        hits = rank_hits(_ids(target), _ids(preds), self.taxonomy)
        self.total += _like(self.total, np.nansum(hits, axis=0))
        self.n += _like(self.n, (~np.isnan(hits)).sum(axis=0))

    def compute(self) -> torch.Tensor:
        """Accuracy ``(n_ranks,)``, or of the one rank ``()``; NaN where no target is known."""
        accuracy = self.total.double() / self.n
        return accuracy if self.rank is None else accuracy[self.taxonomy.ranks.index(self.rank)]


class _MeanDistance(Metric):
    """Mean of something of the distances of the answers under one convention."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    total: torch.Tensor
    n: torch.Tensor

    def __init__(self, tree: Tree, *, convention: Convention | str) -> None:
        super().__init__()
        if convention not in set(Convention):
            raise ValueError(f"unknown convention {convention!r}; it must be one of {', '.join(Convention)}")
        self.tree, self.convention = tree, Convention(convention)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("n", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, *, target: torch.Tensor, preds: torch.Tensor) -> None:
        """Add a batch: taxa ``target`` ``(b,)`` and ``preds`` ``(b,)``; see the class for ``(b, k)``."""
        values = self._per_sample(lca_distance(_ids(target), _ids(preds), self.tree, convention=self.convention))
        self.total += _like(self.total, np.nansum(values))
        self.n += _like(self.n, (~np.isnan(values)).sum())

    def compute(self) -> torch.Tensor:
        """The mean ``()`` in the unit of the convention; NaN over nothing."""
        return self.total / self.n

    @abstractmethod
    def _per_sample(self, distance: NDArray[np.float64]) -> NDArray[np.float64]: ...


class MistakeSeverity(_MeanDistance):
    """Mean distance over the mistakes only; see `taxoeval.metrics.mistake_severity`.

    Parameters
    ----------
    tree
        The tree, or taxonomy, of targets and predictions.
    convention
        One of `Convention`, or its name.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = (int(taxon) for taxon in taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"]))
    >>> severity = MistakeSeverity(taxonomy)
    >>> severity.update(target=torch.tensor([raven, raven, crow]), preds=torch.tensor([raven, crow, magpie]))
    >>> severity.compute()
    tensor(1.5000, dtype=torch.float64)
    """

    def __init__(self, tree: Tree, *, convention: Convention | str = Convention.RANK_HEIGHT) -> None:
        super().__init__(tree, convention=convention)

    def _per_sample(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        if distance.ndim != 1:
            raise ValueError(f"mistake severity is about the first answer: preds must be (b,), got {distance.shape}")
        return mistakes_only(distance)


class AverageHierarchicalDistance(_MeanDistance):
    """Mean distance over all samples and their k answers; see `taxoeval.metrics.average_hierarchical_distance`.

    ``preds`` may be ``(b, k)``, best first.

    Parameters
    ----------
    tree
        The tree, or taxonomy, of targets and predictions.
    convention
        One of `Convention`, or its name.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = (int(taxon) for taxon in taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"]))
    >>> distance = AverageHierarchicalDistance(taxonomy)
    >>> distance.update(target=torch.tensor([raven, raven, crow]), preds=torch.tensor([raven, crow, magpie]))
    >>> distance.compute()
    tensor(1., dtype=torch.float64)
    """

    def __init__(self, tree: Tree, *, convention: Convention | str = Convention.RANK_HEIGHT) -> None:
        super().__init__(tree, convention=convention)

    def _per_sample(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        if distance.ndim > 2:
            raise ValueError(f"preds must be (b,) or (b, k), got {distance.shape}")
        return distance if distance.ndim == 1 else distance.mean(axis=1)


class _PathScore(Metric):
    """One of precision, recall and F over pooled ancestor counts; in a collection they share their states."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    overlap: torch.Tensor

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self.tree = tree
        self.add_state("overlap", torch.zeros(3, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, *, target: torch.Tensor, preds: torch.Tensor) -> None:
        """Add a batch: taxa ``target`` ``(b,)`` and ``preds`` ``(b,)``, of any rank."""
        found = path_overlap(_ids(target), _ids(preds), self.tree)
        self.overlap += _like(
            self.overlap, [np.nansum(found.shared), np.nansum(found.predicted), np.nansum(found.true)]
        )

    def _scores(self, beta: float = 1.0) -> PrecisionRecallF:
        shared, predicted, true = self.overlap.cpu().numpy().astype(np.float64)[:, None]
        return micro_precision_recall_f(PathOverlap(shared, predicted, true), beta=beta)


class HierarchicalPrecision(_PathScore):
    """Share of the predicted ancestors that are right, pooled over samples (micro), the root not counted.

    Parameters
    ----------
    tree
        The tree, or taxonomy, of targets and predictions.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Pica", "")], ranks=("genus", "species"))
    >>> corvus, raven, pica = 0, 1, 2
    >>> precision, recall = HierarchicalPrecision(taxonomy), HierarchicalRecall(taxonomy)
    >>> for metric in (precision, recall):
    ...     metric.update(target=torch.tensor([raven, raven]), preds=torch.tensor([corvus, raven]))
    >>> precision.compute(), recall.compute()
    (tensor(1., dtype=torch.float64), tensor(0.7500, dtype=torch.float64))
    """

    def compute(self) -> torch.Tensor:
        """Precision ``()`` in [0, 1]; NaN if nothing was predicted."""
        return _like(self.overlap, self._scores().precision, torch.float64)


class HierarchicalRecall(_PathScore):
    """Share of the true ancestors that are found, pooled over samples (micro), the root not counted.

    Parameters and example as for `HierarchicalPrecision`.
    """

    def compute(self) -> torch.Tensor:
        """Recall ``()`` in [0, 1]; NaN if no target is known."""
        return _like(self.overlap, self._scores().recall, torch.float64)


class HierarchicalFBeta(_PathScore):
    """Weighted harmonic mean of `HierarchicalPrecision` and `HierarchicalRecall`.

    Parameters
    ----------
    tree
        The tree, or taxonomy, of targets and predictions.
    beta
        Weight of recall against precision; above 1 favours recall.
    """

    def __init__(self, tree: Tree, *, beta: float = 1.0) -> None:
        super().__init__(tree)
        self.beta = beta

    def compute(self) -> torch.Tensor:
        """F-beta ``()`` in [0, 1]; NaN if nothing was predicted and no target is known."""
        return _like(self.overlap, self._scores(self.beta).f, torch.float64)


def _ids(taxa: torch.Tensor) -> NDArray[np.int64]:
    """Ids as an array; floats go through and are refused where ids are checked."""
    return torch.as_tensor(taxa).detach().cpu().numpy()


def _like(state: torch.Tensor, value: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A value on the device of a state, in its precision or in another."""
    return torch.as_tensor(np.asarray(value), dtype=dtype or state.dtype, device=state.device)
