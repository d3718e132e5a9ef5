"""Accuracy-specificity and hierarchical risk-coverage curves against their definitions, threshold by threshold."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import auc

from taxoeval import Taxonomy
from taxoeval.metrics._sweep import swept
from taxoeval.metrics.operating import hierarchical_aurc, hierarchical_risk_coverage, operating_curve
from taxoeval.metrics.pareto import pareto_area, recall_at
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.test_mass import naive_mass, scores
from tests.metrics.zoo import climb, random_taxonomy, seeds

NAN = np.nan
BIRD_SPECIES = np.array([RAVEN, CROW, MAGPIE, TIT])
RULES = ["threshold", "climb", "select"]


class Naive:
    """The curve by its words: choose for each sample and threshold, score, average."""

    def __init__(self, target, probability, candidates, taxonomy, rule, by, below):
        self.taxonomy, self.below, self.rule = taxonomy, below, rule
        self.candidates, self.probability = [int(c) for c in candidates], probability
        paths = {c: climb(c, taxonomy) for c in self.candidates}
        self.retained = {t for path in paths.values() for t in path}
        under = {t: sum(t in path for path in paths.values()) for t in self.retained}
        deepest = max(len(path) for path in paths.values())
        self.says = {
            t: len(climb(t, taxonomy)) / deepest if by == "depth" else 1 - np.log(n) / np.log(len(candidates))
            for t, n in under.items()
        }
        children = {t: {c for c in self.retained if taxonomy.parent[c] == t} for t in self.retained}
        self.answers = sorted(
            t for t in self.retained if (t in self.candidates or len(children[t]) > 1) and self.says[t] > 1e-12
        )
        self.mass = naive_mass(probability, candidates, taxonomy).round(12)
        self.target = target

    def choose(self, i, threshold):
        best = min(self.candidates, key=lambda c: (-self.probability[i][self.candidates.index(c)], c))
        pool = {
            "threshold": self.answers,
            "climb": [t for t in self.answers if t in climb(best, self.taxonomy)],
            "select": [t for t in self.answers if t == best],
        }[self.rule]
        sure = [t for t in pool if self.mass[i, t] >= threshold and self.mass[i, t] > 0]
        return min(sure, key=lambda t: (-round(self.says[t], 9), -self.mass[i, t], t), default=None)

    def said(self, taxon):
        return next((self.says[t] for t in climb(taxon, self.taxonomy) if t in self.retained), 0.0)

    def score(self, y, answer):
        wanted, path = self.said(y), climb(y, self.taxonomy)
        if answer is None or answer in path:
            own = 0.0 if answer is None else self.says[answer]
            return 1.0, own, own / wanted if wanted > 0 else 1.0
        if y in climb(answer, self.taxonomy):  # finer than the label
            own = wanted if self.below == "truncate" else self.says[answer]
            return float(self.below != "wrong"), own, 1.0
        shared = max((self.said(t) for t in path if t in climb(answer, self.taxonomy)), default=0.0)
        return 0.0, self.says[answer], shared / wanted if wanted > 0 else 1.0

    def at(self, threshold):
        known = [i for i, y in enumerate(self.target) if y >= 0]
        return np.mean([self.score(self.target[i], self.choose(i, threshold)) for i in known], axis=0)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("by", ["information", "depth"])
@given(seeds)
def test_equals_its_definition(rule, by, seed):
    taxonomy = random_taxonomy(seed, n=9)
    candidates, probability = scores(seed, taxonomy, n=6)
    target = np.random.default_rng(seed).integers(-1, len(taxonomy), size=6)
    target[0] = 0
    below = ["correct", "truncate", "wrong"][seed % 3]
    curve = operating_curve(target, probability, candidates, taxonomy, rule=rule, by=by, below=below)
    naive = Naive(target, probability, candidates, taxonomy, rule, by, below)
    assert curve.n == (target >= 0).sum()
    assert curve.threshold[0] == np.inf
    assert (np.diff(curve.threshold) < 0).all()
    for i, threshold in enumerate(curve.threshold):
        expected = naive.at(threshold - 1e-9)
        np.testing.assert_allclose([curve.correct[i], curve.specificity[i], curve.recall[i]], expected, atol=1e-9)
    # between two thresholds nothing changes, and below the last one nothing does
    np.testing.assert_allclose(naive.at(0.0), [curve.correct[-1], curve.specificity[-1], curve.recall[-1]], atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
@given(seeds)
def test_properties(rule, seed):
    taxonomy = random_taxonomy(seed)
    candidates, probability = scores(seed, taxonomy)
    target = np.random.default_rng(seed).integers(len(taxonomy), size=len(probability))
    curve = operating_curve(target, probability, candidates, taxonomy, rule=rule)
    assert curve.correct[0] == 1
    assert curve.specificity[0] == 0
    assert (np.diff(curve.specificity) >= -1e-12).all()
    for values in (curve.correct, curve.specificity, curve.recall):
        assert values.min() >= -1e-12
        assert values.max() <= 1 + 1e-12
    order = np.random.default_rng(seed).permutation(len(target))
    columns = np.random.default_rng(seed).permutation(len(candidates))
    again = operating_curve(target[order], probability[order][:, columns], candidates[columns], taxonomy, rule=rule)
    assert pareto_area(again.recall, again.correct) == pytest.approx(pareto_area(curve.recall, curve.correct))


def test_golden():
    """life -> Corvidae (3 of 4 species) -> Corvus (2) -> Corvus corax.

    ::

        Corvidae .9     Paridae .1
        ├── Corvus .8
        │   ├── corax .5
        │   └── corone .3
        └── Pica pica .1
    """
    probability = [[0.5, 0.3, 0.1, 0.1]]
    for target, correct in ((RAVEN, [1, 1, 1, 1]), (CROW, [1, 1, 1, 0]), (MAGPIE, [1, 1, 0, 0]), (TIT, [1, 0, 0, 0])):
        curve = operating_curve([target], probability, BIRD_SPECIES, BIRDS)
        np.testing.assert_allclose(curve.threshold, [np.inf, 0.9, 0.8, 0.5])
        np.testing.assert_allclose(curve.specificity, [0, 1 - np.log2(3) / 2, 0.5, 1])
        np.testing.assert_array_equal(curve.correct, correct)
    deep = operating_curve([RAVEN], probability, BIRD_SPECIES, BIRDS, by="depth")
    np.testing.assert_allclose(deep.specificity, [0, 1 / 3, 2 / 3, 1])
    crow = operating_curve([CROW], probability, BIRD_SPECIES, BIRDS)
    np.testing.assert_allclose(crow.recall, [0, 1 - np.log2(3) / 2, 0.5, 0.5])
    assert recall_at(crow, correct=0.95) == 0.5


def test_a_genus_with_one_species_never_answers():
    """Pica holds one species: it says no more than it, and is no less sure."""
    curve = operating_curve([MAGPIE], [[0.1, 0.1, 0.7, 0.1]], BIRD_SPECIES, BIRDS, by="depth")
    np.testing.assert_allclose(curve.threshold, [np.inf, 0.9, 0.7])
    np.testing.assert_allclose(curve.specificity, [0, 1 / 3, 1])


def test_a_target_that_is_no_candidate():
    """A crow among ravens, magpies and tits: Corvidae is right; Corvus, with one candidate, is no answer."""
    candidates = np.array([RAVEN, MAGPIE, TIT])
    curve = operating_curve([CROW], [[0.6, 0.2, 0.2]], candidates, BIRDS)
    np.testing.assert_allclose(curve.threshold, [np.inf, 0.8, 0.6])
    np.testing.assert_array_equal(curve.correct, [1, 1, 0])
    np.testing.assert_allclose(curve.recall[-1], 1.0)  # what candidates can say of it, its genus, is found


def test_an_answer_below_a_partial_label():
    results = {
        below: operating_curve([CORVUS], [[0.5, 0.3, 0.1, 0.1]], BIRD_SPECIES, BIRDS, below=below)
        for below in ("truncate", "correct", "wrong")
    }
    assert {below: curve.correct[-1] for below, curve in results.items()} == {"truncate": 1, "correct": 1, "wrong": 0}
    said = {below: float(curve.specificity[-1]) for below, curve in results.items()}
    assert said == {"truncate": 0.5, "correct": 1, "wrong": 1}


def test_equal_probabilities_of_several_samples_are_one_point():
    curve = operating_curve([RAVEN, CROW], [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]], BIRD_SPECIES, BIRDS)
    np.testing.assert_allclose(curve.threshold, [np.inf, 1, 0.5])
    np.testing.assert_allclose(curve.correct, [1, 1, 0.5])  # the tie between the two species goes to the lower id


def test_published_sequences():
    """Cases of the reference code's own tests; equal scores of two samples are merged into one point."""
    first, second = [1.0, 2.0, 4.0], [8.0, 16.0, 32.0, 64.0]
    deltas = np.r_[np.diff(first), np.diff(second)]
    start = np.array([[1.0, 8.0]] * 3)
    for scores_, threshold, totals in (
        ([0.9, 0.2, 0.8, 0.6, 0.1], [np.inf, 0.9, 0.8, 0.6, 0.2, 0.1], [9, 10, 18, 34, 36, 68]),
        ([0.9, 0.2, 0.9, 0.6, 0.2], [np.inf, 0.9, 0.6, 0.2], [9, 18, 34, 68]),
    ):
        found, means = swept(np.stack([scores_, deltas, deltas, deltas]), start)
        np.testing.assert_array_equal(found, threshold)
        np.testing.assert_allclose(means[0] * 2, totals)


