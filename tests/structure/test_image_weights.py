"""Weighted sums against their definition, however images and species fall into blocks and parts."""

import numpy as np
import pytest

from taxoeval.structure import image_weights
from taxoeval.structure.image_weights import weighted_sums


@pytest.mark.parametrize("part", [1, 4, 256])
@pytest.mark.parametrize("block", [3, 50, 1 << 22])
@pytest.mark.parametrize("kind", ["unequal", "one each", "one species", "none"])
def test_weighted_sums_equal_their_definition(kind, block, part, monkeypatch):
    monkeypatch.setattr(image_weights, "_PART", part)
    monkeypatch.setattr(image_weights, "_READ", block)
    rng = np.random.default_rng(0)
    n, c = 40, 40 if kind == "one each" else 7
    code = {
        "unequal": rng.choice(np.arange(-1, 6), n, p=np.arange(1, 8) / 28),
        "one each": rng.permutation(n),
        "one species": np.full(n, 3),
        "none": np.full(n, -1),
    }[kind]
    x, weights = rng.normal(size=(n, 3)), rng.integers(0, 4, (5, n)).astype(np.uint16)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected = np.zeros((5, c, 3))
    for i in range(n):
        if code[i] >= 0:
            expected[:, code[i]] += weights[:, i, None] * unit[i]
    np.testing.assert_allclose(weighted_sums(x, code, weights, c), expected, rtol=0, atol=1e-12)
