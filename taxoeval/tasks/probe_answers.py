"""From trained heads to answers: probabilities of the classes, block by block, and one answer per head and rank."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval import decoding
from taxoeval.records import Predictions
from taxoeval.tasks.answering import TOP_K, predict
from taxoeval.tasks.base import Subject, softmax
from taxoeval.tasks.decoding import HIE_TRAINED, PER_RANK
from taxoeval.tasks.fitting import Block, Rules
from taxoeval.tasks.probe_heads import Head, Ints

Floats = NDArray[np.float32]

_BLOCK = 1 << 22  # logits held at a time: 16 MiB


class LinearHead(NamedTuple):
    """A head with its weight ``(c, d)`` and bias ``(c,)``."""

    head: Head
    weight: Floats
    bias: Floats


def standardised(vectors: Floats, rows: Ints) -> Floats:
    """All vectors less the mean of some, over their standard deviation; what does not vary among those becomes 0.

    Examples
    --------
    >>> standardised(np.array([[0, 1], [2, 1], [3, 5]], dtype=np.float32), np.array([0, 1]))
    array([[-1.,  0.],
           [ 1.,  0.],
           [ 2.,  0.]], dtype=float32)
    """
    mean = vectors[rows].mean(axis=0, dtype=np.float64)
    deviation = vectors[rows].std(axis=0, dtype=np.float64)
    # rounding gives a constant dimension a deviation of about its size x 1e-8: that is no scale to divide by
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6 * np.abs(mean))
    return np.asarray((vectors - mean.astype(np.float32)) * scale.astype(np.float32))


def probabilities(linear: LinearHead, vectors: Floats, rows: Ints) -> Iterator[Block]:
    """Softmax of one head over its classes, for some images, block by block.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> head = Head(np.array([0, 1]), 0, Taxonomy.from_lineages([("Corvus",), ("Pica",)], ranks=("genus",)))
    >>> linear = LinearHead(head, np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32))
    >>> next(probabilities(linear, np.array([[0, 0], [0, np.log(3)]], dtype=np.float32), np.array([1])))
    (array([1]), array([[0.25, 0.75]], dtype=float32))
    """
    step = max(1, _BLOCK // len(linear.bias))
    for first in range(0, len(rows), step):
        some = rows[first : first + step]
        yield some, softmax(vectors[some] @ linear.weight.T + linear.bias)


def answers(
    linears: Sequence[LinearHead], vectors: Floats, rules: Rules, subject: Subject, *, part: str, every_rank: bool
) -> tuple[Predictions, ...]:
    """Answers about some images: of every decoder from the finest head, and of the heads of all ranks if there are any.

    Parameters
    ----------
    linears
        The heads, the finest last.
    vectors
        ``(n, d)`` standardised vectors of all images.
    rules
        The decoders, and the positions of the images to answer for.
    subject
        Where the images are from.
    part
        Name of this part of the data.
    every_rank
        Whether the heads are those of the ranks.

    Returns
    -------
    predictions
        One for each rule.
    """
    images, finest = subject.embeddings, linears[-1]
    about = (images.taxon, images.sample)
    blocks = probabilities(finest, vectors, rules.rest)
    found = predict(blocks, finest.head.classes, *about, subject.taxonomy, part=part, rules=rules)
    if not every_rank:
        return found
    found = (*found, per_rank(linears, finest.head.classes, vectors, rules.rest, *about, part=part))
    if HIE_TRAINED not in rules.special:
        return found
    return (*found, *hie_trained(linears, vectors, rules.rest, *about, part=part))


def hie_trained(
    linears: Sequence[LinearHead], vectors: Floats, rows: Ints, target: Ints, sample: NDArray[np.str_], *, part: str
) -> tuple[Predictions, ...]:
    """Answers of the finest head, amended by the finest other head under whose classes all of its own lie.

    Parameters
    ----------
    linears, vectors, rows, target, sample, part
        As for `per_rank`; the finest head last.

    Returns
    -------
    predictions
        Of the rule ``hie_trained``; none where the lineage of a class has a hole at every coarser head's rank.
    """
    *others, finest = linears
    classes, taxonomy = finest.head.classes, finest.head.taxonomy
    over = [one for one in others if np.isin(taxonomy.ancestor[classes, one.head.level], one.head.classes).all()]
    if not over:
        return ()
    coarse = over[-1]
    step = max(1, _BLOCK // (len(classes) + len(coarse.head.classes)))
    pieces = [
        decoding.hie_trained(
            next(probabilities(finest, vectors, some))[1],
            classes,
            taxonomy,
            coarse_probability=next(probabilities(coarse, vectors, some))[1],
            coarse=coarse.head.classes,
            k=min(TOP_K, len(classes)),
        )
        for some in np.split(rows, range(step, len(rows), step))
    ]
    return (_predictions(pieces, HIE_TRAINED.name, classes, rows, target, sample, part),)


def per_rank(
    linears: Sequence[LinearHead],
    candidates: Ints,
    vectors: Floats,
    rows: Ints,
    target: Ints,
    sample: NDArray[np.str_],
    *,
    part: str,
) -> Predictions:
    """Answers of one head per rank, each for itself: they need not form a path.

    Parameters
    ----------
    linears
        The heads, of different ranks.
    candidates
        ``(c,)`` the finest taxa an answer could belong to: what a blind guess would guess among.
    vectors
        ``(n, d)`` standardised vectors of all images.
    rows
        Positions of those to answer for, ascending.
    target, sample
        ``(n,)`` taxon and id of all images.
    part
        Name of this part of the data.

    Returns
    -------
    predictions
        Of the rule ``per_rank``; -1 at ranks without a head.
    """
    taxonomy = linears[0].head.taxonomy
    k = min(TOP_K, max(len(linear.bias) for linear in linears))
    classes: list[Ints | None] = [None] * taxonomy.n_ranks
    for linear in linears:
        classes[linear.head.level] = linear.head.classes
    step = max(1, _BLOCK // sum(len(linear.bias) for linear in linears))
    pieces = []
    for some in np.split(rows, range(step, len(rows), step)):
        scores: list[Floats | None] = [None] * taxonomy.n_ranks
        for linear in linears:
            scores[linear.head.level] = np.concatenate([block for _, block in probabilities(linear, vectors, some)])
        pieces.append(decoding.per_rank(scores, classes, taxonomy, k=k))
    return _predictions(pieces, PER_RANK.name, candidates, rows, target, sample, part)


def _predictions(
    pieces: Sequence[decoding.Answers],
    decoder: str,
    candidates: Ints,
    rows: Ints,
    target: Ints,
    sample: NDArray[np.str_],
    part: str,
) -> Predictions:
    return Predictions(
        sample=sample[rows],
        target=target[rows],
        taxon=np.concatenate([piece.taxon for piece in pieces]),
        probability=np.concatenate([piece.probability for piece in pieces]),
        decoder=decoder,
        candidates=candidates,
        slice=part,
    )
