"""The real transformers code on tiny checkpoints: the vector that the model itself would give."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from taxoeval.encoders import Encoder, TextEncoder, fingerprint_key
from taxoeval.encoders.transformers import load
from taxoeval.errors import TaxoevalError
from tests.encoders.tiny_transformers import MODELS, transformers, write


@pytest.fixture(scope="module", autouse=True)
def _no_bars():
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("transformers")
    return {kind: write(root / f"tiny_{kind}", kind) for kind in MODELS}


@pytest.fixture(scope="module")
def batch(folders, photographs):
    transform = load(f"local-dir:{folders['vit']}").transform
    return torch.stack([transform(image) for image in photographs])


def direct(folder: Path, maker: str, pixels, **more):
    """What transformers gives when called without us."""
    model = getattr(transformers, maker).from_pretrained(folder).eval()
    with torch.no_grad():
        return model(pixel_values=pixels, **more)


def test_the_picture_is_prepared_as_published_and_can_be_sent_to_workers(folders, photographs):
    transform = load(f"local-dir:{folders['vit']}").transform
    expected = transformers.AutoImageProcessor.from_pretrained(folders["vit"], backend="pil")
    image = photographs[0]
    assert torch.equal(transform(image), expected(images=image, return_tensors="pt")["pixel_values"][0])
    assert torch.equal(pickle.loads(pickle.dumps(transform))(image), transform(image))  # noqa: S301


@pytest.mark.parametrize(
    ("kind", "maker", "prefix", "auto"),
    [("vit", "ViTModel", 1, "cls"), ("dinov2", "Dinov2Model", 1, "pooler"), ("registers", "AutoModel", 5, "pooler")],
)
def test_poolings_of_tokens(folders, batch, kind, maker, prefix, auto):
    output = direct(folders[kind], maker, batch)
    tokens = output.last_hidden_state
    assert tokens.shape[1] == prefix + 16
    cls, mean = tokens[:, 0], tokens[:, prefix:].mean(1)
    expected = {"cls": cls, "mean": mean, "cls+mean": torch.cat([cls, mean], 1), "pooler": output.pooler_output}
    for pooling, vectors in expected.items():
        encoder = load(f"local-dir:{folders[kind]}", pooling=pooling)
        torch.testing.assert_close(encoder.embed_images(batch), vectors)
        assert (encoder.dimension, encoder.has_text) == (vectors.shape[1], False)
        assert encoder.name == f"tiny_{kind}-{pooling.replace('+', '')}"
    encoder = load(f"local-dir:{folders[kind]}")
    assert (encoder.pooling, encoder.name) == (auto, f"tiny_{kind}")
    torch.testing.assert_close(encoder.embed_images(batch), expected[auto])
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, TextEncoder)


def test_a_map_of_features(folders, batch):
    output = direct(folders["resnet"], "ResNetModel", batch)
    encoder = load(f"local-dir:{folders['resnet']}")
    torch.testing.assert_close(encoder.embed_images(batch), output.pooler_output.flatten(1))
    mean = load(f"local-dir:{folders['resnet']}", pooling="mean").embed_images(batch)
    torch.testing.assert_close(mean, output.last_hidden_state.mean((2, 3)))
    with pytest.raises(TaxoevalError, match="has no class token: pooling=mean averages its patches"):
        load(f"local-dir:{folders['resnet']}", pooling="cls")


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_image_and_text_logits_are_the_models_own(folders, batch, kind):
    encoder = load(f"local-dir:{folders[kind]}")
    texts = ["a photo of corvus corax", "pica"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders[kind])
    tokens = tokenizer(texts, padding="max_length", max_length=12, return_tensors="pt")
    keys = ["input_ids"] if kind == "siglip" else ["input_ids", "attention_mask"]  # SigLIP reads its padding
    expected = direct(folders[kind], "AutoModel", batch, **{key: tokens[key] for key in keys}).logits_per_image
    cosine = normalize(encoder.embed_images(batch)) @ normalize(encoder.embed_texts(texts)).T
    torch.testing.assert_close(encoder.logit_scale * cosine + encoder.logit_bias, expected)
    assert isinstance(encoder, TextEncoder)
    assert encoder.logit_bias == (-3 if kind == "siglip" else 0)
    assert (encoder.pooling, encoder.context_length, encoder.name) == ("shared", 12, f"tiny_{kind}")
    assert encoder.embed_texts([]).shape == (0, encoder.dimension)


def test_blip2_is_the_mean_over_its_queries(folders, batch):
    encoder = load(f"local-dir:{folders['blip2']}")
    texts = ["a photo of corvus corax", "pica"]
    tokens = transformers.AutoTokenizer.from_pretrained(folders["blip2"])(texts, padding=True, return_tensors="pt")
    keys = ("input_ids", "attention_mask")
    output = direct(folders["blip2"], "Blip2ForImageTextRetrieval", batch, **{key: tokens[key] for key in keys})
    assert output.image_embeds.shape == (5, 4, 8)
    torch.testing.assert_close(encoder.embed_images(batch), output.image_embeds.mean(1))
    found = encoder.embed_texts(texts)
    torch.testing.assert_close(normalize(found), output.text_embeds)
    best = (output.image_embeds @ normalize(found).T).amax(1)
    torch.testing.assert_close(best, output.logits_per_image)
    assert encoder.logit_scale == pytest.approx(14.2857, abs=1e-4)
    assert encoder.fingerprint["normalised"] == "each query"


@pytest.mark.parametrize("kind", ["clip", "siglip", "blip2"])
def test_a_vector_does_not_depend_on_its_neighbours(folders, batch, kind):
    encoder = load(f"local-dir:{folders[kind]}")
    texts = ["a photo of corvus corax", "pica", "corvus"]
    alone = torch.cat([encoder.embed_texts([text]) for text in texts])
    torch.testing.assert_close(encoder.embed_texts(texts), alone)
    torch.testing.assert_close(encoder.embed_images(batch)[:1], encoder.embed_images(batch[:1]))


def test_texts_that_are_cut_are_named(folders, recwarn):
    encoder = load(f"local-dir:{folders['clip']}", name="tiny")
    encoder.embed_texts(["pica " * 10])
    assert not [one for one in recwarn if "reads 12 tokens" in str(one.message)]
    with pytest.warns(UserWarning, match=r"tiny reads 12 tokens: 1 of 2 texts are longer .* first being 'pica pica"):
        encoder.embed_texts(["pica", "pica " * 11])


def test_the_image_tower_of_an_image_text_model(folders, batch):
    for kind in ("clip", "siglip", "blip2"):
        encoder = load(f"local-dir:{folders[kind]}", pooling="mean")
        assert (encoder.dimension, encoder.has_text, encoder.prefix) == (16, False, 0 if kind == "siglip" else 1)
        assert not any("text" in name for name in encoder.module.state_dict())
        assert fingerprint_key(encoder.fingerprint) != fingerprint_key(load(f"local-dir:{folders[kind]}").fingerprint)


def test_half_precision_is_close_and_another_fingerprint(folders, batch):
    full = load(f"local-dir:{folders['dinov2']}")
    for precision in ("bf16", "fp16"):
        half = load(f"local-dir:{folders['dinov2']}", precision=precision)
        assert half.name == f"tiny_dinov2-{precision}"
        vectors = half.embed_images(batch)
        assert vectors.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(vectors, full.embed_images(batch)).min() > 0.999
        assert not torch.equal(vectors, full.embed_images(batch))
        assert half.fingerprint != full.fingerprint


def test_weights_in_half_precision_are_computed_with_in_full(folders, tmp_path):
    folder = shutil.copytree(folders["dinov2"], tmp_path / "half")
    state = {key: value.half() for key, value in load_file(folder / "model.safetensors").items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    assert next(load(f"local-dir:{folder}").module.parameters()).dtype == torch.float32


def test_the_fingerprint(folders, tmp_path):
    base = load(f"local-dir:{folders['vit']}")
    json.dumps(dict(base.fingerprint))
    copy = shutil.copytree(folders["vit"], tmp_path / "elsewhere" / "tiny_vit")
    assert load(f"local-dir:{copy}").fingerprint == base.fingerprint
    settings = copy / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace('"do_normalize": true', '"do_normalize": false'))
    variants = [
        base,
        load(f"local-dir:{copy}"),
        load(f"local-dir:{folders['vit']}", greyscale=True),
        load(f"local-dir:{folders['vit']}", pooling="mean"),
        load(f"local-dir:{write(tmp_path / 'other' / 'tiny_vit', 'vit', seed=1)}"),
    ]
    assert len({fingerprint_key(variant.fingerprint) for variant in variants}) == len(variants)


def test_greyscale_comes_before_the_preprocessing(folders):
    encoder = load(f"local-dir:{folders['vit']}", greyscale=True)
    red, grey = Image.new("RGB", (40, 40), (255, 0, 0)), Image.new("RGB", (40, 40), (76, 76, 76))
    assert torch.equal(encoder.transform(red), encoder.transform(grey))


@pytest.mark.parametrize("kind", ["clip", "vit", "siglip"])
def test_resize_and_length(folders, kind):
    wide = Image.new("RGB", (300, 100), (0, 0, 0))
    wide.paste((255, 255, 255), (0, 0, 40, 100))  # a white band at the left edge
    made = {how: load(f"local-dir:{folders[kind]}", resize=how) for how in (None, "squash", "crop")}
    seen = {how: encoder.transform(wide) for how, encoder in made.items()}
    assert len({pixels.shape for pixels in seen.values()}) == 1
    assert seen["squash"].max() - seen["squash"].min() > 0.5  # the band is there
    assert seen["crop"].max() - seen["crop"].min() < 1e-3  # the middle is black all over
    assert made["squash"].fingerprint["transform"] != made["crop"].fingerprint["transform"]
    unit = load(f"local-dir:{folders[kind]}", normalise=True)
    plain, short = (encoder.embed_images(seen[None][None])[0] for encoder in (made[None], unit))
    torch.testing.assert_close(short, plain / plain.norm())
    assert unit.fingerprint["normalised"] is True
    assert unit.name.endswith("-unit")
