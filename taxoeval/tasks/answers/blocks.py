"""From the answers of a file to blocks of probabilities of candidate taxa."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.records import Predictions
from taxoeval.tasks.answers.joined import Joined
from taxoeval.tasks.answers.matrix import ScoreMatrix
from taxoeval.tasks.answers.names import RankedNames
from taxoeval.tasks.fitting import Block

Ids = NDArray[np.int64]

_BLOCK = 1 << 22  # probabilities held at a time: 16 MiB


class Blocks:
    """Blocks of the images that have any answer, and on the way how often each answer comes first.

    Parameters
    ----------
    given, joined
        The answers, and the images they are for.
    taxon
        ``(m,)`` the taxon of each of the file's different answers; answers of one taxon are added up.
    further
        Candidates that no answer names.

    Attributes
    ----------
    candidates
        ``(c,)`` the taxa of the columns, ascending.
    times
        ``(m,)`` for how many images each answer is the first, among the blocks taken so far.
    """

    def __init__(self, given: RankedNames | ScoreMatrix, joined: Joined, taxon: Ids, further: Ids) -> None:
        self.given, self.joined = given, joined
        self.candidates = np.union1d(taxon, further)
        self.column = np.searchsorted(self.candidates, taxon)
        self.times = np.zeros(len(taxon), dtype=np.int64)

    def of(self, positions: Ids) -> Iterator[Block]:
        """Probabilities of those of the images that have any.

        Raises
        ------
        TaxoevalError
            If there is no answer for any of them.
        """
        present = (self.joined.rows >= 0) & np.isin(self.joined.positions, positions)
        rows, positions = self.joined.rows[present], self.joined.positions[present]
        step = max(1, _BLOCK // max(len(self.column), len(self.candidates)))
        none = True
        for start in range(0, len(rows), step):
            stated = self.given.probability(rows[start : start + step])
            some = stated.max(axis=1, initial=0.0) > 0
            if some.any():
                none = False
                self.times += np.bincount(stated[some].argmax(axis=1), minlength=len(self.times))
                yield positions[start : start + step][some], self._added_up(stated[some])
        if none:
            raise TaxoevalError(
                "the file of answers has no answer for any image that is asked about; is it the right column?"
            )

    def _added_up(self, stated: NDArray[np.float32]) -> NDArray[np.float32]:
        probability = np.zeros((len(stated), len(self.candidates)), dtype=np.float32)
        order = np.argsort(self.column, kind="stable")
        columns, starts = np.unique(self.column[order], return_index=True)
        probability[:, columns] = np.add.reduceat(stated[:, order], starts, axis=1)
        return probability


def with_silent(predictions: Predictions, positions: Ids, target: Ids, sample: NDArray[np.str_]) -> Predictions:
    """Predictions with the images added that have no answer at all, as rows of ``-1``.

    Parameters
    ----------
    predictions
        Of some images, in their order in the dataset.
    positions
        All images that are scored, ascending.
    target, sample
        ``(n,)`` of the whole dataset.
    """
    if len(predictions.sample) == len(positions):
        return predictions
    present = np.isin(sample[positions], predictions.sample)
    shape = (len(positions), *predictions.taxon.shape[1:])
    taxon, probability = np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan)
    taxon[present], probability[present] = predictions.taxon, predictions.probability
    fitted = None
    if predictions.fitted is not None:
        fitted = np.full(shape[:2], np.nan)
        fitted[present] = predictions.fitted
    return replace(
        predictions,
        sample=sample[positions],
        target=target[positions],
        taxon=taxon,
        probability=probability,
        fitted=fitted,
    )
