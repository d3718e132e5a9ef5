"""From one value per sample to a number with its uncertainty; chance and majority levels come from `chance`."""

from taxoeval.metrics.chance import chance_hits, chance_rank_height, majority_hits
from taxoeval.metrics.statistics.bootstrap import bootstrap
from taxoeval.metrics.statistics.by_part import wilson_by_part, wilson_of_groups
from taxoeval.metrics.statistics.closed_form import student, wilson
from taxoeval.metrics.statistics.interval import Interval
from taxoeval.metrics.statistics.means import clade_mean, mean, taxon_mean
from taxoeval.metrics.statistics.multiple import benjamini_hochberg, holm
from taxoeval.metrics.statistics.paired import paired_difference
from taxoeval.metrics.statistics.significance import Test, mcnemar, sign_flip_test
from taxoeval.metrics.statistics.tally import Tally, merge
from taxoeval.metrics.statistics.tied import TiedWithBest, tied_with_best

__all__ = [
    "Interval",
    "Tally",
    "Test",
    "TiedWithBest",
    "benjamini_hochberg",
    "bootstrap",
    "chance_hits",
    "chance_rank_height",
    "clade_mean",
    "holm",
    "majority_hits",
    "mcnemar",
    "mean",
    "merge",
    "paired_difference",
    "sign_flip_test",
    "student",
    "taxon_mean",
    "tied_with_best",
    "wilson",
    "wilson_by_part",
    "wilson_of_groups",
]
