"""Weights from a hub cache: used without the network where they are there, one line where they are not."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from taxoeval.encoders import hub, open_clip, timm
from taxoeval.errors import TaxoevalError

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "encoder"
SCRIPT = """
import json, sys
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
encoder = instantiate(OmegaConf.load(sys.argv[1]))
image = encoder.transform(Image.linear_gradient("L"))
print(json.dumps([encoder.name, encoder.dimension, encoder.fingerprint["weights_sha256"],
                  encoder.embed_images(image[None]).tolist(), encoder.embed_texts(["Corvus corax"]).tolist()]))
"""


def test_bioclip2_from_its_yaml_and_a_copied_cache(make, tmp_path, clip_folder):
    from PIL import Image

    make.hub(tmp_path, "imageomics/bioclip-2", make.clip)
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    command = [sys.executable, "-c", SCRIPT, str(CONFIGS / "bioclip2.yaml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name, dimension, weights, image_vector, text_vector = json.loads(done.stdout.splitlines()[-1])
    same = open_clip.load(f"local-dir:{clip_folder}")
    assert (name, dimension, weights) == ("bioclip-2", 12, same.fingerprint["weights_sha256"])
    image = same.transform(Image.linear_gradient("L"))[None]
    assert image_vector[0] == pytest.approx(same.embed_images(image)[0].tolist(), abs=1e-5)
    assert text_vector[0] == pytest.approx(same.embed_texts(["Corvus corax"])[0].tolist(), abs=1e-5)


@pytest.fixture
def no_network(monkeypatch):
    """Every attempt to look up a host fails and is written down."""
    asked = []

    def refuse(host, *_, **__):
        asked.append(host)
        raise socket.gaierror("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return asked


def test_a_full_cache_is_used_without_asking_the_network(make, offline_cache, no_network, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    make.hub(offline_cache, "owner/tiny", make.clip)
    make.hub(offline_cache, "timm/test_efficientnet.r160_in1k", lambda folder: make.timm(folder, num_classes=1000))
    make.hub(offline_cache, "owner/net", make.timm)
    assert open_clip.load("hf-hub:owner/tiny").name == "tiny"
    assert timm.load("test_efficientnet.r160_in1k").dimension == 256
    assert timm.load("test_efficientnet").fingerprint["architecture"] == "test_efficientnet.r160_in1k"
    assert timm.load("hf-hub:owner/net").name == "net"
    assert no_network == []
    assert constants.HF_HUB_OFFLINE is False


def test_a_pinned_revision(make, offline_cache):
    make.hub(offline_cache, "owner/net", make.timm)
    assert timm.load("hf-hub:owner/net@0123456789abcdef0123456789abcdef01234567").dimension == 256
    with pytest.raises(TaxoevalError, match=r"cannot get config.json, model.safetensors or .* of .*/owner/net@other"):
        timm.load("hf-hub:owner/net@other")


@pytest.mark.parametrize(
    ("load", "arguments", "sought"),
    [
        (
            open_clip.load,
            ["hf-hub:imageomics/bioclip-2"],
            r"open_clip_config.json, open_clip_model.safetensors or .*bioclip-2",
        ),
        (
            open_clip.load,
            ["ViT-B-32", "openai"],
            r"open_clip_model.safetensors or .* of .*/timm/vit_base_patch32_clip_224",
        ),
        (open_clip.load, ["ViT-B-16-SigLIP", "webli"], r".* of .*/timm/ViT-B-16-SigLIP:"),
        (
            timm.load,
            ["mobilenetv2_100.ra_in1k"],
            r"model.safetensors or pytorch_model.bin of .*/timm/mobilenetv2_100.ra_in1k",
        ),
        (timm.load, ["hf-hub:owner/net"], r"config.json, model.safetensors or pytorch_model.bin of .*/owner/net"),
    ],
)
def test_missing_download_is_one_line(offline_cache, load, arguments, sought):
    with pytest.raises(TaxoevalError, match=f"cannot get {sought}") as caught:
        load(*arguments)
    line = str(caught.value)
    assert "\n" not in line
    for part in (
        str(offline_cache / "hub"),
        "HF_HUB_OFFLINE=1 forbids a download",
        "copy that cache here (HF_HOME=COPY)",
    ):
        assert part in line


def test_no_network_is_said_at_once_without_retries(offline_cache, no_network, monkeypatch, capfd):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(TaxoevalError, match=r"not in the cache .* and https://huggingface.co does not answer; load it"):
        open_clip.load("hf-hub:imageomics/bioclip-2")
    assert len(no_network) == 1
    assert capfd.readouterr().err == ""


def test_weights_missing_beside_a_cached_configuration_are_not_drawn_at_random(make, offline_cache):
    root = make.hub(offline_cache, "owner/tiny", make.clip)
    next(root.rglob("*.safetensors")).unlink()
    with pytest.raises(
        TaxoevalError, match=r"cannot get open_clip_model.safetensors or open_clip_pytorch_model.bin of"
    ):
        open_clip.load("hf-hub:owner/tiny")


def test_a_reachable_hub_is_left_to_the_client(offline_cache, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_reachable", lambda _: True)
    monkeypatch.setattr(hub, "fetch", lambda repo, names: None)
    with hub.hub_files([("owner/net", ("a",))], local="x"):
        assert constants.HF_HUB_OFFLINE is False


def test_nearest_gives_nothing_for_nonsense():
    assert hub.nearest("§§§§", ["ViT-B-32"]) == ""
