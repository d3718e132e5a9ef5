"""Every metric has a fact, and its values stay in the range the fact states."""

import importlib
import inspect
import pkgutil
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given

from taxoeval import metrics
from taxoeval.metrics import (
    Convention,
    Similarity,
    balanced,
    calibration,
    consistency,
    lca_distance,
    lca_scores,
    lca_similarity,
    operating,
    pareto,
    paths,
    rank_hits,
    ranking,
    scoring_rules,
    selection,
    severity,
    top_k,
    wap,
)
from taxoeval.metrics.facts import FACTS, Bound
from taxoeval.metrics.hops import hops
from tests.metrics.zoo import random_taxonomy, seeds

ADAPTERS = {"statistics", "chance", "facts", "torch", "sklearn", "conventions"}
NOT_METRICS = {
    "lca_distance": "one fact per convention",
    "lca_similarity": "one fact per convention",
    "path_overlap": "counts that metrics are made of",
    "sample_precision_recall_f": "hierarchical_precision, _recall and _f_beta in one pass",
    "relevant_counts": "counts that metrics are made of",
    "rank_probability": "probabilities, not a metric",
    "reliability_curve": "a curve",
    "risk_coverage": "a curve",
    "hierarchical_risk_coverage": "a curve",
    "reject_curve": "a curve",
    "operating_curve": "a curve",
    "brier_decomposition": "parts of a sum",
    "multiclass_brier_decomposition": "parts of a sum",
    # helpers shared between modules
    "truth_and_answers": "helper",
    "column_outcome": "helper",
    "defined": "helper",
    "binned": "helper",
    "known_candidates": "helper",
}


def public_functions():
    for module in pkgutil.iter_modules(metrics.__path__):
        if not module.name.startswith("_") and module.name not in ADAPTERS:
            found = importlib.import_module(f"taxoeval.metrics.{module.name}")
            for name, function in inspect.getmembers(found, inspect.isfunction):
                if function.__module__ == found.__name__ and not name.startswith("_"):
                    yield name


def test_every_metric_has_a_fact_and_every_fact_a_metric():
    functions = set(public_functions())
    assert functions - set(FACTS) - set(NOT_METRICS) == set()
    assert set(FACTS) - functions == {*Convention, *Similarity} - functions
    assert {*Convention, *Similarity} <= set(FACTS)


def test_facts_are_complete_and_read_only():
    for name, fact in FACTS.items():
        assert fact.name == name
        assert fact.chance
        assert fact.unit
        assert isinstance(fact.high, Bound) or fact.low < fact.high
    with pytest.raises(FrozenInstanceError):
        FACTS["edge"].low = 1.0
    with pytest.raises(TypeError):
        FACTS["edge"] = FACTS["height"]


