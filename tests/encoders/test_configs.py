"""Every encoder yaml is a call of its target, and the facts in its header are those of the libraries."""

import inspect
import logging
from importlib import import_module
from pathlib import Path

import open_clip
import pytest
import timm
import torch
from omegaconf import OmegaConf
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform

from taxoeval.encoders.catalogue import FACTS, read_entry
from taxoeval.encoders.open_clip_source import resolve

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "encoder"
FILES = sorted(FOLDER.glob("*.yaml"))
CONFIGS = {file.stem: OmegaConf.to_container(OmegaConf.load(file)) for file in FILES}
OPEN, MISSING = ("model", "pretrained", "image_size"), "???"
ARCHITECTURE = {
    "bioclip": "ViT-B-16",
    "biocap": "ViT-B-16",
    "biotrove_clip": "ViT-B-16",
    "bioclip2": "ViT-L-14",
    "bioclip25_huge": "ViT-H-14",
}


def named(target: str) -> list[str]:
    """Encoders of a maker that name their model themselves."""
    return [
        name
        for name, config in CONFIGS.items()
        if config["_target_"] == f"taxoeval.encoders.{target}.load" and config["model"] != MISSING
    ]


REGISTERED = [name for name in named("open_clip") if CONFIGS[name]["pretrained"]]
HUB = [name for name in named("open_clip") if CONFIGS[name]["model"].startswith("hf-hub:")]


def test_every_family_is_there():
    wanted = """
        bioclip bioclip2 bioclip25_huge biocap biotrove_clip
        clip_rn50 clip_rn101 clip_rn50x4 clip_rn50x16 clip_rn50x64 clip_vit_b32 clip_vit_b16 clip_vit_l14
        clip_vit_l14_336 openclip_vit_l14 openclip_vit_h14 siglip_vit_b16 siglip_vit_l16_256 siglip2_vit_b16
        siglip2_vit_l16_256 siglip2_so400m_378 mobileclip_s2 mobileclip2_s2 blip2
        dinov2_vits14 dinov2_vitb14 dinov2_vitl14 dinov2_vitg14 dinov2_vits14_reg dinov2_vitb14_reg dinov2_vitl14_reg
        dinov2_vitg14_reg dinov3_vits16 dinov3_vitb16 dinov3_vitl16
        vit_b16_in21k vit_l16_in21k convnext_b_in22k resnet50 mobilenetv2 mobilenetv3
        open_clip timm transformers precomputed none mini_clip pixels colour_texture random_network
    """
    assert set(CONFIGS) >= set(wanted.split())


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_are_the_arguments(name):
    config = dict(CONFIGS[name])
    module, _, function = config.pop("_target_").rpartition(".")
    signature = inspect.signature(getattr(import_module(module), function))
    signature.bind(**config)
    assert list(config) == list(signature.parameters), "every argument is in the yaml, in the order of the signature"
    for key, parameter in signature.parameters.items():
        if key not in OPEN and config[key] != MISSING:
            assert config[key] == parameter.default


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_header_states_every_fact_and_a_command(file):
    header = [line for line in file.read_text().splitlines() if line.startswith("#")]
    stated = [line[2:].partition(":")[0] for line in header if line[2:].partition(":")[0] in FACTS]
    assert stated == list(FACTS), "each fact once, in this order"
    assert read_entry(file).title.endswith(".")
    assert f"python -m taxoeval encoder={file.stem}" in "\n".join(header)


def close(stated: str, weights: int) -> bool:
    """Whether a header's ``"86 M"`` is a number of weights, to the digits it has."""
    number, unit = stated.split()
    return unit == "M" and abs(float(number) - weights / 1e6) <= (0.05 if "." in number else 0.5)


def on_paper(model: str) -> torch.nn.Module:
    """An open_clip network without numbers in it."""
    logging.disable(logging.WARNING)  # that it has no weights
    try:
        with torch.device("meta"):
            return open_clip.create_model(model, None, device="meta")
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", REGISTERED)
def test_open_clip_facts(name):
    model, tag = CONFIGS[name]["model"], CONFIGS[name]["pretrained"]
    entry = read_entry(FOLDER / f"{name}.yaml")
    assert (model, tag) in open_clip.list_pretrained()
    published, architecture = open_clip.get_pretrained_cfg(model, tag), open_clip.get_model_config(model)
    text = architecture["text_cfg"]
    assert entry.dimension == str(architecture["embed_dim"])
    words = {"shortest": "shortest side", "squash": "squashed"}[published["resize_mode"]]
    assert entry.input.startswith(
        f"{architecture['vision_cfg']['image_size']} px, {words}, {published['interpolation']}"
    )
    assert f"{text['context_length']} tokens" in entry.text
    assert entry.text.startswith("CLIP's tokenizer") != ("hf_tokenizer_name" in text)
    assert entry.source == f"{published['hf_hub'].rstrip('/')} on the hub; open_clip 3.3's registry"
    assert close(entry.parameters, sum(p.numel() for p in on_paper(model).parameters()))
    quick = bool(published.get("quick_gelu"))
    assert resolve(model, tag) == (model, {"force_quick_gelu": quick})
    assert ("QuickGELU" in (FOLDER / f"{name}.yaml").read_text()) == quick


