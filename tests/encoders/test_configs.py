"""Every encoder yaml is a call of its target: same names, nothing unknown, nothing left out."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
from omegaconf import OmegaConf

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "encoder"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_the_list_is_complete():
    wanted = (
        "bioclip bioclip2 clip_rn50 clip_vit_b16 clip_vit_b32 clip_vit_l14 colour_texture dinov2_vitb14 dinov2_vitl14 "
        "dinov2_vits14 mini_clip mobilenetv2 mobilenetv3 open_clip pixels random_network siglip_vit_b16 timm"
    )
    assert {file.stem for file in FILES} >= set(wanted.split())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_keys_are_the_arguments(file):
    config = OmegaConf.to_container(OmegaConf.load(file))
    module, _, function = config.pop("_target_").rpartition(".")
    signature = inspect.signature(getattr(import_module(module), function))
    signature.bind(**config)
    assert list(config) == list(signature.parameters), "every argument is in the yaml, in the order of the signature"
    for name, parameter in signature.parameters.items():
        if parameter.default is inspect.Parameter.empty and name != "model":
            assert config[name] == "???"  # only the user knows
        elif name not in ("model", "pretrained", "image_size"):
            assert config[name] == parameter.default


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_header_says_what_it_is_and_how_to_run_it(file):
    header = [line for line in file.read_text().splitlines() if line.startswith("#")]
    assert f"python -m taxoeval encoder={file.stem}" in "\n".join(header)
    assert any("imension" in line for line in header)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_names_exist(file):
    """The ids in the yaml are ones that the libraries know; nothing is loaded."""
    config = OmegaConf.to_container(OmegaConf.load(file))
    if config["_target_"].endswith("open_clip.load") and ":" not in config["model"] and config["model"] != "???":
        import open_clip

        assert config["pretrained"] in open_clip.list_pretrained_tags_by_model(config["model"])
    if config["_target_"].endswith("timm.load") and config["model"] != "???":
        import timm

        assert config["model"] in timm.list_pretrained()
