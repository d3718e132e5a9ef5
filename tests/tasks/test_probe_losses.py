"""The probe's losses against their formulas written out node by node, values and gradients."""

import numpy as np
import pytest
import torch

from taxoeval import Taxonomy
from taxoeval.tasks.probe_heads import Head, heads
from taxoeval.tasks.probe_losses import LOSSES, Terms, run_loss, soft_label_loss, soft_targets, terms

RANKS = ("order", "family", "genus", "species")


def taxonomy_with_holes(seed=0, n=25):
    """Species with holes above some, labels that stop early at others."""
    rng = np.random.default_rng(seed)
    lineages = []
    for s in range(n):
        lineage = [f"O{s // 12}", f"F{s // 6}", f"G{s // 3}", f"s{s}"]
        for place in np.flatnonzero(rng.random(3) < 0.15):
            lineage[place] = ""
        if s % 7 == 3:
            lineage[-1] = ""
        lineages.append(tuple(lineage) if any(lineage) else ("O0", "", "", f"s{s}"))
    taxonomy = Taxonomy.from_lineages(lineages, ranks=RANKS)
    return taxonomy, taxonomy.ids(lineages)


def mass(probability, head, node):
    """Sum of the classes at or below a node."""
    tree = head.taxonomy
    inside = [j for j, taxon in enumerate(head.classes) if node <= taxon < node + tree.size[node]]
    return sum(probability[j] for j in inside)


def naive(probability, head, label, loss, alpha, beta):
    """One image's loss as the formulas read."""
    tree = head.taxonomy
    path = [int(node) for node in tree.ancestor[label][: head.level + 1] if node >= 0]  # coarse to fine
    if loss == "cross_entropy":
        return -torch.log(mass(probability, head, path[-1]))
    if loss == "hxe":
        total, above = 0.0, torch.ones((), dtype=torch.float64)
        for node in path:
            p = mass(probability, head, node)
            total = total - np.exp(-alpha * (head.level - tree.rank[node])) * torch.log(p / above)
            above = p
        return total

    def distance(a, b):
        common = int(tree.lca(a, b))
        return 0 if a == b else head.level + 1 if common < 0 else head.level - tree.rank[common]

    largest = max(distance(a, b) for a in head.classes for b in head.classes)
    q = np.array([np.exp(-beta * distance(label, c) / largest) for c in head.classes])
    return -(torch.tensor(q / q.sum()) * torch.log(probability)).sum()


def double(found):
    return Terms(found.start, found.end, found.weight.double(), found.rest.double())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("which", ["leaf", "genus", "species", "family"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_losses_and_gradients_equal_the_formulas(loss, which, seed):
    taxonomy, taxon = taxonomy_with_holes(seed)
    (head,) = heads(taxon, taxonomy, which)
    labels = np.unique(head.labels(np.arange(len(taxonomy)) if which == "leaf" else taxon))  # leaf: inner ones too
    labels = labels[labels >= 0]
    assert len(labels) > 3
    logits = torch.from_numpy(3 * np.random.default_rng(seed).normal(size=(len(labels), len(head.classes))))
    logits.requires_grad_()
    batch = double(terms(head, labels, loss, alpha=0.4, beta=3.0))
    fast = (soft_label_loss if loss == "soft_labels" else run_loss)(logits, batch)
    (gradient,) = torch.autograd.grad(fast.sum(), logits)
    probability = logits.softmax(dim=1)
    slow = torch.stack([naive(probability[i], head, y, loss, 0.4, 3.0) for i, y in enumerate(labels)])
    (expected,) = torch.autograd.grad(slow.sum(), logits)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    taxonomy, taxon = taxonomy_with_holes()
    (head,) = heads(taxon, taxonomy, "leaf")
    batch = double(terms(head, head.classes[:5], loss, alpha=0.4, beta=3.0))
    logits = torch.randn(5, len(head.classes), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    value = soft_label_loss if loss == "soft_labels" else run_loss
    assert torch.autograd.gradcheck(lambda x: value(x, batch), logits.requires_grad_())


def test_limits():
    """HXE without decay, and soft labels hard enough, are cross-entropy; soft labels of beta 0 are uniform."""
    taxonomy, taxon = taxonomy_with_holes()
    (head,) = heads(taxon, taxonomy, "leaf")
    classes = head.classes
    logits = torch.randn(len(classes), len(classes), generator=torch.Generator().manual_seed(0))
    plain = torch.nn.functional.cross_entropy(logits, torch.arange(len(classes)), reduction="none")
    torch.testing.assert_close(run_loss(logits, terms(head, classes, "cross_entropy")), plain)
    torch.testing.assert_close(run_loss(logits, terms(head, classes, "hxe", alpha=0.0)), plain)
    torch.testing.assert_close(soft_label_loss(logits, terms(head, classes, "soft_labels", beta=500.0)), plain)
    uniform = soft_targets(terms(head, classes, "soft_labels", beta=0.0), len(classes))
    torch.testing.assert_close(uniform, torch.full_like(uniform, 1 / len(classes)))


def test_golden_soft_targets():
    r"""Two ranks of difference is the most there is: distances 0, 1, 2 over 2.

    ::

        F ─┬─ G ─┬─ a
           │     └─ b
           └─ H ─── c
    """
    taxonomy = Taxonomy.from_lineages([("F", "G", "a"), ("F", "G", "b"), ("F", "H", "c")], ranks=RANKS[1:])
    a, b, c, genus = taxonomy.ids(["a", "b", "c", "G"])
    head = Head(np.array([a, b, c]), 2, taxonomy)
    assert head.largest_distance() == 2
    targets = soft_targets(terms(head, np.array([a, genus]), "soft_labels", beta=2 * np.log(2)), 3)
    torch.testing.assert_close(targets, torch.tensor([[4 / 7, 2 / 7, 1 / 7], [0.4, 0.4, 0.2]]))


def test_extreme_logits_stay_finite():
    taxonomy, taxon = taxonomy_with_holes()
    (head,) = heads(taxon, taxonomy, "leaf")
    for loss in LOSSES:
        logits = torch.zeros(1, len(head.classes))
        logits[0, -1] = 1e4
        logits.requires_grad_()
        value = (soft_label_loss if loss == "soft_labels" else run_loss)(logits, terms(head, head.classes[:1], loss))
        value.sum().backward()
        assert value.isfinite().all()
        assert value.item() > 1e3
        assert logits.grad.isfinite().all()
