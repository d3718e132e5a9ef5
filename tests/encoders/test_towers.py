"""The options of an encoder do what their names say, by hand from tokens and pictures, and change its fingerprint."""

import json
from pathlib import Path

import numpy as np
import open_clip as library
import pytest
import timm as timm_library
import torch
from PIL import Image
from safetensors.torch import save_file

from taxoeval.encoders import open_clip, timm
from taxoeval.errors import TaxoevalError

MINI = "bundled:mini_clip"


def picture(width: int = 120, height: int = 80) -> Image.Image:
    """Left half red, right half noise."""
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    pixels[:, : width // 2] = (200, 10, 10)
    return Image.fromarray(pixels)


def vit(**options):
    torch.manual_seed(0)
    return timm.encoder_of(timm_library.create_model("test_vit", num_classes=0).eval(), "test_vit", **options)


def vector(encoder, image=None) -> torch.Tensor:
    return encoder.embed_images(encoder.transform(image or picture())[None])[0]


def test_pooling_of_a_timm_transformer() -> None:
    plain = vit()
    with torch.inference_mode():
        tokens = plain.module.forward_features(plain.transform(picture())[None])[0]
    prefix = plain.module.num_prefix_tokens
    expected = {"cls": tokens[0], "mean": tokens[prefix:].mean(0)}
    expected["cls+mean"] = torch.cat([expected["cls"], expected["mean"]])
    keys = {plain.fingerprint["pooling"]}
    for how, values in expected.items():
        encoder = vit(pooling=how)
        torch.testing.assert_close(vector(encoder), values.clone())
        assert encoder.dimension == len(values)
        assert encoder.name == f"test_vit-{how.replace('+', '')}"
        keys.add(encoder.fingerprint["pooling"])
    assert len(keys) == 4


def tiny_clip(tmp_path: Path, **options):
    """A model of open_clip's own vision transformer, saved and loaded as any folder of weights."""
    folder = tmp_path / "tiny"
    if not folder.exists():
        folder.mkdir()
        vision = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16}
        text = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
        config = {"embed_dim": 12, "vision_cfg": vision, "text_cfg": text}
        torch.manual_seed(0)
        model = library.model.CLIP(**config)
        mean = {"mean": [0.5] * 3, "std": [0.5] * 3}
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": mean}))
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return open_clip.load(f"local-dir:{folder}", **options)


def test_pooling_of_open_clip_leaves_the_space_of_texts(tmp_path: Path) -> None:
    plain = tiny_clip(tmp_path)
    tower, seen = plain.module.visual, []
    # what stands before the norm after the last layer, patches and class token, caught on its way
    hook = tower.ln_post.register_forward_hook(lambda layer, given, result: seen.append(given[0].detach()))
    vector(plain)
    hook.remove()
    with torch.inference_mode():
        tokens = tower.ln_post(seen[0])[0]
    assert tokens.shape == (5, 32)
    expected = {"cls": tokens[0], "mean": tokens[1:].mean(0)}
    expected["cls+mean"] = torch.cat([expected["cls"], expected["mean"]])
    for how, values in expected.items():
        encoder = tiny_clip(tmp_path, pooling=how)
        assert not encoder.has_text
        assert encoder.dimension == len(values)
        torch.testing.assert_close(vector(encoder), values.clone(), atol=1e-5, rtol=1e-5)
        assert encoder.fingerprint["pooling"] == how


def test_a_network_without_tokens_says_so() -> None:
    with pytest.raises(TaxoevalError, match="test_resnet has no tokens to pool"):
        timm.load("test_resnet", pretrained=False, seed=0, pooling="mean")
    with pytest.raises(TaxoevalError, match="pooling='max' is not one of auto, cls, mean"):
        open_clip.load(MINI, pooling="max")
    with pytest.raises(TaxoevalError, match="resize='stretch' is not one of null"):
        timm.load("test_resnet", pretrained=False, seed=0, resize="stretch")


@pytest.mark.parametrize("load", [lambda **o: open_clip.load(MINI, **o), vit])
def test_squash_sees_the_whole_picture_and_crop_its_middle(load) -> None:
    wide = Image.new("RGB", (300, 100), (0, 0, 0))
    wide.paste((255, 255, 255), (0, 0, 40, 100))  # a white band at the left edge
    squashed, cropped = (load(resize=how).transform(wide) for how in ("squash", "crop"))
    assert squashed.shape == cropped.shape == load().transform(wide).shape
    assert squashed[0].max() - squashed[0].min() > 1  # the band is there
    assert cropped[0].max() - cropped[0].min() < 1e-3  # the middle is black all over
    keys = {load(resize=how).fingerprint["transform"] for how in ("squash", "crop")}
    assert len(keys) == 2


@pytest.mark.parametrize("load", [lambda **o: open_clip.load(MINI, **o), vit])
def test_vectors_of_length_one_point_the_same_way(load) -> None:
    plain, unit = vector(load()), vector(load(normalise=True))
    torch.testing.assert_close(unit, plain / plain.norm())
    assert load(normalise=True).fingerprint["normalised"] is True
    assert load().fingerprint["normalised"] is False


@pytest.mark.parametrize("load", [lambda **o: open_clip.load(MINI, **o), vit])
def test_half_precision_is_near(load) -> None:
    plain = vector(load())
    found = load(precision="bf16")
    half = vector(found)
    assert half.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(plain, half, dim=0) > 0.99
    assert not torch.equal(plain, half)
    assert found.fingerprint["dtype"] == "bf16"


@pytest.mark.parametrize("load", [lambda **o: open_clip.load(MINI, **o), vit])
def test_greyscale_is_the_luminance_before_anything_else(load) -> None:
    grey = picture().convert("L").convert("RGB")
    torch.testing.assert_close(load(greyscale=True).transform(picture()), load().transform(grey))
