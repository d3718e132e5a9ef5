"""Hierarchical classification metrics: arrays in, one value per sample out.

A metric takes ``(target, pred, taxonomy)``, in that order, and never averages; `statistics` does the averaging, the
intervals, the chance and majority levels. NaN means undefined and is left out of every mean, never counted as zero.
"""

from taxoeval.metrics import statistics
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.metrics.distances import lca_distance, lca_similarity, rank_height
from taxoeval.metrics.hits import rank_hits
from taxoeval.metrics.severity import average_hierarchical_distance, mistake_severity, mistakes_only

__all__ = [
    "Convention",
    "Similarity",
    "average_hierarchical_distance",
    "lca_distance",
    "lca_similarity",
    "mistake_severity",
    "mistakes_only",
    "rank_height",
    "rank_hits",
    "statistics",
]
