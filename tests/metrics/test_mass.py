"""Probabilities of taxa above the candidates."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval.metrics.mass import CandidateTree, rank_probability
from tests.metrics.test_hits import BIRDS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import at_rank, climb, random_taxonomy, seeds


def scores(seed, taxonomy, n=12):
    """Candidates at any rank, in any order, and probabilities with zeros and ties."""
    rng = np.random.default_rng(seed)
    candidates = rng.choice(len(taxonomy), size=rng.integers(2, min(9, len(taxonomy)) + 1), replace=False)
    counts = rng.multinomial(16, rng.dirichlet(np.full(len(candidates), 0.5)), size=n)
    return candidates, counts / 16  # sixteenths add up without rounding, so equal sums are equal


def naive_mass(probability, candidates, taxonomy):
    """Of every taxon: the sum over the candidates at or below it."""
    mass = np.zeros((len(probability), len(taxonomy)))
    for c, candidate in enumerate(candidates):
        mass[:, climb(candidate, taxonomy)] += probability[:, c, None]
    return mass


@given(seeds)
def test_every_taxon_has_the_sum_below_it(seed):
    taxonomy = random_taxonomy(seed)
    candidates, probability = scores(seed, taxonomy)
    tree = CandidateTree.over(candidates, taxonomy)
    mass = tree.mass(probability)
    np.testing.assert_allclose(mass.T, naive_mass(probability, candidates, taxonomy)[:, tree.taxon], atol=1e-12)
    below = tree.parent >= 0
    assert (mass[tree.parent[below]] >= mass[below]).all()
    above = [sum(int(t) in climb(c, taxonomy) for c in candidates) for t in tree.taxon]
    np.testing.assert_array_equal(tree.n_candidates, above)


@given(seeds)
def test_rank_probability_is_its_definition(seed):
    taxonomy = random_taxonomy(seed)
    candidates, probability = scores(seed, taxonomy)
    for r, rank in enumerate(taxonomy.ranks):
        mass, taxa = rank_probability(probability, candidates, taxonomy, rank=rank)
        np.testing.assert_allclose(mass.sum(axis=1), 1)
        for column, taxon in enumerate(taxa):
            members = [c for c, t in enumerate(candidates) if at_rank(t, r, taxonomy) == (None if taxon < 0 else taxon)]
            np.testing.assert_allclose(mass[:, column], probability[:, members].sum(axis=1), atol=1e-12)


def test_golden():
    mass, taxa = rank_probability([[0.1, 0.2, 0.3, 0.4]], [TIT, MAGPIE, CROW, RAVEN], BIRDS, rank="family")
    assert list(BIRDS.names[taxa]) == ["Corvidae", "Paridae"]
    np.testing.assert_allclose(mass, [[0.9, 0.1]])


def test_messages():
    with pytest.raises(ValueError, match="no rank 'tribe'; the taxonomy has family, genus, species"):
        rank_probability([[1.0]], [RAVEN], BIRDS, rank="tribe")
    with pytest.raises(ValueError, match="candidates must be taxa; -1 is none"):
        rank_probability([[0.5, 0.5]], [RAVEN, -1], BIRDS, rank="genus")
    with pytest.raises(ValueError, match="candidates holds taxon 99"):
        rank_probability([[0.5, 0.5]], [RAVEN, 99], BIRDS, rank="genus")
