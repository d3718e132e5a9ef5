"""Mean cosine by rank of the common ancestor against the full cosine matrix; its null, interval and odd input."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval import Taxonomy
from taxoeval.structure.similarity import similarity_by_lca
from tests.metrics.zoo import seeds
from tests.structure.test_lca_pairs import images, level_of


def cosines(vectors, taxon, centre=False):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if centre:
        unit = unit - np.mean([unit[taxon == t].mean(axis=0) for t in np.unique(taxon)], axis=0)
        unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    return unit @ unit.T


def by_hand(vectors, taxon, taxonomy):
    """All four means from all pairs."""
    found = np.full((4, taxonomy.n_ranks + 1), np.nan)
    n = len(taxon)
    level = np.full((n, n), -1)
    for i in range(n):
        for j in range(n):
            at = level_of(taxon[i], taxon[j], taxonomy, False)
            level[i, j] = -1 if i == j or at is None else at
    for row, centre in ((0, False), (2, True)):
        cosine = cosines(vectors, taxon, centre)
        for at in range(taxonomy.n_ranks + 1):
            if (level == at).any():
                found[row, at] = cosine[level == at].mean()
                boxes = {}
                for i, j in np.argwhere(level == at):
                    boxes.setdefault((taxon[i], taxon[j]), []).append(cosine[i, j])
                found[row + 1, at] = np.mean([np.mean(box) for box in boxes.values()])
    return found, level


@given(seed=seeds)
def test_means_equal_the_full_matrix(seed):
    vectors, taxon, taxonomy = images(seed)
    found = similarity_by_lca(vectors, taxon, taxonomy, permutations=0)
    means, level = by_hand(vectors, taxon, taxonomy)
    np.testing.assert_allclose(found.value, means, atol=1e-9)
    assert found.pairs.tolist() == [(level == at).sum() // 2 for at in range(taxonomy.n_ranks + 1)]
    assert found.left_out == pytest.approx(1 - (level >= 0).sum() / (25 * 24))


def test_a_hole_makes_the_pairs_above_it_doubtful():
    lineages = [("Aves", "P", "P p"), ("Aves", "L", "L c"), ("Aves", "", "S v")]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("class", "genus", "species"))
    found = similarity_by_lca(np.eye(3), taxonomy.ids(lineages), taxonomy, permutations=0)
    assert found.pairs.tolist() == [0, 3, 0, 0]
    assert found.doubtful[1] == pytest.approx(2 / 3)
    assert found.left_out == 0


def test_permuting_species_takes_the_order_of_ranks_away():
    rng = np.random.default_rng(0)
    lineages = [(f"f{i // 12}", f"g{i // 3}", f"s{i}") for i in range(60) for _ in range(2)]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("family", "genus", "species"))
    taxon = taxonomy.ids(lineages)
    effect = rng.standard_normal((len(taxonomy), 40))
    x = effect[taxonomy.ancestor[taxon]].sum(axis=1) + rng.standard_normal((120, 40)) + 1
    found = similarity_by_lca(x, taxon, taxonomy)
    assert (np.diff(found.value, axis=1) > 0).all()
    np.testing.assert_allclose(found.null[0, :3], found.null[0, 0], atol=0.02)
    assert (found.p[:, [0, 1, 2]] == 1 / 200).all()
    assert ((found.band[0] < found.null) & (found.null < found.band[1]))[:, :3].all()
    assert np.isnan(found.p[:, 3]).all()
    assert found.rows[0].reason == ("", "", "no null: images of one species stay together in the permutations")
    assert ((found.low < found.value) & (found.value < found.high)).all()
    assert [row.quantity for row in found.rows[:2]] == ["cosine", "cosine, nothing shared"]
    again = similarity_by_lca(rng.standard_normal((120, 40)), taxon, taxonomy)
    assert again.p[:, :3].min() > 0.02


def test_centring_takes_out_what_all_share():
    rng = np.random.default_rng(1)
    lineages = [(f"g{i // 2}", f"s{i}") for i in range(20) for _ in range(2)]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("genus", "species"))
    found = similarity_by_lca(rng.standard_normal((40, 64)) + 3, taxonomy.ids(lineages), taxonomy, permutations=0)
    assert found.value[:2].min() > 0.8
    assert np.abs(found.value[2:]).max() < 0.1


def test_one_species_and_equal_vectors():
    taxonomy = Taxonomy.from_lineages([("P", "P p"), ("L", "L c")], ranks=("genus", "species"))
    found = similarity_by_lca(np.ones((3, 2)), np.array([1, 1, 1]), taxonomy)
    assert found.value[0, 2] == pytest.approx(1)
    assert found.rows[0].reason[0] == "no two images share a genus and nothing finer"
    assert found.rows[1].reason == ("no two images are known to share nothing",)
    alone = similarity_by_lca(np.ones((2, 2)), np.array([1, 3]), taxonomy)
    assert alone.rows[0].reason[1] == "no species has two images"
    assert alone.rows[1].reason == ("untested: too few ways to permute the species",)
    single = similarity_by_lca(np.ones((1, 2)), np.array([1]), taxonomy)
    assert np.isnan(single.value).all()
    assert np.isnan(single.left_out)
