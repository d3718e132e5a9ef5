"""Losses of a linear probe that know the tree: of logits over classes in preorder, where every clade is one run.

Nothing here is classes x classes: a clade's probability is a sum over a run, and what a label means for all classes is
made for one batch at a time.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from taxoeval.tasks.probe_heads import Head, Ints

Loss = Literal["cross_entropy", "soft_labels", "hxe"]
LOSSES: tuple[Loss, ...] = ("cross_entropy", "soft_labels", "hxe")


class Terms(NamedTuple):
    """What a loss needs to know of each label; the rows are labels.

    Attributes
    ----------
    start, end
        ``(m, t)`` runs of classes.
    weight
        ``(m, t)`` for `run_loss` the factor of each run's negative log probability; for `soft_label_loss` the
        unnormalised probability of classes in this run and not in the next, after ``rest``.
    rest
        ``(m,)`` the same for classes in none of the runs; unused by `run_loss`.
    """

    start: Tensor
    end: Tensor
    weight: Tensor
    rest: Tensor

    def of(self, labels: Tensor) -> "Terms":
        """The rows of a batch."""
        return Terms(self.start[labels], self.end[labels], self.weight[labels], self.rest[labels])


def terms(head: Head, labels: Ints, loss: Loss, *, alpha: float = 0.1, beta: float = 10.0) -> Terms:
    """Turn the paths of labels into the terms of a loss.

    Parameters
    ----------
    head
        The head.
    labels
        ``(m,)`` taxa at or above its classes.
    loss
        ``"cross_entropy"``: minus the log probability of the label: of the sum of its classes if it stands above them.
        ``"hxe"``: minus the log probability of each taxon on the label's path given the one above it, times
        ``exp(-alpha * h)``, h the ranks from it down to the head's finest rank [1]_. ``"soft_labels"``: cross-entropy
        with a target that gives each class a share of ``exp(-beta * distance / largest distance)`` [1]_.
    alpha, beta
        See there. HXE with alpha 0 is cross-entropy: the conditional probabilities multiply to the label's own.

    Returns
    -------
    terms
        For `run_loss`, or `soft_label_loss` in case of soft labels.

    Notes
    -----
    The distance of soft labels counts ranks from the head's finest up to the first that label and class share; it is 0
    for the class that is the label itself. Conditional probabilities are differences of logs, so a path's sum is one of
    logs of runs, each with the difference of two neighbours' factors: no probability is computed twice. A rank the
    lineage leaves open is passed over.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> hxe = terms(Head(species, 1, taxonomy), species[:1], "hxe", alpha=0.5)
    >>> run_loss(torch.log(torch.tensor([[0.2, 0.3, 0.5]])), hxe)  # -(ln(0.2 / 0.5) + exp(-0.5) ln 0.5)
    tensor([1.3367])
    """
    paths = head.paths(labels)
    rows = np.arange(len(labels))
    rest = np.zeros(len(labels))
    if loss == "cross_entropy":
        start, end = paths.start[rows, paths.last, None], paths.end[rows, paths.last, None]
        weight = np.ones((len(labels), 1))
    else:
        start, end, height = paths.start, paths.end, paths.height
        if loss == "hxe":
            factor = np.exp(-alpha * height)
            weight = np.nan_to_num(factor)
            for above, below in _steps(height):  # log p(below | above) = log p(below) - log p(above)
                weight[above] -= factor[below]
        else:
            largest = head.largest_distance()
            weight = np.nan_to_num(np.exp(-beta * height / largest))
            weight[rows[paths.own], paths.last[paths.own]] = 1.0
            rest = np.full(len(labels), np.exp(-beta * (head.level + 1) / largest))
    return Terms(
        torch.from_numpy(np.ascontiguousarray(start)),
        torch.from_numpy(np.ascontiguousarray(end)),
        torch.from_numpy(weight).float(),
        torch.from_numpy(rest).float(),
    )


def _steps(height: np.ndarray) -> list[tuple[tuple[Ints, Ints], tuple[Ints, Ints]]]:
    """Index pairs of neighbours on the paths: each known taxon but the coarsest, and the next known above it."""
    known = ~np.isnan(height)
    steps = []
    for column in range(1, height.shape[1]):
        earlier = np.where(known[:, :column], np.arange(column), -1).max(axis=1)
        rows = np.flatnonzero(known[:, column] & (earlier >= 0))
        steps.append(((rows, earlier[rows]), (rows, np.full(len(rows), column))))
    return steps


def run_loss(logits: Tensor, batch: Terms) -> Tensor:
    """Sum of minus the log probabilities of runs of classes, each times its factor.

    Parameters
    ----------
    logits
        ``(n, c)``.
    batch
        Terms of the n labels.

    Returns
    -------
    loss
        ``(n,)``, in nats.

    Examples
    --------
    >>> run = Terms(torch.tensor([[0]]), torch.tensor([[2]]), torch.tensor([[1.0]]), torch.zeros(1))
    >>> run_loss(torch.log(torch.tensor([[0.2, 0.3, 0.5]])), run)
    tensor([0.6931])
    """
    everything = logits.logsumexp(dim=1)
    loss = torch.zeros_like(everything)
    column = torch.arange(logits.shape[1], device=logits.device)
    for t in range(batch.start.shape[1]):
        start, end = batch.start[:, t, None], batch.end[:, t, None]
        width = end - start
        if bool((width == 1).all()):
            inside = logits.gather(1, start)[:, 0]
        elif bool(((width == 0) | (width == len(column))).all()):
            continue  # nothing, or everything: a probability of 1
        else:
            of_run = (column >= start) & (column < end) | (width == 0)  # a run of nothing has the factor 0
            inside = logits.masked_fill(~of_run, -torch.inf).logsumexp(dim=1)
        loss = loss + batch.weight[:, t] * (everything - inside)
    return loss


def soft_label_loss(logits: Tensor, batch: Terms) -> Tensor:
    """Cross-entropy with a target that is spread over the classes by their distance in the tree.

    Parameters
    ----------
    logits
        ``(n, c)``.
    batch
        Terms of the n labels, from coarse to fine.

    Returns
    -------
    loss
        ``(n,)``, in nats.

    Examples
    --------
    >>> run = Terms(torch.tensor([[0]]), torch.tensor([[1]]), torch.tensor([[3.0]]), torch.tensor([1.0]))
    >>> soft_label_loss(torch.log(torch.tensor([[0.25, 0.75]])), run)  # target 3/4, 1/4
    tensor([1.1116])
    """
    return -(soft_targets(batch, logits.shape[1]) * logits.log_softmax(dim=1)).sum(dim=1)


def soft_targets(batch: Terms, n_classes: int) -> Tensor:
    """The targets of `soft_label_loss`, ``(n, n_classes)``, rows sum to 1."""
    column = torch.arange(n_classes, device=batch.start.device)
    target = batch.rest[:, None].expand(-1, n_classes)
    for t in range(batch.start.shape[1]):
        inside = (column >= batch.start[:, t, None]) & (column < batch.end[:, t, None])
        target = torch.where(inside, batch.weight[:, t, None], target)
    return target / target.sum(dim=1, keepdim=True)
