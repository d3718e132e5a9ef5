"""The plain way to train the heads of a probe: scikit-learn's logistic regression, one head after the other."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.tasks.probe_heads import Head, Ints

Floats = NDArray[np.float32]

ITERATIONS = 1000
"""Steps of the solver at most."""


class Fitted(NamedTuple):
    """Weight ``(c, d)`` and bias ``(c,)`` of each head, the steps each took, and the places of those that need more."""

    heads: list[tuple[Floats, Floats]]
    iterations: list[int]
    unfinished: list[int]


def fit(vectors: Floats, taxon: Ints, heads: Sequence[Head], *, c: float, balance: bool) -> Fitted:
    """Fit every head by L-BFGS on all images at once, until scikit-learn's own tolerance is met.

    With many classes that is a little before the optimum: of 300 classes and 20,000 images the weights' size is then
    within 0.3 % of its value there, and accuracy on others as good or better.

    Parameters
    ----------
    vectors, taxon
        ``(n, d)`` standardised vectors and ``(n,)`` taxa. A head learns from the images whose label is one of its
        classes: a label above them says too little for this solver.
    heads
        The heads; one with a single class needs no fit.
    c
        Inverse strength of the penalty on squared weights.
    balance
        Give every class the same weight in total.

    Returns
    -------
    fitted
        `Fitted`.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus",), ("Pica",)], ranks=("genus",))
    >>> vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)
    >>> fitted = fit(vectors, np.array([0, 1]), [Head(np.array([0, 1]), 0, taxonomy)], c=1.0, balance=False)
    >>> weight, bias = fitted.heads[0]
    >>> (vectors @ weight.T + bias).argmax(axis=1)
    array([0, 1])
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    fitted = Fitted([], [], [])
    for place, head in enumerate(heads):
        labels = head.labels(taxon)
        rows = np.isin(labels, head.classes)
        if len(head.classes) == 1:
            fitted.heads.append((np.zeros((1, vectors.shape[1]), dtype=np.float32), np.zeros(1, dtype=np.float32)))
            fitted.iterations.append(0)
            continue
        # Of two classes scikit-learn fits the difference; with twice the c its penalty is that of two weight vectors.
        strength = c * (2 if len(head.classes) == 2 else 1)
        model = LogisticRegression(C=strength, max_iter=ITERATIONS, class_weight="balanced" if balance else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(vectors[rows], labels[rows])
        weight, bias = model.coef_, model.intercept_
        if len(head.classes) == 2:
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        fitted.heads.append((weight.astype(np.float32), bias.astype(np.float32)))
        fitted.iterations.append(int(np.max(model.n_iter_)))
        if fitted.iterations[-1] >= ITERATIONS:
            fitted.unfinished.append(place)
    return fitted