@given(seeds)
def test_the_area_of_doubt_that_climbs(seed):
    taxonomy = random_taxonomy(seed)
    candidates, probability = scores(seed, taxonomy)
    target = candidates[np.random.default_rng(seed).integers(len(candidates), size=len(probability))]
    curve = hierarchical_risk_coverage(target, probability, candidates, taxonomy)
    assert hierarchical_aurc(curve) == pytest.approx(auc(curve.coverage, curve.risk) if len(curve.risk) > 1 else 0.0)
    assert curve.risk[0] == curve.coverage[0] == 0


def test_the_rule_of_flat_selection_is_flat_selection():
    """Where the root is always right, its risk is the share of samples that are answered and wrong."""
    rng = np.random.default_rng(6)
    probability = rng.dirichlet(np.full(4, 0.4), size=80)
    column = rng.integers(4, size=80)
    curve = hierarchical_risk_coverage(BIRD_SPECIES[column], probability, BIRD_SPECIES, BIRDS, rule="select")
    order = np.argsort(-probability.max(axis=1))
    wrong = (probability.argmax(axis=1) != column)[order]
    np.testing.assert_allclose(curve.risk[1:], np.cumsum(wrong) / 80)
    np.testing.assert_allclose(curve.coverage[1:], np.arange(1, 81) / 80)


