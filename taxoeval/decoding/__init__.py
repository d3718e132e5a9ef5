"""Rules that turn probabilities of candidate taxa into an answer, with a probability, at every rank.

Every task ends in the same thing, probabilities over candidates, so every rule can be applied to every task and their
answers compared on the same scores.
"""

from taxoeval.decoding.base import Answers, Decoder
from taxoeval.decoding.leaf_argmax import leaf_argmax
from taxoeval.decoding.rank_sum import rank_sum

DECODERS: tuple[Decoder, ...] = (leaf_argmax, rank_sum)

__all__ = ["DECODERS", "Answers", "Decoder", "leaf_argmax", "rank_sum"]
