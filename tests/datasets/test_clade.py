"""The tree and the traits of a simulated clade, against what they are said to be."""

import numpy as np
import pytest

from taxoeval.datasets.clade import RATE, TRAITS, grow
from taxoeval.datasets.names import RANKS
from taxoeval.errors import TaxoevalError


def test_the_tree_has_seven_ranks_and_parents_one_rank_up():
    clade = grow(seed=3, n_species=60)
    inner = clade.parent >= 0
    assert np.array_equal(clade.rank[clade.parent[inner]], clade.rank[inner] - 1)
    assert (clade.parent < np.arange(len(clade.parent))).all()
    assert np.bincount(clade.rank).tolist() == [2, 3, 6, 10, 19, 33, 60]
    assert np.isin(np.flatnonzero(clade.rank < 6), clade.parent).all(), "every inner taxon has a child"


def test_names_are_unique_end_by_rank_and_share_epithets():
    clade = grow(seed=0)
    assert len(set(clade.names)) == len(clade.names)
    endings = {"kingdom": "obia", "phylum": "ophyla", "class": "opsida", "order": "iformes", "family": "idae"}
    for name, rank, parent in zip(clade.names, clade.rank, clade.parent, strict=True):
        if RANKS[rank] == "species":
            assert name.split()[0] == clade.names[parent]
        elif RANKS[rank] != "genus":
            assert name.endswith(endings[RANKS[rank]])
    epithets = [clade.names[node].split()[1] for node in clade.species]
    assert len(set(epithets)) < len(epithets), "some epithets occur in several genera"
    assert len({clade.common_names[node] for node in clade.species}) == 60


def test_rates_sum_to_one_and_fast_traits_change_late():
    assert np.allclose(RATE.sum(axis=0), 1)
    assert RATE[0, TRAITS.index("radial")] > 0.3 > RATE[6, TRAITS.index("radial")]
    assert RATE[0, TRAITS.index("spots")] == 0


def test_brownian_steps_have_the_variance_of_the_rate():
    steps: list[list[np.ndarray]] = [[] for _ in RANKS]
    for seed in range(150):
        clade = grow(seed=seed, n_species=30)
        above = np.where(clade.parent[:, None] >= 0, clade.traits[clade.parent], 0.0)
        for r in range(len(RANKS)):
            steps[r].append((clade.traits - above)[clade.rank == r])
    for r in range(len(RANKS)):
        step = np.concatenate(steps[r])
        # the variance of an estimated variance is 2 / n of its square: five standard errors, over 245 estimates
        assert np.abs((step**2).mean(0) - RATE[r]).max() <= 5 * RATE[r].max() * np.sqrt(2 / len(step))


def nested_variance(values: np.ndarray, lineage: np.ndarray) -> np.ndarray:
    """Henderson's first method: equate the sum of squares at every rank to what the components predict."""
    n, ranks = lineage.shape
    groups = [np.unique(lineage[:, r], return_inverse=True)[1] for r in range(ranks)]
    sums = np.empty(ranks)
    design = np.empty((ranks, ranks))
    for a in range(ranks):
        size = np.bincount(groups[a])
        sums[a] = (np.bincount(groups[a], values) ** 2 / size).sum()
        for b in range(ranks):
            if b <= a:
                design[a, b] = n
            else:
                cell = np.zeros((len(size), groups[b].max() + 1))
                np.add.at(cell, (groups[a], groups[b]), 1)
                design[a, b] = ((cell**2).sum(1) / size).sum()
    return np.linalg.solve(design, sums)  # the mean is known to be 0


def test_nested_variance_components_of_the_species_match_the_rates():
    found = []
    for seed in range(120):
        clade = grow(seed=seed, n_species=60)
        found.append([nested_variance(clade.traits[clade.species, k], clade.lineage) for k in (0, 20, 33)])
    estimate = np.mean(found, axis=0)
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(estimate - RATE[:, [0, 20, 33]].T) < 4 * error).all()


def test_hidden_ranks_are_hidden_for_whole_groups():
    clade = grow(seed=0)
    for hole, within in (("class", "order"), ("family", "genus")):
        hidden, group = clade.hidden[:, RANKS.index(hole)], clade.lineage[:, RANKS.index(within)]
        assert 0 < hidden.sum() < len(hidden)
        for g in np.unique(group):
            assert hidden[group == g].all() or not hidden[group == g].any()
    assert not clade.hidden[:, [0, 1, 3, 5, 6]].any()


@pytest.mark.parametrize("n_species", [2, 3, 7, 400])
def test_any_size_can_be_grown(n_species):
    assert len(grow(seed=1, n_species=n_species).species) == n_species


def test_one_species_is_no_clade():
    with pytest.raises(TaxoevalError, match="n_species of at least 2, not 1"):
        grow(n_species=1)
