import subprocess
import sys

FORBIDDEN = ("torch", "pyarrow", "ete3", "pandas", "scipy", "sklearn", "skbio", "PIL")


def loaded_after(statement):
    code = f"import sys\n{statement}\nprint(*[name for name in {FORBIDDEN!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_taxonomy_needs_numpy_alone():
    assert loaded_after("import taxoeval.taxonomy") == []


def test_neither_do_lineages_newick_and_reports():
    statement = (
        "from taxoeval.taxonomy import Taxonomy, Tree, near_duplicates\n"
        "t = Taxonomy.from_lineages([('a', 'b')], ranks=('genus', 'species'))\n"
        "t.ids(['a']); t.to_newick(); t.lca(0, 1); near_duplicates(t); Tree.from_newick('(a,b);')"
    )
    assert loaded_after(statement) == []


def test_this_test_can_fail():
    assert loaded_after("import pyarrow") == ["pyarrow"]
