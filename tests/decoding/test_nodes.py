"""The tree over the candidates: which nodes it has, what they hold."""

import numpy as np
from hypothesis import given

from taxoeval import Taxonomy
from taxoeval.decoding.nodes import _tree_over, blocks, tree_over
from tests.decoding.naive import ROOT, Case, few
from tests.metrics.zoo import climb, seeds


@few
@given(seeds)
def test_nodes_and_masses_equal_their_definitions(seed):
    case = Case.draw(seed)
    order = np.argsort(case.candidates)
    taxa = np.array(case.candidates)[order]
    for chains in (False, True):
        tree = tree_over(taxa, case.taxonomy, chains=chains)
        matter = [v for v in case.nodes if v == ROOT or chains or v in case.candidates or len(case.children(v)) > 1]
        assert tree.taxon.tolist() == matter
        for i, v in enumerate(matter[1:], start=1):
            above = next((a for a in climb(v, case.taxonomy)[1:] if a in matter), ROOT)
            assert matter[tree.parent[i]] == above
        assert tree.taxon[tree.candidate].tolist() == taxa.tolist()
        assert tree.depth.tolist() == [case.depth(v) for v in matter]
        np.testing.assert_allclose(tree.information, [case.information(v) for v in matter])
        mass = tree.mass(case.probability[:, order])
        np.testing.assert_allclose(mass, [[case.mass(v, p) for p in case.probability] for v in matter])
        assert (mass[tree.parent[1:]] >= mass[1:]).all()
        total = tree.along_paths(mass)
        expected = [
            sum(mass[j] for j, u in enumerate(matter) if u == ROOT or u in climb(v, case.taxonomy)) for v in matter
        ]
        np.testing.assert_allclose(total, expected)


@few
@given(seeds)
def test_best_children(seed):
    case = Case.draw(seed)
    order = np.argsort(case.candidates)
    tree = tree_over(np.array(case.candidates)[order], case.taxonomy)
    mass = tree.mass(case.probability[:, order])
    inner = np.flatnonzero(tree.has_children(np.arange(len(tree.taxon))))
    assert inner.tolist() == sorted(set(tree.parent[1:].tolist()))
    for row in range(mass.shape[1]):
        child, top, second = tree.best_children(mass, inner, np.full(len(inner), row))
        for node, *got in zip(inner, child, top, second, strict=True):
            children = np.flatnonzero(tree.parent == node)
            by_mass = sorted(children, key=lambda c: (-mass[c, row], c))
            assert got == [by_mass[0], mass[by_mass[0], row], mass[by_mass[1], row] if len(by_mass) > 1 else 0.0]


def test_golden():
    r"""A chain is one node, named by its finest taxon, unless its upper end is a candidate.

    ::

        Corvidae ── Corvus ──┬─ raven (0.2)          root ─┬─ Corvus ─┬─ raven
                             └─ crow  (0.3)                │          └─ crow
        Paridae* ── Parus ──── great tit (0.5)             └─ Paridae* ── great tit
    """
    taxonomy = Taxonomy.from_lineages(
        [("Corvidae", "Corvus", "raven"), ("Corvidae", "Corvus", "crow"), ("Paridae", "Parus", "great tit")],
        ranks=("family", "genus", "species"),
    )
    taxa = np.sort(taxonomy.ids(["raven", "crow", "great tit", "Paridae"]))
    tree = tree_over(taxa, taxonomy)
    assert [str(taxonomy.names[i]) for i in tree.taxon[1:]] == ["Corvus", "crow", "raven", "Paridae", "great tit"]
    assert tree.parent.tolist() == [-1, 0, 1, 1, 0, 4]
    assert tree.n_candidates.tolist() == [4, 2, 1, 1, 2, 1]
    mass = tree.mass(np.array([[0.3, 0.2, 0.1, 0.4]]))
    np.testing.assert_allclose(mass[:, 0], [1.0, 0.5, 0.3, 0.2, 0.5, 0.4])


def test_the_tree_is_remembered_and_read_only():
    case = Case.draw(3)
    taxa = np.sort(case.candidates)
    assert tree_over(taxa, case.taxonomy) is tree_over(taxa.copy(), case.taxonomy)
    assert tree_over(taxa, case.taxonomy) is not tree_over(taxa, case.taxonomy, chains=True)
    assert not tree_over(taxa, case.taxonomy).parent.flags.writeable
    assert _tree_over.cache_info().maxsize == 4


def test_blocks_cover_every_row_once():
    tree = tree_over(np.sort(Case.draw(1).candidates), Case.draw(1).taxonomy)
    rows = [i for block in blocks(1000, len(tree.taxon)) for i in range(block.start, block.stop)]
    assert rows == list(range(1000))
    assert list(blocks(0, len(tree.taxon))) == []
