"""What a parent array in preorder tells: sizes, depths and heights, in a few vectorised rounds whatever the depth."""

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
AnyArray = TypeVar("AnyArray", bound=NDArray[Any])


def frozen(array: AnyArray) -> AnyArray:
    """The array, made read-only."""
    array.setflags(write=False)
    return array


def object_array(values: Iterable[str]) -> NDArray[np.object_]:
    """Strings as a one-dimensional object array, whatever their length."""
    items = list(values)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def subtree_sizes(parent: Ints) -> Ints:
    """Subtree sizes, from the parents alone.

    Raises
    ------
    ValueError
        If the nodes are not in depth-first preorder.

    Examples
    --------
    >>> subtree_sizes(np.array([-1, 0, 1, 0]))
    array([4, 2, 1, 1])
    """
    n = len(parent)
    ids = np.arange(n)
    wrong = np.flatnonzero((parent >= ids) | (parent < -1))
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(f"a parent must come before its child, or be -1: parent[{i}] is {parent[i]}")
    # The last node of a subtree is found by going to the last child again and again: each round doubles the jump.
    last = np.append(ids, n)
    last[parent] = ids
    last[n] = n
    while True:
        further = last[last]
        if np.array_equal(further, last):
            break
        last = further
    # Preorder means that each node follows its parent, or follows the end of its previous sibling's subtree: `top` is
    # the largest subtree that ends at a node.
    top = np.full(n, n)
    top[last[:n][::-1]] = ids[::-1]
    above = np.append(parent, -2)
    stray = np.flatnonzero((parent[1:] != ids[:-1]) & (parent[1:] != above[top[:-1]])) + 1
    if len(stray):
        raise ValueError(
            f"nodes must be in depth-first preorder, which breaks at node {stray[0]}; "
            "taxoeval.taxonomy.tree_from_parents puts nodes in order"
        )
    size: Ints = last[:n] - ids + 1
    return size


def depths(parent: Ints) -> Ints:
    """Edges from the root down to each node.

    Examples
    --------
    >>> depths(np.array([-1, 0, 1, 0]))
    array([0, 1, 2, 1])
    """
    # Each round doubles the length of the jump towards the root, so a tree of depth d takes log2(d) rounds.
    jump = np.append(parent, -1)
    depth = (jump >= 0).astype(np.int64)
    while (jump >= 0).any():
        depth += depth[jump]
        jump = jump[jump]
    return depth[:-1]


def heights(depth: Ints, size: Ints) -> Ints:
    """Edges on the longest way from each node down to a leaf.

    Examples
    --------
    >>> heights(np.array([0, 1, 2, 1]), np.array([4, 2, 1, 1]))
    array([2, 1, 0, 0])
    """
    # Range maximum of depth over each subtree's slice. The table of powers of two is used level by level as it is
    # made, so it never exists as a whole.
    deepest, best = depth.copy(), depth.copy()
    power = np.floor(np.log2(size)).astype(np.int64)
    for k in range(int(power.max()) + 1):
        nodes = np.flatnonzero(power == k)
        best[nodes] = np.maximum(deepest[nodes], deepest[nodes + size[nodes] - 2**k])
        np.maximum(deepest[: -(2**k)], deepest[2**k :], out=deepest[: -(2**k)])
    return best - depth
