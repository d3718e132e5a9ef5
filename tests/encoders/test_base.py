"""Fingerprints: equal exactly when vectors may be reused."""

import subprocess
import sys

import pytest
import torch

from taxoeval.encoders.base import (
    ImageTransform,
    canonical_json,
    fingerprint_key,
    library_versions,
    short_name,
    stable_repr,
    weights_sha256,
)


def test_key_ignores_order_and_sees_every_value():
    base = {"a": 1, "b": None, "c": "x", "d": False}
    assert fingerprint_key(base) == fingerprint_key(dict(reversed(base.items())))
    for key, other in [("a", 2), ("b", 0), ("c", "y"), ("d", True), ("e", None)]:
        assert fingerprint_key(base) != fingerprint_key({**base, key: other})


def test_canonical_json_refuses_nan():
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_weights_hash_sees_names_types_shapes_and_each_byte():
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.ones(4, dtype=torch.bfloat16)}
    known = weights_sha256(state)
    assert known == weights_sha256({key: state[key].clone() for key in "cab"})
    changed = state["a"].clone()
    changed[1, 2] += 1e-6 * 5
    others = [
        {**state, "a": changed},
        {**state, "a": state["a"].reshape(3, 2)},
        {**state, "a": state["a"].double()},
        {"A": state["a"], "b": state["b"], "c": state["c"]},
        {**state, "b": torch.tensor(4)},
        {**state, "c": torch.ones(4, dtype=torch.float16)},
    ]
    assert len({known, *map(weights_sha256, others)}) == 7


def test_weights_hash_of_a_transposed_view_is_that_of_its_values():
    matrix = torch.arange(6.0).reshape(2, 3)
    assert weights_sha256({"a": matrix.T}) == weights_sha256({"a": matrix.T.contiguous()})


def test_stable_repr_has_no_address():
    assert "0x" not in stable_repr(object())


def test_versions_leave_the_build_out():
    found = library_versions("torch", "Pillow")
    assert list(found) == ["version.torch", "version.Pillow"]
    assert "+" not in "".join(found.values())


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("local-dir:../shared/data/weights/mobilenetv2_inat_bird", "mobilenetv2_inat_bird"),
        ("local-dir:../weights/trailing/", "trailing"),
        ("bundled:mini_clip", "mini_clip"),
        ("hf-hub:owner/name", "name"),
        ("vit_base_patch14_dinov2.lvd142m", "vit_base_patch14_dinov2.lvd142m"),
        ("local-dir:.", "encoder"),
        ("a b*c", "a-b-c"),
        ("...", "encoder"),
    ],
)
def test_short_name(identifier, name):
    assert short_name(identifier) == name


def test_greyscale_is_luminance_before_preprocessing(photographs):
    seen = []
    ImageTransform(seen.append, greyscale=True)(photographs[0])
    ImageTransform(seen.append, greyscale=False)(photographs[0])
    assert seen[0].mode == "RGB"
    assert seen[0].tobytes() == photographs[0].convert("L").convert("RGB").tobytes()
    assert seen[1].tobytes() == photographs[0].tobytes()


@pytest.mark.parametrize("module", ["taxoeval.encoders.base", "taxoeval.prompts"])
def test_needs_no_torch(module):
    code = f"import sys, {module}; sys.exit(bool({{'torch', 'open_clip', 'timm', 'PIL'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
