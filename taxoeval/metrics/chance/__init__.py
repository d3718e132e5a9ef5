"""What guessing scores: exact levels of a uniform guess and of always naming the commonest taxon, or simulated ones.

One value per sample, like every metric: a chance level is averaged over the same samples as the score beside it.
"""

from taxoeval.metrics.chance.expected import chance_best_of_k, chance_distance, chance_of
from taxoeval.metrics.chance.guess import chance_hits, chance_rank_height
from taxoeval.metrics.chance.majority import majority_hits, majority_pred
from taxoeval.metrics.chance.retrieval import chance_map_at_r, chance_ndcg_at_k, chance_precision, chance_precision_at_k
from taxoeval.metrics.chance.simulated import SimulatedChance, above_chance, simulated_chance

__all__ = [
    "SimulatedChance",
    "above_chance",
    "chance_best_of_k",
    "chance_distance",
    "chance_hits",
    "chance_map_at_r",
    "chance_ndcg_at_k",
    "chance_of",
    "chance_precision",
    "chance_precision_at_k",
    "chance_rank_height",
    "majority_hits",
    "majority_pred",
    "simulated_chance",
]
