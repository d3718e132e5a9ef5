import sys

import ete3
import numpy as np
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy, Tree

THREE = ("family", "genus", "species")


def test_trees_round_trip():
    tree = Tree.from_newick("((a:1,b:2.5)'A b':3,c:1)r:0;")
    assert Tree.from_ete(tree.to_ete()) == tree
    bare = Tree.from_newick("((a,b),c);")
    assert Tree.from_ete(bare.to_ete()) == bare
    assert Tree.from_ete(Tree([-1], ["alone"]).to_ete()).names.tolist() == ["alone"]


def test_ete_sees_the_same_tree():
    tree = Tree.from_newick("((a:1,b:2.5)A:3,c:1)r:0;")
    theirs = tree.to_ete()
    assert theirs.write(format=1, format_root_node=True) == "((a:1,b:2.5)A:3,c:1)r:0;"
    assert theirs.get_common_ancestor("a", "b").name == "A"
    assert (theirs & "b").get_distance(theirs) == 5.5
    assert Tree.from_ete(ete3.Tree("((a:1,b:2.5)A:3,c:1)r:0;", format=1)) == tree


def test_taxonomies_round_trip_with_holes_and_a_forest():
    rows = [("F", "A", "a"), ("F", "", "b"), ("E", "C", ""), ("", "D", "d")]
    taxonomy = Taxonomy.from_lineages(rows, ranks=THREE)
    theirs = taxonomy.to_ete()
    assert {node.rank for node in theirs.iter_descendants()} == set(THREE)
    assert Taxonomy.from_ete(theirs, ranks=THREE) == taxonomy


def test_unranked_levels_vanish_and_levels_stand_for_ranks():
    theirs = ete3.Tree("(((a,b)A)sub)F;", format=1)
    for node in theirs.traverse():
        node.add_feature("rank", {0: "species", 1: "genus", 2: "subfamily", 3: "family"}[_height(node)])
    assert Taxonomy.from_ete(theirs, ranks=THREE) == Taxonomy.from_lineages(
        [("F", "A", "a"), ("F", "A", "b")], ranks=THREE
    )
    plain = ete3.Tree("((a,b)A)F;", format=1)
    assert Taxonomy.from_ete(plain, ranks=THREE).n == 4


def test_unknown_lengths_stay_out_and_known_ones_do_not():
    tree = Tree([-1, 0, 0], ["r", "a", "b"], [np.nan, 2, np.nan])
    assert [node.dist for node in tree.to_ete().children] == [2.0, 1.0]


def test_depth_does_not_matter():
    n = 20_000
    chain = Tree(np.arange(n) - 1, [str(i) for i in range(n)])
    assert Tree.from_ete(chain.to_ete()) == chain


def test_without_ete_there_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ete3", None)
    with pytest.raises(TaxoevalError, match=r"ete3 cannot be imported .* pip install ete3 six"):
        Tree([-1], ["a"]).to_ete()


def _height(node):
    return 1 + max((_height(child) for child in node.children), default=-1)
