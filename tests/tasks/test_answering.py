"""Probabilities in blocks, rules side by side: the answers are those of each rule on everything at once."""

import numpy as np

from taxoeval.decoding import DECODERS, Answers, Threshold, decoder_name, rank_sum
from taxoeval.tasks.answering import TOP_K, predict
from taxoeval.tasks.fitting import Rules
from tests.metrics.zoo import random_taxonomy


def own_rule(probability, candidates, taxonomy, *, k=1):
    """A user's rule may do with arrays what it likes, and call others."""
    flat = probability / 2 + 0.5
    return Answers(*rank_sum(flat[:, ::-1], candidates[::-1], taxonomy, k=k))


def test_blocks_of_any_size_are_answered_as_one():
    taxonomy, rng = random_taxonomy(11), np.random.default_rng(0)
    candidates = np.sort(rng.choice(len(taxonomy), 8, replace=False))
    n = 700
    probability = rng.dirichlet(np.ones(8), n).astype(np.float32)
    target, sample = rng.choice(candidates, n), np.array([f"{i:03}" for i in range(n)])
    rules = Rules((*DECODERS, Threshold(0.2), own_rule))
    order = rng.permutation(n)  # blocks come as they like, one of them longer than a piece, one empty
    blocks = [(rows, probability[rows]) for rows in np.split(order, [3, 3, 10, 600])]
    found = predict(blocks, candidates, target, sample, taxonomy, rules=rules)
    for one, rule in zip(found, rules.decoders, strict=True):
        expected = rule(probability, candidates, taxonomy, k=min(TOP_K, 8))
        assert one.decoder == decoder_name(rule)
        assert one.sample.tolist() == sample.tolist()
        np.testing.assert_array_equal(one.taxon, expected.taxon)
        np.testing.assert_allclose(one.probability, expected.probability, rtol=1e-12)
