"""Encode once: a store of vectors on disk, and the extraction that fills it and resumes where it was stopped."""

from taxoeval.embedding.extract import embed_images
from taxoeval.embedding.store import EmbeddingStore
from taxoeval.embedding.texts import embed_texts

__all__ = ["EmbeddingStore", "embed_images", "embed_texts"]
