"""Tiny checkpoints in the real formats, so that the real loading code runs on them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import save_file

TINY_CLIP = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 32, "head_width": 16, "layers": 1},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESS = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3], "interpolation": "bicubic", "resize_mode": "shortest"}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_clip(folder: Path, config: dict = TINY_CLIP, preprocess: dict = PREPROCESS, seed: int = 0) -> Path:
    """A folder as open_clip and the BioCLIP repositories lay it out."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
        model = kind(**{key: value for key, value in config.items() if key != "custom_text"})
    state = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    (folder / "open_clip_config.json").write_text(text)
    return folder


def write_timm(
    folder: Path, architecture: str = "test_efficientnet", num_classes: int = 7, seed: int = 0, size: int = 64
) -> Path:
    """A folder as timm's own hub repositories are laid out."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = timm.create_model(architecture, num_classes=num_classes)
    save_file(model.state_dict(), folder / "model.safetensors")
    published = {
        **{key: model.pretrained_cfg[key] for key in ("first_conv", "classifier")},
        "input_size": [3, size, size],
        "fixed_input_size": model.pretrained_cfg["fixed_input_size"],
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "num_classes": num_classes,
    }
    config = {"architecture": architecture, "num_classes": num_classes, "pretrained_cfg": published}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_hub(home: Path, repo: str, fill: Callable[[Path], object]) -> Path:
    """A repository in a cache as the hub client expects it; ``home`` is what HF_HOME would be."""
    root = home / "hub" / f"models--{repo.replace('/', '--')}"
    revision = "0123456789abcdef0123456789abcdef01234567"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(revision)
    fill(root / "snapshots" / revision)
    return root


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("weights") / "tiny_clip")


@pytest.fixture(scope="session")
def timm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_timm(tmp_path_factory.mktemp("weights") / "tiny_timm")


@pytest.fixture
def offline_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache and no network; the client reads both from the environment when it is imported."""
    home = tmp_path / "hf_home"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return home


@pytest.fixture(scope="session")
def photographs() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    blocks = [rng.integers(0, 256, (6, 8, 3), dtype=np.uint8) for _ in range(5)]
    return [Image.fromarray(block).resize((80, 60), Image.Resampling.BICUBIC) for block in blocks]


@pytest.fixture(scope="session")
def make():
    """The writers above, for tests that need another checkpoint than the shared ones."""

    class Make:
        tiny_clip = TINY_CLIP
        preprocess = PREPROCESS
        clip = staticmethod(write_clip)
        timm = staticmethod(write_timm)
        hub = staticmethod(write_hub)

    return Make