def test_climbing_beats_silence_when_species_of_a_genus_are_confused():
    rng = np.random.default_rng(7)
    truth = rng.integers(2, size=400)
    probability = np.zeros((400, 4))
    probability[:, :2] = rng.dirichlet([2, 2], size=400)  # always sure that it is a Corvus
    area = {
        rule: hierarchical_aurc(
            hierarchical_risk_coverage(BIRD_SPECIES[truth], probability, BIRD_SPECIES, BIRDS, rule=rule)
        )
        for rule in RULES
    }
    assert area["climb"] < 0.6 * area["select"]
    assert area["threshold"] == pytest.approx(area["climb"])


def test_pareto_area_and_intercept_as_published():
    assert pareto_area([0.1, 0.2, 0.8], [0.9, 0.5, 0.3]) == pytest.approx(0.32)
    dominated = ([0.05, 0.1, 0.15, 0.2, 0.7, 0.8], [0.8, 0.9, 0.5, 0.5, 0.1, 0.3])
    assert pareto_area(*dominated) == pytest.approx(0.32)
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 100))
    assert pareto_area(a, b) == pytest.approx(pareto_area(b, a))
    assert pareto_area(a[:50], b[:50]) <= pareto_area(a, b) < 1


def test_nothing_known_is_nan():
    curve = operating_curve([-1], [[0.5, 0.5, 0, 0]], BIRD_SPECIES, BIRDS)
    assert curve.n == 0
    assert np.isnan(curve.correct).all()
    assert np.isnan(recall_at(curve, correct=0.9))
    assert np.isnan(pareto_area(curve.recall, curve.correct))
    assert np.isnan(hierarchical_aurc(hierarchical_risk_coverage([-1], [[0.5, 0.5, 0, 0]], BIRD_SPECIES, BIRDS)))


def test_a_forest_has_the_root_above_it():
    life = Taxonomy.from_lineages([("Animalia", "a"), ("Plantae", "b")], ranks=("kingdom", "species"))
    a, b = life.ids(["a", "b"])
    curve = operating_curve([a, b], [[0.9, 0.1], [0.6, 0.4]], [a, b], life)
    np.testing.assert_array_equal(curve.correct, [1, 1, 0.5])
    np.testing.assert_array_equal(curve.specificity, [0, 0.5, 1])


@pytest.mark.parametrize(
    ("target", "probability", "candidates", "options", "message"),
    [
        ([RAVEN], [[1.0]], [RAVEN], {}, "candidates must be two taxa at least"),
        ([RAVEN, CROW], [[0.5, 0.5]], [RAVEN, CROW], {}, r"target must be \(n,\), one taxon per row of 1; got \(2,\)"),
        ([99], [[0.5, 0.5]], [RAVEN, CROW], {}, "target holds taxon 99"),
        ([RAVEN], [[0.5, 0.2]], [RAVEN, CROW], {}, "row 0 sums to 0.7"),
        ([RAVEN], [[0.5, 0.5]], [RAVEN, CROW], {"rule": "jump"}, "unknown rule 'jump'; it must be one of threshold, c"),
        ([RAVEN], [[0.5, 0.5]], [RAVEN, CROW], {"by": "height"}, "unknown specificity 'height'"),
        ([RAVEN], [[0.5, 0.5]], [RAVEN, CROW], {"below": "nan"}, "unknown below 'nan'; it must be one of correct"),
    ],
)
def test_messages(target, probability, candidates, options, message):
    with pytest.raises(ValueError, match=message):
        operating_curve(target, probability, candidates, BIRDS, **options)


def test_messages_of_single_numbers():
    curve = operating_curve([RAVEN], [[0.5, 0.5, 0, 0]], BIRD_SPECIES, BIRDS)
    with pytest.raises(ValueError, match="correct must be a share, 0 to 1; got 95"):
        recall_at(curve, correct=95)
    with pytest.raises(ValueError, match=r"x and y must be \(p,\) points of one curve"):
        pareto_area([1, 2], [1])
    with pytest.raises(ValueError, match="x and y must be at least 0; the least are -1 and 0"):
        pareto_area([-1], [0])
