"""Rules that turn probabilities of candidate taxa into an answer, with a probability, at every rank.

Every task ends in the same thing, probabilities over candidates, so every rule can be applied to every task and their
answers compared on the same scores. A rule without settings is a function; one with settings is a frozen dataclass
with a ``name``; one whose setting must be found on samples of known taxon has a class of its own (`ClimbAt`, `DartsAt`)
whose ``fit`` returns the rule. The probability of an answer is always the sum over the candidates at or below it;
rules differ in what they answer, not in what they believe (`hie_marginal` and `hie_trained`, which change the
probabilities, sum the changed ones).
"""

from taxoeval.decoding.base import Answers, Calibration, Decoder, decoder_name
from taxoeval.decoding.climb import Climb, ClimbAt
from taxoeval.decoding.crm import Crm, CrmNodes, crm, crm_nodes
from taxoeval.decoding.darts import Darts, DartsAt
from taxoeval.decoding.distances import Distance
from taxoeval.decoding.hf_optimal import HfOptimal
from taxoeval.decoding.hie import hie_marginal, hie_trained
from taxoeval.decoding.leaf_argmax import leaf_argmax
from taxoeval.decoding.pareto_set import pareto_set
from taxoeval.decoding.per_rank import per_rank
from taxoeval.decoding.plurality import plurality
from taxoeval.decoding.rank_pool import rank_max, rank_mean
from taxoeval.decoding.rank_sum import rank_sum
from taxoeval.decoding.temperature import Temperature, fit_temperature, sums_of, tempered
from taxoeval.decoding.threshold import Threshold
from taxoeval.decoding.top_down import top_down

DECODERS: tuple[Decoder, ...] = (leaf_argmax, rank_sum, top_down, crm, Threshold(0.5))
"""What every task applies to its scores: the rules that need neither a second model nor a calibration split."""

__all__ = [
    "DECODERS",
    "Answers",
    "Calibration",
    "Climb",
    "ClimbAt",
    "Crm",
    "CrmNodes",
    "Darts",
    "DartsAt",
    "Decoder",
    "Distance",
    "HfOptimal",
    "Temperature",
    "Threshold",
    "crm",
    "crm_nodes",
    "decoder_name",
    "fit_temperature",
    "hie_marginal",
    "hie_trained",
    "leaf_argmax",
    "pareto_set",
    "per_rank",
    "plurality",
    "rank_max",
    "rank_mean",
    "rank_sum",
    "sums_of",
    "tempered",
    "top_down",
]
