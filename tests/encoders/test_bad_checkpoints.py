"""Checkpoints that cannot be used, the same for every family of encoders: one line that says why and what to do."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from taxoeval.encoders import open_clip, timm, transformers
from taxoeval.errors import TaxoevalError
from tests.encoders.conftest import TINY_CLIP, write_clip, write_hub, write_timm
from tests.encoders.tiny_transformers import write

WIDE = {**TINY_CLIP, "vision_cfg": {**TINY_CLIP["vision_cfg"], "width": 48, "layers": 2}}
# Loader, the checkpoint, one of another architecture, the name of the weights, the name of pickled ones.
FAMILIES = {
    "open_clip": (
        open_clip.load,
        write_clip,
        lambda folder: write_clip(folder, WIDE),
        "open_clip_model.safetensors",
        "open_clip_pytorch_model.bin",
    ),
    "timm": (
        timm.load,
        write_timm,
        lambda folder: write_timm(folder, "test_resnet"),
        "model.safetensors",
        "pytorch_model.bin",
    ),
    "transformers": (
        transformers.load,
        lambda folder: write(folder, "vit"),
        lambda folder: write(folder, "dinov2"),
        "model.safetensors",
        "pytorch_model.bin",
    ),
}
OTHER = {
    "open_clip": r"20 of another shape \(visual\.class_embedding \(48\) for \(32\); .* 12 are too many \(visual\.tr",
    "timm": r"4 of another shape \(bn1\.weight \(32\) for \(24\); .*71 are lacking \(conv_stem\.weight, .*too many",
    "transformers": r"3 weights are not of the arch.*: layers\.0\.mlp\.fc1\.bias \(64\) for \(32\); layers",
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


def refused(family: str, folder: Path, message: str) -> None:
    with pytest.raises(TaxoevalError, match=message) as caught:
        FAMILIES[family][0](f"local-dir:{folder}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_weights_of_another_architecture_are_listed_with_their_shapes(family, tmp_path):
    _, make, other, name, _ = FAMILIES[family]
    folder = make(tmp_path / "net")
    shutil.copy(other(tmp_path / "other") / name, folder / name)
    refused(family, folder, OTHER[family])


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_code_in_a_pickled_checkpoint_is_not_run(family, tmp_path):
    _, make, _, name, pickled = FAMILIES[family]
    folder = make(tmp_path / "net")
    state = load_file(folder / name)
    (folder / name).unlink()
    torch.save({"state_dict": state, "harm": Trap(tmp_path / "ran")}, folder / pickled)
    refused(
        family, folder, r"cannot load .*net: its pickled file holds more than tensors, and code .*; use safetensors"
    )
    assert not (tmp_path / "ran").exists()
    torch.load(folder / pickled, weights_only=False)
    assert (tmp_path / "ran").exists()  # the file would have done it


def test_weights_cut_short(family, tmp_path):
    _, make, _, name, _ = FAMILIES[family]
    folder = make(tmp_path / "net")
    content = (folder / name).read_bytes()
    for cut in (b"not weights", content[: len(content) // 2]):
        (folder / name).write_bytes(cut)
        refused(family, folder, r"net: its safetensors file is cut short or damaged \(.*\); copy or download it again")


def test_no_weights(family, tmp_path):
    _, make, _, name, _ = FAMILIES[family]
    folder = make(tmp_path / "net")
    (folder / name).unlink()
    refused(family, folder, rf"net holds no weights: put {name} beside ")


def test_a_weight_that_is_lacking_is_named(family, tmp_path):
    _, make, _, name, _ = FAMILIES[family]
    folder = make(tmp_path / "net")
    state = load_file(folder / name)
    first = min(state)
    del state[first]
    save_file(state, folder / name, metadata={"format": "pt"})
    refused(family, folder, rf"lack.* \({first}\)")


def test_a_wrong_id_offline_gets_the_nearest_ones_of_the_cache(family, offline_cache):
    for repo in ("owner/birds-base", "owner/moths"):
        write_hub(offline_cache, repo, lambda folder: folder.mkdir(parents=True))
    load = FAMILIES[family][0]
    with pytest.raises(TaxoevalError, match=r"HF_HUB_OFFLINE=1 .*; nearest ids in the cache: owner/birds-base"):
        load("hf-hub:owner/bird-base")


def test_a_transformers_id_without_its_owner(offline_cache):
    write_hub(offline_cache, "facebook/dinov2-base", lambda folder: folder.mkdir(parents=True))
    with pytest.raises(TaxoevalError, match=r"write OWNER/NAME .*; nearest ids in the cache: facebook/dinov2-base$"):
        transformers.load("dinov2-base")


def test_an_open_clip_folder_without_the_tokenizer_that_it_names(tmp_path):
    config = {**TINY_CLIP, "custom_text": True}
    config["text_cfg"] = {**TINY_CLIP["text_cfg"], "hf_tokenizer_name": "owner/words"}
    folder = write_clip(tmp_path / "net", config)
    refused("open_clip", folder, r"net holds no tokenizer: put tokenizer\.json there, of owner/words$")
    (folder / "tokenizer_config.json").write_text("{}")
    refused(
        "open_clip", folder, r"cannot load the tokenizer of local-dir:.*net: its tokenizer has no vocabulary: put tok"
    )


def test_a_transformers_folder_with_a_broken_tokenizer(tmp_path):
    folder = write(tmp_path / "net", "clip")
    (folder / "tokenizer.json").write_text("{")
    refused("transformers", folder, r"cannot load the tokenizer of local-dir:.*net: ")
    (folder / "tokenizer.json").unlink()
    assert json.loads((folder / "tokenizer_config.json").read_text())
    refused(
        "transformers", folder, r"cannot load the tokenizer of local-dir:.*net: its tokenizer has no vocabulary: put"
    )
