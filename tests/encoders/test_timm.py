"""The real timm code on tiny checkpoints, and on the real MobileNets where they are at hand."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from taxoeval.encoders import Encoder, TextEncoder, fingerprint_key
from taxoeval.encoders.timm import load
from taxoeval.errors import TaxoevalError


@pytest.fixture(scope="module")
def encoder(timm_folder):
    return load(f"local-dir:{timm_folder}")


@pytest.fixture(scope="module")
def batch(encoder, photographs):
    return torch.stack([encoder.transform(image) for image in photographs])


def test_is_an_encoder_without_text(encoder):
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, TextEncoder)
    assert (encoder.name, encoder.dimension, encoder.has_text) == ("tiny_timm", 256, False)
    assert not encoder.module.training
    json.dumps(dict(encoder.fingerprint))
    pickle.dumps(encoder.transform)


def test_equals_timm_called_directly(encoder, batch, timm_folder, photographs):
    model = timm.create_model(f"local-dir:{timm_folder}", pretrained=True, num_classes=0).eval()
    config = timm.data.resolve_model_data_config(model)
    preprocess = timm.data.create_transform(**config, is_training=False)
    assert batch.shape == (5, 3, 64, 64)
    assert torch.equal(batch, torch.stack([preprocess(image) for image in photographs]))
    with torch.no_grad():
        assert torch.equal(encoder.embed_images(batch), model(batch))
    assert not torch.allclose(encoder.embed_images(batch).norm(dim=1), torch.ones(5), atol=0.01)


def test_a_vector_does_not_depend_on_its_batch(encoder, batch):
    single = torch.cat([encoder.embed_images(image[None]) for image in batch])
    torch.testing.assert_close(encoder.embed_images(batch), single, rtol=1e-5, atol=1e-6)


def test_a_relative_folder(timm_folder, encoder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    relative = Path("..") / "somewhere"
    shutil.copytree(timm_folder, tmp_path.parent / "somewhere" / timm_folder.name)
    assert load(f"local-dir:{relative / timm_folder.name}").fingerprint == encoder.fingerprint


@pytest.mark.parametrize(
    ("architecture", "dimension"),
    [("mobilenetv2_035", 1280), ("mobilenetv3_small_050", 1024), ("test_vit", 64), ("test_convnext", 64)],
)
def test_vector_is_what_the_classifier_reads(architecture, dimension):
    encoder = load(architecture, pretrained=False, seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        whole = timm.create_model(architecture, pretrained=False).eval()
    image = torch.rand(1, *whole.pretrained_cfg["input_size"], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = whole.forward_head(whole.forward_features(image), pre_logits=True)
        torch.testing.assert_close(whole.get_classifier()(expected), whole(image))
    assert encoder.dimension == dimension
    torch.testing.assert_close(encoder.embed_images(image), expected)


def test_dinov2_gives_its_class_token_at_224_pixels():
    encoder = load("vit_small_patch14_dinov2.lvd142m", pretrained=False, seed=0, image_size=224)
    image = encoder.transform(Image.linear_gradient("L"))[None]
    with torch.no_grad():
        tokens = encoder.module.forward_features(image)
    assert (encoder.dimension, tuple(tokens.shape)) == (384, (1, 1 + 16 * 16, 384))
    torch.testing.assert_close(encoder.embed_images(image), tokens[:, 0])
    assert encoder.fingerprint["pooling"] == "token"
    assert encoder.name == "vit_small_patch14_dinov2.lvd142m-224px-seed0"


def test_image_size_interpolates_as_timm_does_when_loading(make, tmp_path):
    folder = make.timm(tmp_path / "vit", "test_vit", size=160)
    resized = load(f"local-dir:{folder}", image_size=96)
    direct = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0, img_size=96).eval()
    image = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(resized.embed_images(image), direct(image))
    assert resized.transform(Image.new("RGB", (50, 70))).shape == (3, 96, 96)
    plain = load(f"local-dir:{folder}")
    assert fingerprint_key(resized.fingerprint) != fingerprint_key(plain.fingerprint)


def test_seed_makes_the_network_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (load("test_resnet", pretrained=False, seed=s) for s in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint["weights_sha256"] != other.fingerprint["weights_sha256"]
    assert (one.name, other.name) == ("test_resnet-seed0", "test_resnet-seed1")


def test_fingerprint_sees_weights_greyscale_and_transform(make, tmp_path, timm_folder, encoder):
    reloaded = load(f"local-dir:{timm_folder}", name="other")
    assert reloaded.fingerprint == encoder.fingerprint
    weights = make.timm(tmp_path / "weights" / timm_folder.name, seed=1)
    other_mean = make.timm(tmp_path / "mean" / timm_folder.name)
    text = (other_mean / "config.json").read_text()
    (other_mean / "config.json").write_text(text.replace('"mean": [0.5, 0.5, 0.5]', '"mean": [0.4, 0.5, 0.5]'))
    variants = [
        encoder,
        load(f"local-dir:{weights}"),
        load(f"local-dir:{other_mean}"),
        load(f"local-dir:{timm_folder}", greyscale=True),
        load(f"local-dir:{timm_folder}", image_size=96),
    ]
    assert len({fingerprint_key(variant.fingerprint) for variant in variants}) == 5
    assert [variant.name for variant in variants[3:]] == ["tiny_timm-grey", "tiny_timm-96px"]


def test_a_layer_missing_from_the_file_is_an_error(make, tmp_path):
    folder = make.timm(tmp_path / "partial")
    state = load_file(folder / "model.safetensors")
    del state["conv_stem.weight"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(TaxoevalError, match=r"cannot load local-dir:.*conv_stem.weight") as caught:
        load(f"local-dir:{folder}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "mobilnetv2_100"}, r"timm knows no model 'mobilnetv2_100'; nearest ids: mobilenetv2_100"),
        ({"model": "mobilenetv2_100.ra"}, r"mobilenetv2_100 has no weights 'ra'; its tags: ra_in1k"),
        ({"model": "test_convnext3.none"}, r"test_convnext3 has no weights 'none'; its tags: r160_in1k"),
        ({"model": "owner/name"}, r"write a timm id, hf-hub:OWNER/NAME or local-dir:FOLDER"),
        ({"model": "local-dir:nowhere"}, r"local-dir:nowhere is not a folder \(looked for /"),
        ({"model": "test_vit", "pretrained": False}, r"give pretrained=false and a seed, or neither"),
        ({"model": "test_vit", "seed": 0}, r"give pretrained=false and a seed, or neither"),
        ({"model": "resnet26t_unheard", "pretrained": False, "seed": 0}, r"timm knows no model"),
        ({"model": "test_vit", "pretrained": False, "seed": 0, "image_size": 7}, r"cannot load test_vit"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message):
    with pytest.raises(TaxoevalError, match=message) as caught:
        load(**arguments)
    assert "\n" not in str(caught.value)


def test_an_architecture_without_weights(monkeypatch):
    bare = next(m for m in timm.list_models() if not timm.get_pretrained_cfg(m).has_weights)
    with pytest.raises(TaxoevalError, match=f"timm has no weights for {bare} "):
        load(bare)


def test_damaged_folders(make, tmp_path):
    folder = make.timm(tmp_path / "broken")
    config = (folder / "config.json").read_text()
    for text, message in [
        (config.replace("test_efficientnet", "efficientnet_of_2050"), "knows no architecture 'efficientnet_of_2050'"),
        ("{}", "names no 'architecture'"),
        ("{", "names no 'architecture'"),
    ]:
        (folder / "config.json").write_text(text)
        with pytest.raises(TaxoevalError, match=message):
            load(f"local-dir:{folder}")
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").unlink()
    with pytest.raises(TaxoevalError, match=r"holds no weights: put model.safetensors beside config.json"):
        load(f"local-dir:{folder}")
    (folder / "config.json").unlink()
    with pytest.raises(TaxoevalError, match=r"holds no config.json"):
        load(f"local-dir:{folder}")


def test_real_mobilenet(shared_data):
    folder = shared_data / "weights" / "mobilenetv2_inat_bird"
    encoder = load(f"local-dir:{folder}")
    assert (encoder.name, encoder.dimension) == ("mobilenetv2_inat_bird", 1280)
    image = encoder.transform(Image.linear_gradient("L"))
    assert image.shape == (3, 224, 224)
    assert (image.min().item(), image.max().item()) == (-1.0, 1.0)
    vector = encoder.embed_images(image[None])[0]
    whole = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    with torch.no_grad():
        torch.testing.assert_close(whole.get_classifier()(vector[None]), whole(image[None]))
    assert vector.norm().item() == pytest.approx(6.45595, rel=1e-3)
