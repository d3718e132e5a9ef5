"""One vector per image, or per text, out of a transformers model."""

from collections.abc import Mapping
from typing import Any

import torch

from taxoeval.errors import TaxoevalError

POOLINGS = ("auto", "shared", "cls", "mean", "cls+mean", "pooler")
BLIP2_TEMPERATURE = 0.07
"""What BLIP-2 is trained with at first; the learnt one is not among its published weights."""


def shares_space(module: torch.nn.Module) -> bool:
    """Whether a model has image and text vectors in one space, whose cosine it was trained on.

    Examples
    --------
    >>> shares_space(torch.nn.Linear(1, 1))
    False
    """
    named = ("get_image_features", "get_text_features", "logit_scale")
    return is_blip2(module) or all(hasattr(module, name) for name in named)


def is_blip2(module: torch.nn.Module) -> bool:
    """Whether a model is BLIP-2 with its image-text projections rather than its language model.

    Examples
    --------
    >>> is_blip2(torch.nn.Linear(1, 1))
    False
    """
    return type(module).__name__ == "Blip2ForImageTextRetrieval"


def image_tower(module: torch.nn.Module, model: str) -> torch.nn.Module:
    """The part of a model that takes pictures.

    Parameters
    ----------
    module
        The model.
    model
        Its id, for the message.

    Raises
    ------
    TaxoevalError
        If it takes none.

    Examples
    --------
    >>> image_tower(torch.nn.Linear(1, 1), "bert-base")
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: bert-base has no image tower (it is a Linear): choose a model of images
    """
    if hasattr(module, "vision_model") and (hasattr(module, "get_image_features") or is_blip2(module)):
        return module.vision_model  # type: ignore[return-value]
    if getattr(module, "main_input_name", "") != "pixel_values":
        raise TaxoevalError(f"{model} has no image tower (it is a {type(module).__name__}): choose a model of images")
    return module


def shared_image_vectors(module: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Image vectors ``(b, d)`` in the space that a model shares with its texts.

    BLIP-2 compares a text with 32 vectors of an image and takes the best. One vector per image must do here: the mean
    of the 32 at length 1, whose product with a text is the mean of the 32 cosines in place of the best.
    """
    if not is_blip2(module):
        return _vector(module.get_image_features(pixel_values=pixels))  # type: ignore[operator]
    net: Any = module
    patches = net.vision_model(pixel_values=pixels).last_hidden_state
    queries = net.query_tokens.expand(len(patches), -1, -1).to(patches.dtype)
    seen = torch.ones(patches.shape[:2], dtype=torch.long, device=patches.device)
    found = net.qformer(query_embeds=queries, encoder_hidden_states=patches, encoder_attention_mask=seen)
    projected: torch.Tensor = net.vision_projection(found.last_hidden_state)
    return torch.nn.functional.normalize(projected, dim=-1).mean(1)


def shared_text_vectors(module: torch.nn.Module, tokens: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Text vectors ``(m, d)`` in the space that a model shares with its images.

    Parameters
    ----------
    module
        The model.
    tokens
        What its tokenizer gives: ``input_ids`` ``(m, length)`` and, where padding is not to be read, a mask.
    """
    if not is_blip2(module):
        return _vector(module.get_text_features(**tokens))  # type: ignore[operator]
    net: Any = module
    words = net.embeddings(input_ids=tokens["input_ids"])
    found = net.qformer(query_embeds=words, query_length=0, attention_mask=tokens["attention_mask"])
    first: torch.Tensor = net.text_projection(found.last_hidden_state[:, 0])
    return first


def _vector(output: Any) -> torch.Tensor:
    """The projected vector, bare in one version of transformers and in a record in the next."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def choose_pooling(tower: torch.nn.Module, pooling: str, output: Any, n_patches: int, model: str) -> tuple[str, int]:
    """Which vector stands for the image, and how many tokens come before its patches.

    Parameters
    ----------
    tower
        The image tower.
    pooling
        What was asked for, one of `POOLINGS`.
    output
        What the tower gives for a picture.
    n_patches
        Into how many patches it cuts a picture; what else comes out are class and register tokens. 0: not known.
    model
        Its id, for the message.

    Returns
    -------
    pooling : str
        ``cls``, ``mean``, ``cls+mean`` or ``pooler``.
    prefix : int
        Number of class and register tokens.

    Raises
    ------
    TaxoevalError
        If the tower has no class token or no pooler where one is asked for.

    Notes
    -----
    ``auto`` takes what the model itself hands on: its pooler, or, where that is a dense layer (made for a training
    task that few checkpoints were trained on), the class token; without either the mean of the patches.
    """
    tokens = output.last_hidden_state.shape[1] if output.last_hidden_state.ndim == 3 else 0
    prefix = max(tokens - n_patches, 0) if n_patches else 0
    pooled = getattr(output, "pooler_output", None) is not None
    if pooling == "auto":
        dense = hasattr(getattr(tower, "pooler", None), "dense")
        pooling = "pooler" if pooled and not dense else "cls" if prefix else "mean"
    if pooling in ("cls", "cls+mean") and not prefix:
        raise TaxoevalError(f"{model} has no class token: pooling=mean averages its patches")
    if pooling == "pooler" and not pooled:
        raise TaxoevalError(f"{model} has no pooler: pooling={'cls takes its class token' if prefix else 'mean'}")
    return pooling, prefix


def pooled(output: Any, pooling: str, prefix: int) -> torch.Tensor:
    """One vector per image ``(b, d)`` from what an image tower gives.

    Parameters
    ----------
    output
        With ``last_hidden_state``, tokens ``(b, t, d)`` or a map ``(b, d, height, width)``, and ``pooler_output``.
    pooling
        ``cls`` the first token; ``mean`` the mean over the patches, class and register tokens left out; ``cls+mean``
        both, one behind the other, ``2 d`` numbers; ``pooler`` the model's own.
    prefix
        How many tokens come before the patches.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> tokens = torch.tensor([[[1.0], [50.0], [2.0], [4.0]]])  # class token, a register, two patches
    >>> output = SimpleNamespace(last_hidden_state=tokens)
    >>> [pooled(output, how, prefix=2).tolist() for how in ("cls", "mean", "cls+mean")]
    [[[1.0]], [[3.0]], [[1.0, 3.0]]]
    """
    if pooling == "pooler":
        return output.pooler_output.flatten(1)  # type: ignore[no-any-return]
    states: torch.Tensor = output.last_hidden_state
    mean = states.mean((2, 3)) if states.ndim == 4 else states[:, prefix:].mean(1)
    if pooling == "mean":
        return mean
    return states[:, 0] if pooling == "cls" else torch.cat([states[:, 0], mean], dim=1)