def values_of_everything(seed):
    """Values of every metric on random input, by the name of its fact."""
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    n, k, taxa = 12, 4, len(taxonomy)
    target = np.r_[rng.integers(taxa, size=n - 1), -1]
    pred = rng.integers(-1, taxa, size=n)
    per_rank = rng.integers(-1, taxa, size=(n, taxonomy.n_ranks))
    several = np.stack([rng.permutation(taxa)[:k] for _ in range(n)])
    candidates = np.sort(rng.choice(taxonomy.leaves, size=min(len(taxonomy.leaves), 6), replace=False))
    order = np.stack([rng.permutation(candidates) for _ in range(n)])
    probability = rng.dirichlet(np.ones(len(candidates)), size=n)
    among = np.r_[rng.choice(candidates, size=n - 1), -1]
    gallery = rng.integers(taxa, size=15)
    neighbours = np.stack([rng.permutation(gallery) for _ in range(n)])
    relevant = ranking.relevant_counts(target, gallery, taxonomy)
    distance = lca_distance(target, pred, taxonomy, convention="edge")
    hits = rank_hits(target, pred, taxonomy)[:, 0]
    confidence = rng.random(n)
    precision = top_k.hierarchical_precision_at_k(target, several, taxonomy, np.arange(taxa), convention="edge")
    curve = operating.operating_curve(among, probability, candidates, taxonomy)
    coverage = operating.hierarchical_risk_coverage(among, probability, candidates, taxonomy)
    return taxonomy, {
        **{str(c): lca_distance(target, pred, taxonomy, convention=c) for c in Convention},
        **{str(s): lca_similarity(target, pred, taxonomy, convention=s) for s in Similarity},
        "rank_hits": rank_hits(target, several, taxonomy),
        "full_path_hits": consistency.full_path_hits(target, per_rank, taxonomy),
        "point_overlap_ratio": consistency.point_overlap_ratio(target, per_rank, taxonomy),
        "top_overlap_ratio": consistency.top_overlap_ratio(target, per_rank, taxonomy),
        "tice": consistency.tice(per_rank, taxonomy),
        "first_incoherent_rank": consistency.first_incoherent_rank(per_rank, taxonomy),
        "wap_accuracy": wap.wap_accuracy(target, per_rank, taxonomy),
        "wap_precision": wap.wap_precision(target, per_rank, taxonomy),
        "correct_depth": top_k.correct_depth(target, pred, taxonomy),
        "best_of_k": top_k.best_of_k(lca_distance(target, several, taxonomy, convention="height")),
        "mistakes_only": severity.mistakes_only(distance),
        "mistake_severity": severity.mistake_severity(distance),
        "average_hierarchical_distance": severity.average_hierarchical_distance(distance),
        "balanced_hierarchical_distance": balanced.balanced_hierarchical_distance(distance, target),
        "hierarchical_precision": paths.hierarchical_precision(target, pred, taxonomy),
        "hierarchical_recall": paths.hierarchical_recall(target, pred, taxonomy),
        "hierarchical_f_beta": paths.hierarchical_f_beta(target, pred, taxonomy, beta=2.0),
        "micro_precision_recall_f": np.array(
            paths.micro_precision_recall_f(paths.path_overlap(target, pred, taxonomy))
        ),
        "lca_precision_recall_f": np.array(
            lca_scores.lca_precision_recall_f(target, pred, taxonomy, weight="information")
        ),
        "lca_restricted_precision_recall_f": np.array(
            lca_scores.lca_restricted_precision_recall_f(target, pred, taxonomy)
        ),
        "hierarchical_precision_at_k": precision,
        "hierarchical_map": top_k.hierarchical_map(precision),
        "average_hierarchical_precision": top_k.average_hierarchical_precision(precision),
        "hops": hops(among, order, taxonomy, candidates),
        "precision_at_k": ranking.precision_at_k(target, neighbours, taxonomy),
        "r_precision": ranking.r_precision(target, neighbours, taxonomy, relevant),
        "map_at_r": ranking.map_at_r(target, neighbours, taxonomy, relevant),
        "ndcg_at_k": ranking.ndcg_at_k(target, neighbours, taxonomy, gallery, convention="edge"),
        "brier": scoring_rules.brier(among, probability, candidates),
        "top_brier": scoring_rules.top_brier(hits, confidence),
        "negative_log_likelihood": scoring_rules.negative_log_likelihood(among, probability, candidates),
        "calibration_error": calibration.calibration_error(hits, confidence),
        "classwise_calibration_error": calibration.classwise_calibration_error(among, probability, candidates),
        "aurc": selection.aurc(1 - hits, confidence),
        "excess_aurc": selection.excess_aurc(1 - hits, confidence),
        "hierarchical_aurc": operating.hierarchical_aurc(coverage),
        "pareto_area": pareto.pareto_area(rng.random(n), rng.random(n)),
        "recall_at": pareto.recall_at(curve, correct=0.9),
    }


@given(seeds)
def test_values_stay_in_the_range_of_their_fact(seed):
    taxonomy, values = values_of_everything(seed)
    assert set(values) == set(FACTS)
    for name, found in values.items():
        low, high = FACTS[name].range_on(taxonomy)
        defined = np.asarray(found)[~np.isnan(found)]
        assert (defined >= low - 1e-12).all(), name
        assert (defined <= high + 1e-12).all(), name


def test_a_perfect_answer_has_the_best_value_of_its_range():
    taxonomy = random_taxonomy(1)
    target = taxonomy.leaves
    for convention in Convention:
        fact = FACTS[convention]
        best = lca_distance(target, target, taxonomy, convention=convention)
        assert not fact.higher_is_better
        np.testing.assert_array_equal(best[~np.isnan(best)], fact.low)
    for similarity in Similarity:
        assert FACTS[similarity].higher_is_better
        np.testing.assert_allclose(lca_similarity(target, target, taxonomy, convention=similarity), 1.0)
