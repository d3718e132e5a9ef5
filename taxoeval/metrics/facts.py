"""What everyone should know of each metric before printing it: range, direction, unit, source and chance level."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

import numpy as np

from taxoeval.metrics._nodes import nodes_of
from taxoeval.taxonomy import Taxonomy, Tree


class Bound(StrEnum):
    """Largest values that depend on the tree."""

    RANKS = "number of ranks"
    DEPTH = "depth of the deepest leaf"
    DEPTH_AND_ONE = "depth of the deepest leaf + 1"
    TWICE_THE_DEPTH = "2 x depth of the deepest leaf"
    BITS = "log2 of the number of leaves"


@dataclass(frozen=True)
class Fact:
    """What is known of one metric.

    Attributes
    ----------
    name
        The function's name, or that of the convention where one function has many.
    low, high
        Range of a defined value; ``high`` is a `Bound` where it depends on the tree.
    higher_is_better
        Direction.
    unit
        What is counted; ``"share"`` for numbers between 0 and 1 without a unit.
    per
        What one value is about: a sample, a sample at one rank, a taxon, or the whole set (an aggregate, not a mean of
        per-sample values).
    source
        Where it was published, or ``""`` for what nobody claims.
    chance
        How its chance level is found, in the words of `taxoeval.metrics.chance`.
    """

    name: str
    low: float
    high: float | Bound
    higher_is_better: bool
    unit: str
    per: Literal["sample", "sample and rank", "taxon", "set"]
    source: str
    chance: str

    def range_on(self, tree: Tree) -> tuple[float, float]:
        """Least and largest value on a tree.

        Examples
        --------
        >>> from taxoeval import Taxonomy
        >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Pica", "Pica pica")],
        ...                                   ranks=("genus", "species"))
        >>> FACTS["edge"].range_on(taxonomy)
        (0.0, 4.0)
        """
        if not isinstance(self.high, Bound):
            return self.low, self.high
        deepest = nodes_of(tree).deepest
        ranks = float(tree.n_ranks) if isinstance(tree, Taxonomy) else float("nan")
        high = {
            Bound.RANKS: ranks,
            Bound.DEPTH: deepest,
            Bound.DEPTH_AND_ONE: deepest + 1,
            Bound.TWICE_THE_DEPTH: 2 * deepest,
            Bound.BITS: float(np.log2(len(tree.leaves))),
        }
        return self.low, high[self.high]


_BETTER_MISTAKES = 'Bertinetto et al., "Making Better Mistakes", CVPR 2020'
_OPERATING = 'Valmadre, "Hierarchical Classification at Multiple Operating Points", NeurIPS 2022'
_KIRITCHENKO = 'Kiritchenko et al., "Learning and Evaluation in the Presence of Class Hierarchies", 2006'
_KOSMOPOULOS = 'Kosmopoulos et al., "Evaluation measures for hierarchical classification", DMKD 2015'
_OVERLAP = 'Tan et al., "Vision LLMs Are Bad at Hierarchical Visual Understanding", 2025'
_REALITY = 'Musgrave et al., "A Metric Learning Reality Check", ECCV 2020'
_AURC = 'Geifman et al., "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR 2019'
_FOCUS = 'Liu et al., "Where to Focus", ECCV 2022'
_CURVES = "simulated_chance, with probabilities shuffled between samples"
_EXPECTED = "chance_of, exact"
_DISTANCE = "chance_distance, exact"
_NONE = "none: it looks at the answers alone"


def _share(name: str, source: str, chance: str, per: Literal["sample", "sample and rank", "set"] = "sample") -> Fact:
    return Fact(name, 0.0, 1.0, True, "share", per, source, chance)


def _distance(name: str, high: Bound, unit: str, source: str, low: float = 0.0) -> Fact:
    return Fact(name, low, high, False, unit, "sample", source, _DISTANCE)


_ALL = (
    # right or wrong
    _share("rank_hits", "", "chance_hits, exact, for k answers as for one", "sample and rank"),
    _share(
        "full_path_hits", 'Park et al., "Visually Consistent Hierarchical Image Classification", ICLR 2025', _EXPECTED
    ),
    _share("point_overlap_ratio", _OVERLAP, _EXPECTED),
    _share("top_overlap_ratio", _OVERLAP, _EXPECTED),
    Fact("tice", 0.0, 1.0, False, "share", "sample", 'Wang et al., "Consistency-aware Feature Learning", 2023', _NONE),
    Fact("first_incoherent_rank", 0.0, Bound.RANKS, True, "ranks", "sample", "", _NONE),
    _share("wap_accuracy", _FOCUS, "simulated_chance", "set"),
    _share("wap_precision", _FOCUS, "simulated_chance", "set"),
    # distances, by convention
    _distance("rank_height", Bound.RANKS, "ranks", _BETTER_MISTAKES),
    _distance("padded_height", Bound.DEPTH, "edges", _BETTER_MISTAKES),
    _distance("padded_height_proper", Bound.DEPTH, "edges", _BETTER_MISTAKES + ", in its files"),
    _distance(
        "height", Bound.DEPTH, "edges", 'Deng et al., "What Does Classifying More Than 10,000 Image Categories ..."'
    ),
    _distance(
        "edge", Bound.TWICE_THE_DEPTH, "edges", 'Dekel et al., "Large Margin Hierarchical Classification", ICML 2004'
    ),
    _distance("target_leg", Bound.DEPTH, "edges", _OPERATING + " (deficient)"),
    _distance("pred_leg", Bound.DEPTH, "edges", _OPERATING + " (excess)"),
    _distance(
        "max_leg", Bound.DEPTH, "edges", 'Garg et al., "Learning Hierarchy Aware Features", ECCV 2022, in its files'
    ),
    _distance("information", Bound.BITS, "bits", 'Shi et al., "LCA-on-the-Line", ICML 2024'),
    _distance("information_excess", Bound.BITS, "bits", _OPERATING),
    _distance(
        "hycoclip_lca",
        Bound.DEPTH_AND_ONE,
        "edges",
        'Pal et al., "Compositional Entailment Learning for Hyperbolic Vision-Language Models", ICLR 2025',
        1.0,
    ),
    Fact("correct_depth", 0.0, Bound.DEPTH, True, "edges", "sample", _OPERATING, _EXPECTED),
    Fact(
        "best_of_k", 0.0, np.inf, False, "that of the distance", "sample", _BETTER_MISTAKES, "chance_best_of_k, exact"
    ),
    Fact("mistakes_only", 0.0, np.inf, False, "that of the distance", "sample", "", "as mistake_severity"),
    Fact(
        "mistake_severity",
        0.0,
        np.inf,
        False,
        "that of the distance",
        "set",
        _BETTER_MISTAKES,
        "mean chance of the distance over mean chance of a mistake, exact",
    ),
    Fact(
        "average_hierarchical_distance",
        0.0,
        np.inf,
        False,
        "that of the distance",
        "set",
        _BETTER_MISTAKES,
        "mean chance of the distance, exact, at every k",
    ),
    Fact(
        "balanced_hierarchical_distance",
        0.0,
        np.inf,
        False,
        "that of the distance",
        "set",
        'Wallin et al., "ProHOC", CVPR 2025',
        "mean over taxa of the chance of the distance, exact",
    ),
    # similarities, by convention
    _share("wu_palmer_root0", 'Wu and Palmer, "Verb Semantics and Lexical Selection", ACL 1994', _DISTANCE),
    _share("wu_palmer_root1", 'Wu and Palmer, "Verb Semantics and Lexical Selection", ACL 1994', _DISTANCE),
    _share("lin", 'Lin, "An Information-Theoretic Definition of Similarity", ICML 1998', _DISTANCE),
    _share("jaccard_root_out", "", _DISTANCE),
    _share("jaccard_root_in", "", _DISTANCE),
    # paths as sets
    _share("hierarchical_precision", _KIRITCHENKO, _EXPECTED),
    _share("hierarchical_recall", _KIRITCHENKO, _EXPECTED),
    _share("hierarchical_f_beta", _KIRITCHENKO, _EXPECTED),
    _share(
        "micro_precision_recall_f",
        _KIRITCHENKO,
        "ratio of mean chances of the counts: exact for recall, for all if candidates are equally deep",
        "set",
    ),
    _share("lca_precision_recall_f", _OPERATING, _EXPECTED),
    _share("lca_restricted_precision_recall_f", _KOSMOPOULOS, _EXPECTED),
    # rankings
    _share(
        "hierarchical_precision_at_k",
        'Deng et al., "Hierarchical Semantic Indexing for Large Scale Image Retrieval", CVPR 2011',
        "chance_precision_at_k, exact",
    ),
    _share("hierarchical_map", _BETTER_MISTAKES + ", in its code", "that of its columns, exact"),
    _share(
        "average_hierarchical_precision",
        'Barz and Denzler, "Hierarchy-based Image Embeddings for Semantic Image Retrieval", WACV 2019',
        "that of its columns, exact",
    ),
    _share(
        "hops",
        'Sani and Anand, "Learning and Evaluating Hierarchical Feature Representations", 2025',
        "simulated_chance",
    ),
    _share("precision_at_k", "", "chance_precision, exact", "sample and rank"),
    _share("r_precision", _REALITY, "chance_precision, exact", "sample and rank"),
    _share("map_at_r", _REALITY, "chance_map_at_r, exact", "sample and rank"),
    _share(
        "ndcg_at_k",
        'Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002',
        "chance_ndcg_at_k, exact",
    ),
    # probabilities
    Fact(
        "brier",
        0.0,
        2.0,
        False,
        "squared probability",
        "sample",
        'Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950',
        "1 - 1/c for equal probabilities of c candidates",
    ),
    Fact(
        "top_brier",
        0.0,
        1.0,
        False,
        "squared probability",
        "sample",
        'Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950',
        "1/c - 1/c**2 for a guess among c candidates with confidence 1/c",
    ),
    Fact(
        "negative_log_likelihood",
        0.0,
        np.inf,
        False,
        "nats",
        "sample",
        'Good, "Rational Decisions", 1952',
        "ln(c) for equal probabilities of c candidates",
    ),
    Fact(
        "calibration_error",
        0.0,
        1.0,
        False,
        "probability",
        "set",
        'Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015',
        _CURVES,
    ),
    Fact(
        "classwise_calibration_error",
        0.0,
        1.0,
        False,
        "probability",
        "taxon",
        'Nixon et al., "Measuring Calibration in Deep Learning", CVPR Workshops 2019',
        _CURVES,
    ),
    # selection
    Fact("aurc", 0.0, np.inf, False, "that of the loss", "set", _AURC, "the mean loss: confidence that says nothing"),
    Fact("excess_aurc", 0.0, np.inf, False, "that of the loss", "set", _AURC, _CURVES),
    Fact(
        "hierarchical_aurc",
        0.0,
        1.0,
        False,
        "share",
        "set",
        'Goren et al., "Hierarchical Selective Classification", NeurIPS 2024',
        _CURVES,
    ),
    _share("pareto_area", _OPERATING, _CURVES, "set"),
    _share("recall_at", _OPERATING, _CURVES, "set"),
)

FACTS: Mapping[str, Fact] = MappingProxyType({fact.name: fact for fact in _ALL})
"""The facts of every metric by name; read-only."""
