"""Hierarchical classification metrics: arrays in, one value per sample out.

A metric takes ``(target, pred, taxonomy)``, in that order, and never averages; `statistics` does the averaging, the
intervals, the tests, the chance and majority levels. The few published figures that are ratios of sums say so in their
name (``micro_...``) or take the per-sample values (`mistake_severity`). NaN means undefined and is left out of every
mean, never counted as zero. `facts` lists every metric with its range, direction, unit, source and chance rule.
"""

from taxoeval.metrics import chance, statistics
from taxoeval.metrics._steps import Rule
from taxoeval.metrics._sweep import Below, Specificity
from taxoeval.metrics.balanced import balanced_hierarchical_distance
from taxoeval.metrics.calibration import (
    Binning,
    ReliabilityCurve,
    calibration_error,
    classwise_calibration_error,
    reliability_curve,
)
from taxoeval.metrics.consistency import (
    first_incoherent_rank,
    full_path_hits,
    point_overlap_ratio,
    tice,
    top_overlap_ratio,
)
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.metrics.distances import lca_distance, lca_similarity, rank_height
from taxoeval.metrics.facts import FACTS, Fact
from taxoeval.metrics.hits import rank_hits
from taxoeval.metrics.hops import hops
from taxoeval.metrics.lca_scores import lca_precision_recall_f, lca_restricted_precision_recall_f
from taxoeval.metrics.mass import rank_probability
from taxoeval.metrics.operating import OperatingCurve, hierarchical_aurc, hierarchical_risk_coverage, operating_curve
from taxoeval.metrics.pareto import pareto_area, recall_at
from taxoeval.metrics.paths import (
    PathOverlap,
    PrecisionRecallF,
    hierarchical_f_beta,
    hierarchical_precision,
    hierarchical_recall,
    micro_precision_recall_f,
    path_overlap,
    sample_precision_recall_f,
)
from taxoeval.metrics.ranking import map_at_r, ndcg_at_k, precision_at_k, r_precision, relevant_counts
from taxoeval.metrics.scoring_rules import (
    BrierParts,
    brier,
    brier_decomposition,
    multiclass_brier_decomposition,
    negative_log_likelihood,
    top_brier,
)
from taxoeval.metrics.selection import RejectCurve, RiskCoverage, aurc, excess_aurc, reject_curve, risk_coverage
from taxoeval.metrics.severity import average_hierarchical_distance, mistake_severity, mistakes_only
from taxoeval.metrics.top_k import (
    average_hierarchical_precision,
    best_of_k,
    correct_depth,
    hierarchical_map,
    hierarchical_precision_at_k,
)
from taxoeval.metrics.wap import wap_accuracy, wap_precision

__all__ = [
    "FACTS",
    "Below",
    "Binning",
    "BrierParts",
    "Convention",
    "Fact",
    "OperatingCurve",
    "PathOverlap",
    "PrecisionRecallF",
    "RejectCurve",
    "ReliabilityCurve",
    "RiskCoverage",
    "Rule",
    "Similarity",
    "Specificity",
    "aurc",
    "average_hierarchical_distance",
    "average_hierarchical_precision",
    "balanced_hierarchical_distance",
    "best_of_k",
    "brier",
    "brier_decomposition",
    "calibration_error",
    "chance",
    "classwise_calibration_error",
    "correct_depth",
    "excess_aurc",
    "first_incoherent_rank",
    "full_path_hits",
    "hierarchical_aurc",
    "hierarchical_f_beta",
    "hierarchical_map",
    "hierarchical_precision",
    "hierarchical_precision_at_k",
    "hierarchical_recall",
    "hierarchical_risk_coverage",
    "hops",
    "lca_distance",
    "lca_precision_recall_f",
    "lca_restricted_precision_recall_f",
    "lca_similarity",
    "map_at_r",
    "micro_precision_recall_f",
    "mistake_severity",
    "mistakes_only",
    "multiclass_brier_decomposition",
    "ndcg_at_k",
    "negative_log_likelihood",
    "operating_curve",
    "pareto_area",
    "path_overlap",
    "point_overlap_ratio",
    "precision_at_k",
    "r_precision",
    "rank_height",
    "rank_hits",
    "rank_probability",
    "recall_at",
    "reject_curve",
    "relevant_counts",
    "reliability_curve",
    "risk_coverage",
    "sample_precision_recall_f",
    "statistics",
    "tice",
    "top_brier",
    "top_overlap_ratio",
    "wap_accuracy",
    "wap_precision",
]
