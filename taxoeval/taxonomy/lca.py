"""Lowest common ancestors in constant time a pair: a range minimum over the parents of a preorder tree."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHUNK = 1 << 14
"""Pairs handled at once: the temporaries of one chunk stay in the processor's cache."""


class AncestorTable:
    """Answers lowest-common-ancestor queries about a tree numbered in preorder.

    Between ``a`` and ``b > a`` preorder visits the child of their common ancestor that
    leads to ``b``, and nothing outside that ancestor's subtree; so the smallest parent
    among ``a + 1 .. b`` is the answer, and ``-1`` if another tree begins in between.

    Parameters
    ----------
    parent
        ``(n,)`` parents in preorder, ``-1`` at a root.

    Examples
    --------
    >>> AncestorTable(np.array([-1, 0, 1, 0])).lca(2, 3)
    array(0)
    """

    def __init__(self, parent: NDArray[np.int64]) -> None:
        self.n = len(parent)
        levels = max(self.n - 1, 1).bit_length()
        table = np.empty((levels, self.n), dtype=np.int32)
        table[0] = parent
        for k in range(1, levels):
            half = 1 << (k - 1)
            table[k] = table[k - 1]
            np.minimum(table[k - 1, :-half], table[k - 1, half:], out=table[k, :-half])
        self._flat = table.ravel()

    def lca(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.int64]:
        """Common ancestors of broadcast pairs, ``-1`` where there is none or an input is ``-1``."""
        first, second = np.broadcast_arrays(self._checked(a, "a"), self._checked(b, "b"))
        answer = np.empty(first.shape, dtype=np.int64)
        flat, left, right = answer.reshape(-1), first.reshape(-1), second.reshape(-1)
        for start in range(0, len(flat), CHUNK):
            part = slice(start, start + CHUNK)
            flat[part] = self._pairs(left[part], right[part])
        return answer

    def _checked(self, ids: ArrayLike, name: str) -> NDArray[np.int64]:
        array = np.asarray(ids)
        if array.size == 0:
            return array.astype(np.int64)
        if not np.issubdtype(array.dtype, np.integer) or array.min() < -1 or array.max() >= self.n:
            raise ValueError(
                f"{name} must hold node ids in -1 .. {self.n - 1}; got {array.dtype} {array.min()} .. {array.max()}"
            )
        return array.astype(np.int64, copy=False)

    def _pairs(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        low, high = np.minimum(a, b), np.maximum(a, b)
        span = high - low
        # The exponent bits of a float64 are floor(log2) of a positive integer; span 0 is answered at the end.
        power = (np.maximum(span, 1).astype(np.float64).view(np.int64) >> 52) - 1023
        row = power * self.n
        start = self._flat.take(row + low + 1, mode="clip")
        end = self._flat.take(row + high + 1 - (1 << power), mode="clip")
        answer: NDArray[np.int64] = np.minimum(start, end).astype(np.int64)
        same = span == 0
        answer[same] = low[same]
        answer[low < 0] = -1
        return answer
