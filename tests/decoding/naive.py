"""The same quantities by their definitions, with loops and sets: slow, short, and written apart from the code."""

from dataclasses import dataclass
from math import log2

import numpy as np
from hypothesis import settings

from taxoeval import Taxonomy
from tests.metrics.zoo import at_rank, climb, random_taxonomy

ROOT = -1

few = settings(max_examples=25, deadline=None)
"""How often a slow definition is compared: each time on several rows, and on new ones in every run."""


@dataclass
class Case:
    """Candidates of any rank of a random taxonomy, in any order, with probabilities, some of them 0."""

    taxonomy: Taxonomy
    candidates: list[int]
    probability: np.ndarray

    @classmethod
    def draw(cls, seed, *, leaves_only=False, n=5):
        rng = np.random.default_rng(seed)
        taxonomy = random_taxonomy(seed)
        pool = taxonomy.leaves if leaves_only else np.arange(len(taxonomy))
        candidates = rng.choice(pool, size=min(int(rng.integers(1, 10)), len(pool)), replace=False)
        probability = rng.dirichlet(np.full(len(candidates), 0.7), size=n)
        zero = rng.random(probability.shape) < 0.2
        zero[np.arange(n), probability.argmax(axis=1)] = False
        probability[zero] = 0.0
        return cls(taxonomy, candidates.tolist(), probability / probability.sum(axis=1, keepdims=True))

    @property
    def nodes(self):
        """The candidates, all taxa above them, and the root."""
        return [ROOT, *sorted({a for c in self.candidates for a in climb(c, self.taxonomy)})]

    def under(self, v):
        """Columns of the candidates at or below a taxon."""
        return [i for i, c in enumerate(self.candidates) if v == ROOT or v in climb(c, self.taxonomy)]

    def mass(self, v, p):
        return sum(p[i] for i in self.under(v))

    def information(self, v):
        return log2(len(self.candidates) / len(self.under(v)))

    def children(self, v):
        return [u for u in self.nodes if u != ROOT and self.taxonomy.parent[u] == v]

    def depth(self, v):
        return 0 if v == ROOT else len(climb(v, self.taxonomy))

    def lca(self, a, b):
        shared = [v for v in climb(a, self.taxonomy) if v in climb(b, self.taxonomy)]
        return shared[0] if shared else ROOT

    def distance(self, name, y, v):
        """From target y to answer v."""
        t, a = self.taxonomy, self.lca(y, v)
        if y == v:
            return 0
        if name == "rank_height":
            return t.rank[y] - (t.rank[a] if a != ROOT else -1)
        if name == "padded_height":
            return max(self.depth(leaf) for leaf in range(len(t))) - self.depth(a)
        if name == "height":
            below = [u for u in range(len(t)) if a == ROOT or a in climb(u, t)]
            return max(self.depth(u) for u in below) - self.depth(a)
        return self.depth(y) + self.depth(v) - 2 * self.depth(a)

    def risk(self, name, v, p):
        return sum(p[i] * self.distance(name, y, v) for i, y in enumerate(self.candidates))

    def f_beta(self, y, v, beta):
        shared = len(set(climb(y, self.taxonomy)) & set(climb(v, self.taxonomy)))
        return (1 + beta**2) * shared / (beta**2 * self.depth(y) + self.depth(v))

    def right(self, y, v):
        """Whether v is y, or above it, or below it."""
        return v == ROOT or v in climb(y, self.taxonomy) or y in climb(v, self.taxonomy)

    def lineage(self, v):
        found = [None if v == ROOT else at_rank(v, r, self.taxonomy) for r in range(self.taxonomy.n_ranks)]
        return [-1 if taxon is None else taxon for taxon in found]

    def answered(self, decode):
        """The node each row is answered with, after checking that the answers are its lineage with its masses."""
        answers = decode(self.probability, self.candidates, self.taxonomy)
        assert answers.taxon.shape == answers.probability.shape == (len(self.probability), self.taxonomy.n_ranks, 1)
        nodes = []
        for taxon, stated, p in zip(
            answers.taxon[:, :, 0], answers.probability[:, :, 0], self.probability, strict=True
        ):
            known = taxon[taxon >= 0]
            nodes.append(int(known[-1]) if len(known) else ROOT)
            assert taxon.tolist() == self.lineage(nodes[-1])
            mass = [self.mass(v, p) if v >= 0 else np.nan for v in taxon]
            np.testing.assert_allclose(stated, mass, atol=1e-12)
        return nodes