@pytest.mark.parametrize("name", HUB)
def test_facts_of_the_bioclip_family(name):
    """Their files are on the hub; of their architecture the library knows size and dimension."""
    entry = read_entry(FOLDER / f"{name}.yaml")
    architecture = open_clip.get_model_config(ARCHITECTURE[name])
    assert entry.dimension == str(architecture["embed_dim"])
    assert entry.input.startswith(f"{architecture['vision_cfg']['image_size']} px")
    assert close(entry.parameters, sum(p.numel() for p in on_paper(ARCHITECTURE[name]).parameters()))
    assert entry.source.startswith(f"{CONFIGS[name]['model']};")


@pytest.mark.parametrize("name", named("timm"))
def test_timm_facts(name):
    model, size = CONFIGS[name]["model"], CONFIGS[name]["image_size"]
    entry = read_entry(FOLDER / f"{name}.yaml")
    assert model in timm.list_pretrained()
    published = timm.get_pretrained_cfg(model)
    with torch.device("meta"):
        network = timm.create_model(model, pretrained=False, num_classes=0, **({"img_size": size} if size else {}))
    assert entry.dimension == str(getattr(network, "head_hidden_size", network.num_features))
    assert close(entry.parameters, sum(p.numel() for p in network.parameters()))
    assert entry.text == "none"
    assert entry.licence.lower().startswith(published.license.replace("-license", " licence"))
    assert entry.source == f"{published.hf_hub_id} on the hub; timm 1.0's registry"
    changed = {"input_size": (3, size, size), "crop_pct": 1.0} if size else {}
    transform = create_transform(**resolve_data_config(changed, pretrained_cfg=published.to_dict()), is_training=False)
    resize, crop = transform.transforms[:2]
    side = crop.size[0]
    assert entry.input.startswith(
        f"{side} px, shortest side, " if resize.size == side else f"{side} px (shortest side {resize.size}), "
    )
    assert entry.input.endswith(f"{resize.interpolation.value}, centre crop")


def test_blip2_facts():
    """The model is built on paper from transformers' defaults, which are those of the checkpoint."""
    transformers = pytest.importorskip("transformers")
    queries = {"vocab_size": 30523, "use_qformer_text_input": True}  # BERT's words and one more
    config = transformers.Blip2Config(qformer_config=queries, image_text_hidden_size=256)
    with torch.device("meta"):
        model = transformers.Blip2ForImageTextRetrieval(config)
    entry = read_entry(FOLDER / "blip2.yaml")
    assert close(entry.parameters, sum(p.numel() for p in model.parameters()))
    assert entry.dimension == str(config.image_text_hidden_size)
    assert entry.input.startswith(f"{config.vision_config.image_size} px")
    assert f"up to {config.qformer_config.max_position_embeddings} tokens" in entry.text
    assert config.num_query_tokens == 32
    assert CONFIGS["blip2"]["model"] in inspect.getsource(transformers.models.blip_2.modeling_blip_2)


@pytest.mark.parametrize("name", ["mini_clip", "pixels", "colour_texture", "random_network"])
def test_facts_of_what_comes_with_the_package(name):
    config = dict(CONFIGS[name])
    module, _, function = config.pop("_target_").rpartition(".")
    encoder = getattr(import_module(module), function)(**config)
    entry = read_entry(FOLDER / f"{name}.yaml")
    assert entry.dimension == str(encoder.dimension)
    assert (entry.text == "none") == (not encoder.has_text)
    if encoder.module is None:
        assert entry.parameters == "0"
    else:
        assert close(entry.parameters, sum(p.numel() for p in encoder.module.parameters()))
    if encoder.has_text:
        assert entry.text == f"CLIP's tokenizer, {encoder.tokenizer.context_length} tokens"
