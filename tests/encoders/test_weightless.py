"""The controls: values by hand, and independence of everything but the picture."""

import pickle

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from taxoeval.encoders import Encoder, TextEncoder, fingerprint_key
from taxoeval.encoders.weightless import colour_texture, pixels, random_network
from taxoeval.errors import TaxoevalError


@pytest.mark.parametrize("make_encoder", [pixels, colour_texture, lambda **k: random_network("test_resnet", **k)])
def test_protocol(make_encoder, photographs):
    encoder = make_encoder()
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, TextEncoder)
    batch = torch.stack([pickle.loads(pickle.dumps(encoder.transform))(image) for image in photographs])  # noqa: S301
    vectors = encoder.embed_images(batch)
    assert vectors.shape == (5, encoder.dimension)
    assert vectors.dtype == torch.float32
    assert torch.isfinite(vectors).all()
    assert len(np.unique(vectors.numpy(), axis=0)) == 5
    single = torch.cat([encoder.embed_images(image[None]) for image in batch])
    torch.testing.assert_close(vectors, single, rtol=1e-5, atol=1e-5)
    again, grey = make_encoder(), make_encoder(greyscale=True)
    assert again.fingerprint == encoder.fingerprint
    assert fingerprint_key(grey.fingerprint) != fingerprint_key(encoder.fingerprint)
    assert grey.name == f"{encoder.name}-grey"
    grey_image = photographs[0].convert("L").convert("RGB")
    assert torch.equal(grey.transform(photographs[0]), encoder.transform(grey_image))


def test_pixels_are_block_means():
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[:2, :2, 0] = 255
    image[2:, 2:, 2] = [[0, 102], [102, 204]]
    encoder = pixels(size=2)
    expected = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.4]
    assert encoder.transform(Image.fromarray(image)).tolist() == pytest.approx(expected)
    assert encoder.dimension == 12


def test_pixels_of_no_size():
    with pytest.raises(TaxoevalError, match="size=0 must be at least 1"):
        pixels(size=0)


def test_names():
    assert [e.name for e in (pixels(), colour_texture(), random_network("test_vit"))] == [
        "pixels",
        "colour_texture",
        "random_test_vit-seed0",
    ]
    assert pixels(name="mine").name == "mine"


def test_colour_texture_blocks(photographs):
    encoder = colour_texture()
    vector = encoder.transform(photographs[0]).numpy()
    ends = np.cumsum([192, 10, 18, 288])
    assert encoder.dimension == ends[-1]
    blocks = np.split(vector, ends[:-1])
    assert [np.linalg.norm(block) for block in blocks] == pytest.approx([1, 1, 1, 1], abs=1e-5)
    assert (vector >= 0).all()


def test_colour_texture_of_one_colour():
    vector = colour_texture().transform(Image.new("RGB", (50, 30), (255, 0, 0))).numpy()
    # Hue 0, saturation 1, value 1: the last box of the first hue; no gradients at all.
    assert np.flatnonzero(vector[:192]).tolist() == [15]
    assert vector[15] == 1.0
    assert not vector[220:].any()


def test_colour_is_what_colours_change(photographs):
    encoder = colour_texture()
    red, green, blue = photographs[0].split()
    swapped = Image.merge("RGB", (green, blue, red))
    one, other = encoder.transform(photographs[0]).numpy(), encoder.transform(swapped).numpy()
    assert one[:192] @ other[:192] < 0.9
    assert one[220:] @ other[220:] > 0.6


def test_random_network_is_drawn_by_fan_in_with_open_branches():
    network = random_network("resnet18", seed=0).module
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            fan_in = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
            assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
        if isinstance(layer, torch.nn.BatchNorm2d):
            assert (layer.weight == 1).all()
    # What timm itself draws keeps the last normalisation of each branch at zero.
    assert (timm.create_model("resnet18").layer1[0].bn2.weight == 0).all()


def test_random_network_keeps_the_signal(photographs):
    encoder = random_network()
    assert (encoder.name, encoder.dimension) == ("random_resnet18-seed0", 512)
    vectors = encoder.embed_images(torch.stack([encoder.transform(image) for image in photographs]))
    assert 0.01 < vectors.norm(dim=1).min() < vectors.norm(dim=1).max() < 1e4
    other = random_network(seed=1)
    assert other.fingerprint["weights_sha256"] != encoder.fingerprint["weights_sha256"]
    with pytest.raises(TaxoevalError, match="timm knows no model 'resnet19'; nearest ids: resnet18"):
        random_network("resnet19")
