import numpy as np
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Tree, tree_from_parents

#   0 root
#   ├── 1 A
#   │   ├── 2 a
#   │   └── 3 B
#   │       └── 4 b
#   └── 5 c            6 other
GOLDEN = Tree([-1, 0, 1, 1, 3, 0, -1], ["root", "A", "a", "B", "b", "c", "other"], [np.nan, 2, 1, 0.5, 0.5, 3, np.nan])


def test_golden_tree():
    assert GOLDEN.depth.tolist() == [0, 1, 2, 2, 3, 1, 0]
    assert GOLDEN.height.tolist() == [3, 2, 0, 1, 0, 0, 0]
    assert GOLDEN.size.tolist() == [6, 4, 1, 2, 1, 1, 1]
    assert GOLDEN.leaves.tolist() == [2, 4, 5, 6]
    assert GOLDEN.n_leaves_below.tolist() == [3, 2, 1, 1, 1, 1, 1]
    assert GOLDEN.lca([2, 4, 4, 6, 3, -1, -1], [4, 3, 5, 0, 3, 3, -1]).tolist() == [1, 3, 0, -1, 3, -1, -1]
    assert repr(GOLDEN) == "Tree(7 nodes, 4 leaves, 2 roots, depth 3)"
    assert len(GOLDEN) == GOLDEN.n == 7


def test_everything_is_read_only():
    arrays = [GOLDEN.parent, GOLDEN.names, GOLDEN.length, GOLDEN.depth, GOLDEN.height, GOLDEN.size, GOLDEN.leaves]
    for array in [*arrays, GOLDEN.is_leaf, GOLDEN.n_leaves_below]:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    with pytest.raises(AttributeError, match="a Tree is immutable"):
        GOLDEN.parent = np.array([-1])


def test_the_input_arrays_stay_free_and_unshared():
    parent = np.array([-1, 0])
    names = np.array(["a", "b"], dtype=object)
    tree = Tree(parent, names)
    parent[1], names[1] = -1, "x"
    assert tree.parent.tolist() == [-1, 0]
    assert tree.names.tolist() == ["a", "b"]


def test_identity_covers_parents_names_and_lengths():
    same = Tree(GOLDEN.parent, GOLDEN.names, GOLDEN.length)
    assert same == GOLDEN
    assert hash(same) == hash(GOLDEN)
    others = [
        Tree(GOLDEN.parent, GOLDEN.names),
        Tree([-1, 0, 1, 1, 3, 1, -1], GOLDEN.names, GOLDEN.length),
        Tree(GOLDEN.parent, ["root", "A", "a", "B", "b", "c", "another"], GOLDEN.length),
        Tree(GOLDEN.parent, ["rootA", "", "a", "B", "b", "c", "other"], GOLDEN.length),
    ]
    assert len({tree.digest for tree in [GOLDEN, *others]}) == 5
    assert Tree([-1], ["a"]).digest == Tree([-1], ["a"]).digest
    assert GOLDEN != "a tree"


@pytest.mark.parametrize(
    ("parent", "names", "message"),
    [
        ([], [], "at least one node"),
        ([-1, 0], ["a"], r"got \(2,\), \(1,\) and None"),
        ([0, -1], ["a", "b"], r"parent\[0\] is 0"),
        ([-1, -2], ["a", "b"], r"parent\[1\] is -2"),
        ([-1, 0, 0, 1], list("abcd"), "preorder, which breaks at node 2; taxoeval.taxonomy.tree_from_parents"),
        ([-1, 0, 1, -1, 0], list("abcde"), "breaks at node 3"),
    ],
)
def test_what_is_not_a_preorder_tree_is_refused(parent, names, message):
    with pytest.raises(ValueError, match=message):
        Tree(parent, names)


def test_lengths_must_fit():
    with pytest.raises(ValueError, match=r"and \(1,\)"):
        Tree([-1, 0], ["a", "b"], [1.0])


@pytest.mark.parametrize("bad", [[7], [-2], [1.0]])
def test_lca_refuses_what_is_no_node(bad):
    with pytest.raises(ValueError, match=r"a must hold node ids in -1 \.\. 6"):
        GOLDEN.lca(bad, [0])


def test_lca_broadcasts_and_takes_scalars_and_nothing():
    assert GOLDEN.lca(2, 4) == 1
    assert GOLDEN.lca(np.array([2, 3], dtype=np.int32), [[4], [5]]).tolist() == [[1, 3], [0, 0]]
    assert GOLDEN.lca([], []).shape == (0,)
    assert Tree([-1], ["a"]).lca([0, -1], [0, 0]).tolist() == [0, -1]


def test_lca_in_more_pairs_than_one_chunk():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-1, 7, (2, 50_000))
    table = GOLDEN.lca(np.arange(-1, 7)[:, None], np.arange(-1, 7)[None, :])
    assert np.array_equal(GOLDEN.lca(a, b), table[a + 1, b + 1])


@pytest.mark.parametrize("nodes", [[], [7], [-1], [0.5]])
def test_restriction_refuses_what_is_no_node(nodes):
    with pytest.raises(ValueError, match="node"):
        GOLDEN.restrict(nodes)


def test_restriction_keeps_lengths():
    smaller, id_map = GOLDEN.restrict([4, 4])
    assert smaller.length.tolist()[1:] == [2, 0.5, 0.5]
    assert id_map.tolist() == [0, 1, -1, 2, 3, -1, -1]
    clade, _ = GOLDEN.subtree(3)
    assert clade.length.tolist() == [0.5, 0.5]


def test_a_very_deep_chain():
    n = 200_000
    chain = Tree(np.arange(n) - 1, [""] * n)
    assert chain.depth[-1] == chain.height[0] == n - 1
    assert chain.size[0] == n
    assert chain.lca([n - 1], [n // 2]).tolist() == [n // 2]
    assert Tree.from_newick(chain.to_newick()) == chain
    assert tree_from_parents(range(n), [None, *range(n - 1)], [""] * n)[0] == chain


def test_parent_lists_keep_sibling_order_and_lengths():
    tree, node = tree_from_parents(["x", "r", "b", "a"], ["a", "r", "r", "r"], length=[1, 0, 2, 3])
    assert tree.names.tolist() == ["r", "b", "a", "x"]
    assert tree.length.tolist() == [0, 2, 3, 1]
    assert node.tolist() == [3, 0, 1, 2]


@pytest.mark.parametrize(
    ("ids", "parents", "message"),
    [
        ([], [], "the parent list is empty"),
        ([1, 2, 2], [None, 1, 1], "id 2 is on more than one row"),
        ([1, 2], [None, 7], "parent 7 is not among the ids"),
        (["a", "b"], ["x", "y"], r"2 parents \(x, y\) are not among the ids"),
        (["r", "a", "b", "c", "below"], [None, "c", "a", "b", "a"], "circle: a -> c -> b -> a; correct"),
    ],
)
def test_parent_lists_that_are_no_tree(ids, parents, message):
    with pytest.raises(TaxoevalError, match=message):
        tree_from_parents(ids, parents)


def test_long_circles_are_shortened():
    with pytest.raises(TaxoevalError, match=r"0 -> 19 -> .* \.\.\. \(13 more\) -> 0"):
        tree_from_parents(range(20), [19, *range(19)])


def test_parent_lists_of_unequal_length():
    with pytest.raises(ValueError, match="got 1 and 2"):
        tree_from_parents([1], [None, 1])
    with pytest.raises(ValueError, match="1 names"):
        tree_from_parents([1, 2], [None, 1], ["a"])
