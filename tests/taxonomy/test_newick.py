from pathlib import Path

import numpy as np
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy, Tree


def test_golden_newick():
    #   0 ''
    #   ├── 1 A
    #   │   ├── 2 a_1
    #   │   ├── 3 it's (b)
    #   │   └── 4 ''
    #   └── 5 0.98
    #       └── 6 c
    text = "[&R] ( (a_1:1 , 'it''s (b)':2e-1,:.5)A[comment ( ; ]:-3,\n (c)0.98:[x]4 ) ; [the end] "
    tree = Tree.from_newick(text)
    assert tree.parent.tolist() == [-1, 0, 1, 1, 1, 0, 5]
    assert tree.names.tolist() == ["", "A", "a_1", "it's (b)", "", "0.98", "c"]
    assert np.array_equal(tree.length, [np.nan, -3, 1, 0.2, 0.5, 4, np.nan], equal_nan=True)
    assert Tree.from_newick(tree.to_newick()) == tree


def test_small_and_odd_trees():
    assert Tree.from_newick("A;").names.tolist() == ["A"]
    assert Tree.from_newick("(,(,));").parent.tolist() == [-1, 0, 0, 2, 2]
    assert Tree.from_newick("(((a)));").depth.tolist() == [0, 1, 2, 3]
    assert Tree.from_newick("(a,b)r:0.5;").length[0] == 0.5
    assert Tree.from_newick("(a,b);").length is None
    assert Tree.from_newick("('',b);").names.tolist() == ["", "", "b"]


def test_names_are_quoted_only_when_needed():
    names = ["", "a_b", "a b", "it's", "x:y", "[z]", "é", "'", "p,q;(r)", "tab\t"]
    tree = Tree([-1] + [0] * 9, names)
    assert tree.to_newick() == "(a_b,'a b','it''s','x:y','[z]',é,'''','p,q;(r)','tab\t');"
    assert Tree.from_newick(tree.to_newick()) == tree


def test_lengths_are_written_exactly():
    lengths = [np.nan, 0.1, 1 / 3, 1e-300, -2.0, 12345678901234567.0]
    tree = Tree([-1, 0, 0, 0, 0, 0], ["", *"abcde"], lengths)
    assert np.array_equal(Tree.from_newick(tree.to_newick()).length, lengths, equal_nan=True)


def test_a_forest_gets_a_root():
    assert Tree([-1, 0, -1], ["a", "b", "c"]).to_newick() == "((b)a,c);"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: the text ends without a ';'"),
        ("  ;", "character 3: there is no tree"),
        ("(a,b)", "character 6: the text ends without a ';'"),
        ("((a,b)", "character 7: the text ends with 1 '.' that is never closed, without a ';'"),
        ("((a,(b;", "character 7: the tree ends with 3 '.' that are never closed"),
        ("(a,b));", r"character 6: '\)' is outside all brackets"),
        ("a,b;", "character 2: ',' is outside all brackets"),
        ("(a,b);\n(c,d);", "character 8: a second tree begins"),
        ("(a b,c);", "character 4: 'b' follows a name or length: a name with blanks needs quotes"),
        ("(a(b,c));", r"character 3: '\(' can only begin the tree"),
        ("(a:x,b);", "character 4: 'x' is not a branch length"),
        ("(a:,b);", "character 4: ':' without a length"),
        ("(a,b):;", "character 7: ':' without a length"),
        ("(a:1:2,b);", "character 5: a node has two lengths"),
        ("(a,'b);", "character 4: a quote is never closed"),
        ("(a,[b);", "character 4: a comment is never closed"),
        ("(a,b]);", r"character 5: '\]' without '\['"),
        ("(a,b,a,b,c);", "2 tip names occur more than once: 'a', 'b'; make them unique"),
        ("tree.nwk", r"for a file give Path\('tree.nwk'\)"),
    ],
)
def test_bad_newick_is_explained(text, message):
    with pytest.raises(TaxoevalError, match=message):
        Tree.from_newick(text)


def test_files_gzipped_or_not(tmp_path):
    tree = Tree.from_newick("((a:1,b:2)'A b':3,c:4);")
    for name in ("a.nwk", "a.nwk.gz"):
        tree.to_newick(tmp_path / name)
        assert Tree.from_newick(tmp_path / name) == tree
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nwk", "a.nwk.gz"]
    (tmp_path / "b.nwk").write_text("(a,b")
    with pytest.raises(TaxoevalError, match=r"b.nwk: character 5: the text ends"):
        Tree.from_newick(tmp_path / "b.nwk")
    with pytest.raises(TaxoevalError, match=r"c.nwk: cannot be read"):
        Tree.from_newick(tmp_path / "c.nwk")
    with pytest.raises(TaxoevalError, match=r"a.nwk: cannot be written"):
        tree.to_newick(tmp_path / "missing" / "a.nwk")


def test_a_taxonomy_needs_one_level_a_rank():
    ranks = ("family", "genus", "species")
    rows = [("F", "B", "b"), ("F", "A", "a"), ("E", "C", "c")]
    taxonomy = Taxonomy.from_lineages(rows, ranks=ranks)
    assert Taxonomy.from_newick(taxonomy.to_newick(), ranks=ranks) == taxonomy
    assert Taxonomy.from_newick("((((b)B,(a)A)F,((c)C)E));"[1:-2] + ";", ranks=ranks) == taxonomy
    one = Taxonomy.from_newick("((b:1,a:2)B:3)F;", ranks=ranks)
    assert one.length.tolist()[1:] == [3, 2, 1]
    assert one.names.tolist() == ["F", "B", "a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "((a,b)A,c)F;",
            "leaves at 2 different depths; give ranks that match, or read it as a plain tree",
        ),
        ("(a,b)A;", "needs 3 levels in every lineage, the tree has 2 named levels"),
        ("((a,b))F;", "the genus 1 has no name"),
        ("((a,b)A,(c)A)F;", "1 and 4 are both the genus A under the same ancestors"),
    ],
)
def test_newick_that_is_no_taxonomy(text, message):
    with pytest.raises(TaxoevalError, match=message):
        Taxonomy.from_newick(text, ranks=("family", "genus", "species"))


def test_the_plant_tree(shared_data):
    tree = Tree.from_newick(shared_data / "taxonomies" / "megatrees_tree_plant_Carruthers.nwk.gz")
    assert (tree.n, len(tree.leaves), tree.depth.max(), tree.height[0]) == (246_360, 123_182, 106, 106)
    assert tree.n_leaves_below[0] == 123_182
    assert np.isnan(tree.length).tolist().count(True) == 1
    assert Tree.from_newick(tree.to_newick()) == tree
    rng = np.random.default_rng(0)
    for a, b in rng.integers(0, tree.n, (50, 2)):
        shared = np.intersect1d(np.append(tree.ancestors(a), a), np.append(tree.ancestors(b), b))
        assert tree.lca(a, b) == shared.max()


@pytest.mark.parametrize(
    ("name", "tips"),
    [
        ("megatrees_tree_bird_McTavish.nwk.gz", 11_167),
        ("megatrees_tree_fish_12k.nwk.gz", 11_638),
        ("Mammals_Gumbs_2022_Latin-labels.nwk", 6286),
    ],
)
def test_smaller_phylogenies(shared_data: Path, name, tips):
    tree = Tree.from_newick(shared_data / "taxonomies" / name)
    assert len(tree.leaves) == tips
    assert Tree.from_newick(tree.to_newick()) == tree
