"""Runs side by side: one table over encoders, with differences on the same images and what cannot be compared."""

from taxoeval.compare.blocks import Block, Entry, blocks
from taxoeval.compare.differences import Compared, compared
from taxoeval.compare.found import Found, Unfinished, find_runs

__all__ = ["Block", "Compared", "Entry", "Found", "Unfinished", "blocks", "compared", "find_runs"]
