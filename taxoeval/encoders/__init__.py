"""Image encoders and their makers, one module per family: open_clip, timm, weightless."""

from taxoeval.encoders.base import Encoder, Fingerprint, TextEncoder, fingerprint_key

__all__ = ["Encoder", "Fingerprint", "TextEncoder", "fingerprint_key"]
