"""Tiny checkpoints as transformers and the hub lay them out, with random weights."""

from pathlib import Path

import pytest
import torch

transformers = pytest.importorskip("transformers")

WORDS = ["<pad>", "<unk>", "<bos>", "<eos>", "a", "photo", "of", "corvus", "corax", "pica"]
VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}
TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": len(WORDS),
    "max_position_embeddings": 12,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "pad_token_id": 0,
}
OPT = {"model_type": "opt", "hidden_size": 16, "num_hidden_layers": 1, "ffn_dim": 16, "vocab_size": 10}
QUERIES = {
    **{key: TEXT[key] for key in TEXT if not key.startswith(("bos", "eos"))},
    "encoder_hidden_size": 16,
    "use_qformer_text_input": True,
}
SQUARE = {"height": 32, "width": 32}


def blip2():
    config = transformers.Blip2Config(
        vision_config=VISION,
        qformer_config=QUERIES,
        text_config={**OPT, "num_attention_heads": 2, "word_embed_proj_dim": 16},
        num_query_tokens=4,
        image_text_hidden_size=8,
    )
    model = transformers.Blip2ForImageTextRetrieval(config)
    torch.nn.init.normal_(model.query_tokens)
    return model


MODELS = {
    "vit": lambda: transformers.ViTModel(transformers.ViTConfig(**VISION)),
    "classifier": lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**VISION)),
    "dinov2": lambda: transformers.Dinov2Model(transformers.Dinov2Config(**VISION)),
    "registers": lambda: transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(**VISION)),
    "resnet": lambda: transformers.ResNetModel(
        transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ),
    "clip": lambda: transformers.CLIPModel(
        transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=8)
    ),
    "siglip": lambda: transformers.SiglipModel(transformers.SiglipConfig(text_config=TEXT, vision_config=VISION)),
    "blip2": blip2,
}


def write_tokenizer(folder: Path, words: list[str] = WORDS) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, words[1]))
    backend.pre_tokenizer = Whitespace()
    ends = [("<bos>", 2), ("<eos>", 3)]
    backend.post_processor = TemplateProcessing(single="<bos> $A <eos>", special_tokens=ends)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=words[0], unk_token=words[1], model_max_length=12
    ).save_pretrained(folder)


def write(folder: Path, kind: str, seed: int = 0) -> Path:
    """A folder as a repository of the hub: configuration, safetensors, processor, tokenizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MODELS[kind]()
    if kind == "siglip":
        torch.nn.init.constant_(model.logit_bias, -3.0)
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size=SQUARE, resample=3).save_pretrained(folder)
    if kind in ("clip", "siglip", "blip2"):
        write_tokenizer(folder)
    return folder
