"""The real open_clip code on tiny checkpoints from a folder."""

import dataclasses
import json
import pickle
import shutil
import warnings
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip.transformer import QuickGELU

from taxoeval.encoders import Encoder, TextEncoder, fingerprint_key
from taxoeval.encoders import open_clip_source as source
from taxoeval.encoders.open_clip import load
from taxoeval.errors import TaxoevalError

TEXTS = ["Corvus corax", "a photo of Animalia Chordata Aves Passeriformes Corvidae Corvus corax."]


@pytest.fixture(scope="module")
def encoder(clip_folder):
    return load(f"local-dir:{clip_folder}")


@pytest.fixture(scope="module")
def batch(encoder, photographs):
    return torch.stack([encoder.transform(image) for image in photographs])


def test_is_an_encoder_with_text(encoder):
    assert isinstance(encoder, Encoder)
    assert isinstance(encoder, TextEncoder)
    assert (encoder.name, encoder.dimension, encoder.has_text) == ("tiny_clip", 12, True)
    assert not encoder.module.training
    assert not any(parameter.requires_grad for parameter in encoder.module.parameters())
    json.dumps(dict(encoder.fingerprint))


def test_equals_open_clip_called_directly(encoder, batch, clip_folder, photographs):
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{clip_folder}")
    model.eval()
    assert torch.equal(batch, torch.stack([preprocess(image) for image in photographs]))
    with torch.no_grad():
        torch.testing.assert_close(encoder.embed_images(batch), model.encode_image(batch))
        torch.testing.assert_close(encoder.embed_texts(TEXTS), model.encode_text(tokenizer(TEXTS)))
        assert encoder.logit_scale == pytest.approx(model.logit_scale.exp().item())
    assert encoder.logit_bias == 0.0
    norms = encoder.embed_images(batch).norm(dim=1)
    assert not torch.allclose(norms, torch.ones(5), atol=0.01)


def test_a_vector_does_not_depend_on_its_batch(encoder, batch):
    single = torch.cat([encoder.embed_images(image[None]) for image in batch])
    torch.testing.assert_close(encoder.embed_images(batch), single, rtol=1e-5, atol=1e-6)


def test_texts_are_padded_to_the_context_length(encoder):
    assert encoder.tokenizer(TEXTS).shape == (2, 77)
    assert encoder.module.context_length == 77
    assert encoder.embed_texts([]).shape == (0, 12)


