"""Checkpoints with something amiss: an error in one line where transformers would be silent, or long."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from taxoeval.encoders.transformers import load
from taxoeval.errors import TaxoevalError
from tests.encoders.tiny_transformers import MODELS, TEXT, VISION, transformers, write, write_tokenizer


@pytest.fixture(scope="module", autouse=True)
def _no_bars():
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("transformers")
    return {kind: write(root / f"tiny_{kind}", kind) for kind in MODELS}


def test_a_checkpoint_without_its_pooler(folders):
    """A classifier's file has no pooler: transformers would make one up."""
    assert load(f"local-dir:{folders['classifier']}").pooling == "cls"
    with pytest.raises(
        TaxoevalError, match=r"its files lack 2 of \d+ weights \(pooler\.dense\.bias, pooler\.dense\.wei"
    ):
        load(f"local-dir:{folders['classifier']}", pooling="pooler")


def test_weights_that_do_not_fit(folders, tmp_path):
    folder = shutil.copytree(folders["clip"], tmp_path / "damaged")
    state = load_file(folder / "model.safetensors")
    key = "vision_model.encoder.layers.0.mlp.fc1.weight"
    save_file({k: v for k, v in state.items() if k != key}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TaxoevalError, match=rf"its files lack 1 of \d+ weights \({key}\); they would be random"):
        load(f"local-dir:{folder}")
    text = "text_model.encoder.layers.0.mlp.fc1.weight"
    save_file({k: v for k, v in state.items() if k != text}, folder / "model.safetensors", metadata={"format": "pt"})
    assert load(f"local-dir:{folder}", pooling="cls").dimension == 16
    with pytest.raises(TaxoevalError, match="its files lack 1 of"):
        load(f"local-dir:{folder}")
    save_file({**state, key: torch.zeros(3, 3)}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        TaxoevalError, match=rf"damaged: 1 weights are not of the arch.*: {key} \(3, 3\) for \(32, 16\)"
    ):
        load(f"local-dir:{folder}")


def test_pickled_weights_are_read_as_bare_tensors(folders, tmp_path):
    folder = shutil.copytree(folders["dinov2"], tmp_path / "tiny_dinov2")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    expected = load(f"local-dir:{folders['dinov2']}")
    assert load(f"local-dir:{folder}").fingerprint == expected.fingerprint


def test_from_the_cache_of_the_hub(folders, make, offline_cache):
    make.hub(offline_cache, "owner/tiny_clip", lambda snapshot: shutil.copytree(folders["clip"], snapshot))
    for model in ("owner/tiny_clip", "hf-hub:owner/tiny_clip", "owner/tiny_clip@main"):
        encoder = load(model)
        assert (encoder.name, encoder.has_text) == ("tiny_clip", True)
    local = load(f"local-dir:{folders['clip']}")
    assert encoder.fingerprint["weights_sha256"] == local.fingerprint["weights_sha256"]
    batch = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(encoder.embed_images(batch), local.embed_images(batch))
    with pytest.raises(TaxoevalError, match=r"cannot get config\.json, model\.safetensors or .*owner/absent"):
        load("owner/absent")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "dinov2-base"}, r"model=dinov2-base: write OWNER/NAME of the hub, or local-dir:FOLDER"),
        ({"model": "open-clip:a/b"}, r"write OWNER/NAME of the hub"),
        ({"model": "local-dir:nowhere"}, r"local-dir:nowhere is not a folder \(looked for /"),
        ({"model": "a/b", "pooling": "max"}, r"pooling='max' is not one of auto, shared, cls, mean, cls\+mean, pooler"),
        ({"model": "a/b", "precision": "int8"}, r"precision='int8' is not one of fp32, fp16, bf16"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message):
    with pytest.raises(TaxoevalError, match=message):
        load(**arguments)


def test_folders_that_are_no_encoder(folders, tmp_path):
    folder = shutil.copytree(folders["clip"], tmp_path / "broken")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(TaxoevalError, match=r"broken holds no tokenizer: put tokenizer\.json and"):
        load(f"local-dir:{folder}")
    assert load(f"local-dir:{folder}", pooling="pooler").dimension == 16
    processor = folder / "preprocessor_config.json"
    processor.unlink()
    with pytest.raises(TaxoevalError, match=r"broken holds no picture processor: put preprocessor_config\.json beside"):
        load(f"local-dir:{folder}")
    (folder / "model.safetensors").unlink()
    with pytest.raises(TaxoevalError, match=r"broken holds no weights: put model\.safetensors beside config\.json"):
        load(f"local-dir:{folder}")
    (folder / "config.json").write_text("{}")
    with pytest.raises(TaxoevalError, match=r"config\.json has no 'model_type': it is no transformers model; try enc"):
        load(f"local-dir:{folder}")
    (folder / "config.json").write_text("{")
    with pytest.raises(TaxoevalError, match=r"config\.json is not JSON"):
        load(f"local-dir:{folder}")
    (folder / "config.json").unlink()
    with pytest.raises(TaxoevalError, match=r"broken holds no config\.json"):
        load(f"local-dir:{folder}")


def test_models_of_other_things(folders, tmp_path):
    model = transformers.BertModel(transformers.BertConfig(**TEXT))
    model.save_pretrained(tmp_path / "bert")
    shutil.copy(folders["vit"] / "preprocessor_config.json", tmp_path / "bert")
    with pytest.raises(TaxoevalError, match=r"bert has no image tower \(it is a BertModel\): choose a model of images"):
        load(f"local-dir:{tmp_path / 'bert'}")
    with pytest.raises(TaxoevalError, match="images and texts share no space; pooling=auto takes its image tower"):
        load(f"local-dir:{folders['vit']}", pooling="shared")


def test_pictures_in_patches_of_any_shape_are_refused(tmp_path):
    vision = {key: value for key, value in VISION.items() if key != "image_size"}
    config = transformers.Siglip2Config(text_config=TEXT, vision_config={**vision, "num_patches": 16})
    transformers.Siglip2Model(config).save_pretrained(tmp_path)
    transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16).save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    with pytest.raises(TaxoevalError, match=r"it takes no pictures of one size; choose a sibling that does"):
        load(f"local-dir:{tmp_path}")


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setattr("taxoeval.encoders.transformers_source.find_spec", lambda _: None)
    with pytest.raises(TaxoevalError, match=r"owner/net needs transformers: pip install 'taxoeval\[transformers\]'"):
        load("owner/net")
