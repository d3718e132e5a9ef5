"""taxoeval: how well does an image encoder know the tree of life?

Accuracy at every rank from kingdom to species, how bad the mistakes are, with chance and uncertainty beside every
number. ``import taxoeval`` needs numpy and scipy alone; everything heavier is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from taxoeval.errors import TaxoevalError, UnsupportedError

if TYPE_CHECKING:
    from taxoeval import decoding, metrics
    from taxoeval.taxonomy import Taxonomy, Tree

__version__ = "0.1.0"
__all__ = ["TaxoevalError", "Taxonomy", "Tree", "UnsupportedError", "__version__", "decoding", "metrics"]

_HOME = {"Taxonomy": "taxoeval.taxonomy", "Tree": "taxoeval.taxonomy"}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in {"metrics", "decoding"}:
        return import_module(f"taxoeval.{name}")
    raise AttributeError(f"module 'taxoeval' has no attribute {name!r}")