def test_texts_that_are_cut_are_said_and_others_not(make, tmp_path):
    config = {**make.tiny_clip, "text_cfg": {**make.tiny_clip["text_cfg"], "context_length": 8}}
    short = load(f"local-dir:{make.clip(tmp_path / 'short', config)}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        short.embed_texts(["one two three four five six"])  # 6 words, a start and an end: exactly 8
    with pytest.warns(UserWarning, match=r"short reads 8 tokens: 1 of 2 texts .* 'one two three four five six seven'"):
        short.embed_texts(["raven", "one two three four five six seven"])


def test_transform_goes_to_loader_processes_without_the_weights(encoder, photographs):
    packed = pickle.dumps(encoder.transform)
    assert len(packed) < 10_000
    assert torch.equal(pickle.loads(packed)(photographs[0]), encoder.transform(photographs[0]))  # noqa: S301


class TupleTower(torch.nn.Module):
    """The image side of the BioCLIP 2 fork: features, and features for continual training."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def encode_image(self, image):
        features = self.module.encode_image(image)
        return features, features + 1


def test_accepts_an_image_encoder_that_returns_a_tuple(encoder, batch):
    fork = dataclasses.replace(encoder, module=TupleTower(encoder.module))
    assert torch.equal(fork.embed_images(batch), encoder.embed_images(batch))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_gives_float32_close_to_the_full_one(clip_folder, encoder, batch, precision):
    low = load(f"local-dir:{clip_folder}", precision=precision)
    vectors, full = low.embed_images(batch), encoder.embed_images(batch)
    assert vectors.dtype == torch.float32
    assert not torch.equal(vectors, full)
    assert torch.nn.functional.cosine_similarity(vectors, full).min() > 0.999
    assert low.embed_texts(TEXTS).dtype == torch.float32
    assert low.name == f"tiny_clip-{precision}"
    assert fingerprint_key(low.fingerprint) != fingerprint_key(encoder.fingerprint)


def test_greyscale(clip_folder, encoder, photographs):
    grey = load(f"local-dir:{clip_folder}", greyscale=True)
    assert torch.equal(grey.transform(photographs[0]), encoder.transform(photographs[0].convert("L").convert("RGB")))
    assert grey.name == "tiny_clip-grey"
    assert fingerprint_key(grey.fingerprint) != fingerprint_key(encoder.fingerprint)


def test_fingerprint_is_of_what_was_loaded_not_of_where_it_lay(make, tmp_path, clip_folder, encoder):
    moved = Path(shutil.copytree(clip_folder, tmp_path / "elsewhere" / clip_folder.name))
    assert load(f"local-dir:{moved}", name="other").fingerprint == encoder.fingerprint
    for changed in (
        make.clip(tmp_path / "weights" / clip_folder.name, seed=1),
        make.clip(tmp_path / "transform" / clip_folder.name, preprocess={**make.preprocess, "resize_mode": "squash"}),
        make.clip(tmp_path / "activation" / clip_folder.name, {**make.tiny_clip, "quick_gelu": True}),
    ):
        assert fingerprint_key(load(f"local-dir:{changed}").fingerprint) != fingerprint_key(encoder.fingerprint)


def test_sigmoid_model_with_its_own_text_tower_and_tokenizer(make, tmp_path):
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["<pad>", "<unk>", "corvus", "corax", "photo"])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    config = {
        **make.tiny_clip,
        "custom_text": True,
        "init_logit_bias": -10,
        "text_cfg": {
            "context_length": 16,
            "vocab_size": 8,
            "width": 16,
            "heads": 2,
            "layers": 1,
            "no_causal_mask": True,
            "pool_type": "last",
            "hf_tokenizer_name": "never/asked",
            "tokenizer_kwargs": {"clean": "canonicalize"},
        },
    }
    folder = make.clip(tmp_path / "sigmoid", config)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>")  # noqa: S106
    fast.save_pretrained(folder)
    encoder = load(f"local-dir:{folder}")
    tokens = encoder.tokenizer(["Corvus corax."])
    assert tokens.tolist() == [[2, 3, *[0] * 14]]
    assert encoder.logit_bias == -10.0
    assert encoder.fingerprint["context_length"] == 16
    with torch.no_grad():
        torch.testing.assert_close(encoder.embed_texts(["Corvus corax."]), encoder.module.encode_text(tokens))
    with pytest.warns(UserWarning, match="16 tokens: 1 of 1"):
        encoder.embed_texts(["corvus " * 17])


def test_transformers_missing_is_one_line(monkeypatch):
    monkeypatch.setattr(source, "find_spec", lambda _: None)
    with pytest.raises(TaxoevalError, match=r"ViT-B-16-SigLIP needs transformers: pip install 'taxoeval\[transf"):
        source.require_transformers("ViT-B-16-SigLIP", open_clip.get_model_config("ViT-B-16-SigLIP"))


def test_openai_weights_get_their_activation(make, offline_cache, monkeypatch):
    published = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "interpolation": "bilinear", "resize_mode": "squash"}
    tags = {
        "openai": {"hf_hub": "owner/tiny/", "quick_gelu": True, **published},
        "plain": {"hf_hub": "owner/tiny/", **published},
    }
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "Tiny-16", make.tiny_clip)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "Tiny-16", tags)
    root = make.hub(offline_cache, "owner/tiny", make.clip)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # open_clip's own mismatch warning must not be needed
        quick, plain = load("Tiny/16", "openai"), load("Tiny-16", "plain")
    assert any(isinstance(layer, QuickGELU) for layer in quick.module.modules())
    assert not any(isinstance(layer, QuickGELU) for layer in plain.module.modules())
    assert (quick.name, quick.fingerprint["id"]) == ("16-openai", "Tiny/16/openai")
    assert fingerprint_key(quick.fingerprint) != fingerprint_key(plain.fingerprint)
    weights = next(root.rglob("*.safetensors"))
    bare = load("Tiny-16", str(weights))  # the preprocessing that all published weights of the model share
    assert bare.fingerprint["transform"] == plain.fingerprint["transform"]
    assert "(0.1, 0.2, 0.3)" in str(bare.fingerprint["transform"]).replace("[", "(").replace("]", ")")
    assert bare.fingerprint["weights_sha256"] == plain.fingerprint["weights_sha256"]


@pytest.mark.parametrize("model", ["RN50", "ViT-B-32", "ViT-B-16", "ViT-L-14"])
def test_every_openai_name_is_resolved_to_quickgelu(model):
    assert source.resolve(model, "openai") == (model, {"force_quick_gelu": True})
    assert open_clip.get_model_config(f"{model}-quickgelu") == {**open_clip.get_model_config(model), "quick_gelu": True}


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [
        ("ViT-B32", None, r"knows no model 'ViT-B32'; nearest names: ViT-B-32"),
        ("imageomics/bioclip", None, r"a hub repository is hf-hub:OWNER/NAME"),
        ("ViT-B-32", None, r"ViT-B-32 needs pretrained=TAG, one of: openai, "),
        ("ViT-B-32", "laoin2b", r"ViT-B-32 has no weights 'laoin2b', nor is that a file; its tags: openai, "),
        ("local-dir:nowhere", None, r"local-dir:nowhere is not a folder \(looked for /"),
        ("hf-hub:owner/name", "openai", r"pretrained=openai has no meaning beside model=hf-hub:owner/name"),
        ("bundled:other", None, r"no encoder bundled:other comes with taxoeval; there is: "),
        ("hub:owner/name", None, r"write a name, hf-hub:OWNER/NAME, local-dir:FOLDER or bundled:mini_clip"),
        ("hf-hub:a/b/c", None, r"'a/b/c' is not a hub id"),
    ],
)
def test_unknown_ids(model, pretrained, message):
    with pytest.raises(TaxoevalError, match=message) as caught:
        load(model, pretrained)
    assert "\n" not in str(caught.value)


def test_unknown_precision(clip_folder):
    with pytest.raises(TaxoevalError, match="precision='fp8' is not one of fp32, fp16, bf16"):
        load(f"local-dir:{clip_folder}", precision="fp8")


def _break_config(folder):
    (folder / "open_clip_config.json").write_text("{")
    return "open_clip_config.json is not JSON"


def _wrong_config(folder):
    (folder / "open_clip_config.json").write_text('{"architecture": "resnet18"}')
    return "has no 'model_cfg'"


def _no_config(folder):
    (folder / "open_clip_config.json").unlink()
    return "holds no open_clip_config.json"


def _no_weights(folder):
    (folder / "open_clip_model.safetensors").unlink()
    return "holds no weights: put open_clip_model.safetensors"


def _cut_weights(folder):
    path = folder / "open_clip_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    return "its safetensors file is cut short or damaged"


def _other_weights(folder):
    text = (folder / "open_clip_config.json").read_text()
    (folder / "open_clip_config.json").write_text(text.replace('"embed_dim": 12', '"embed_dim": 13'))
    return r"another architecture: 2 of another shape \(text_projection \(16, 12\) for \(16, 13\); visual.proj"


@pytest.mark.parametrize(
    "damage", [_break_config, _wrong_config, _no_config, _no_weights, _cut_weights, _other_weights]
)
def test_a_damaged_folder_is_one_line_and_never_a_random_network(make, tmp_path, damage):
    folder = make.clip(tmp_path / "broken")
    message = damage(folder)
    with pytest.raises(TaxoevalError, match=message) as caught:
        load(f"local-dir:{folder}")
    assert "\n" not in str(caught.value)


def test_bundled_mini_clip(photographs):
    encoder = load("bundled:mini_clip")
    vectors = encoder.embed_images(torch.stack([encoder.transform(image) for image in photographs]))
    assert vectors.shape == (5, encoder.dimension)
    assert encoder.embed_texts(TEXTS).shape == (2, encoder.dimension)
    assert encoder.name == "mini_clip"
