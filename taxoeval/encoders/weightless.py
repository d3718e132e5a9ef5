"""Encoders that have learnt nothing: what any number must be compared with.

A score means little until one knows what colours alone would reach, or an untrained network. Three controls, from the
plainest up: the pixels themselves, hand-made colour and texture features, and a random network.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from taxoeval.encoders.base import Fingerprint, ImageTransform, display_name, library_versions, stable_repr
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    import torch

    from taxoeval.encoders.towers import ImageTower

COLOUR_TEXTURE_SIZE = 128
HSV_BINS = (12, 4, 4)
LBP_RINGS = ((8, 1), (16, 2))
HOG_ORIENTATIONS, HOG_CELL, HOG_BLOCK = 8, 32, 2


@dataclass(frozen=True, eq=False)
class PlainEncoder:
    """An encoder whose transform already gives the vector; it has no network.

    Attributes
    ----------
    name, dimension, fingerprint, transform
        See :class:`~taxoeval.encoders.base.Encoder`.
    """

    name: str
    dimension: int
    fingerprint: Fingerprint = field(repr=False)
    transform: ImageTransform = field(repr=False)
    has_text: bool = False
    module: "torch.nn.Module | None" = None

    def embed_images(self, batch: "torch.Tensor") -> "torch.Tensor":
        """The batch itself: ``(b, dimension)`` float32."""
        return batch.float()


@dataclass(frozen=True)
class PixelTransform:
    """Red, green and blue of a picture shrunk to ``size`` x ``size``, as one row of numbers in [0, 1]."""

    size: int

    def __call__(self, image: Image.Image) -> "torch.Tensor":
        """Vector of one RGB picture."""
        import torch

        small = image.resize((self.size, self.size), Image.Resampling.BOX)
        return torch.from_numpy(np.asarray(small, dtype=np.float32).ravel() / 255)


@dataclass(frozen=True)
class ColourTextureTransform:
    """Colour histogram, local binary patterns and oriented gradients of a picture, each of length 1."""

    size: int = COLOUR_TEXTURE_SIZE
    hsv_bins: tuple[int, int, int] = HSV_BINS
    lbp_rings: tuple[tuple[int, int], ...] = LBP_RINGS
    hog_orientations: int = HOG_ORIENTATIONS
    hog_cell: int = HOG_CELL
    hog_block: int = HOG_BLOCK

    def __call__(self, image: Image.Image) -> "torch.Tensor":
        """Vector of one RGB picture."""
        import torch
        from skimage.feature import hog, local_binary_pattern

        small = image.resize((self.size, self.size), Image.Resampling.BOX)
        grey = np.asarray(small.convert("L"))
        blocks = [np.sqrt(self._colours(small))]
        for points, radius in self.lbp_rings:
            codes = local_binary_pattern(grey, points, radius, method="uniform")  # type: ignore[no-untyped-call]
            blocks.append(np.sqrt(np.bincount(codes.astype(np.int64).ravel(), minlength=points + 2)))
        gradients = hog(
            grey,
            orientations=self.hog_orientations,
            pixels_per_cell=(self.hog_cell, self.hog_cell),
            cells_per_block=(self.hog_block, self.hog_block),
        )
        blocks.append(gradients)
        return torch.from_numpy(np.concatenate([_unit(block) for block in blocks]).astype(np.float32))

    def _colours(self, image: Image.Image) -> NDArray[np.float64]:
        from skimage.color import rgb2hsv

        # Hue, saturation and value of each pixel -> the number of its box in a 3-d histogram.
        bins = np.array(self.hsv_bins)
        cell = np.minimum((rgb2hsv(np.asarray(image)) * bins).astype(np.int64), bins - 1)
        flat = np.ravel_multi_index(tuple(cell.reshape(-1, 3).T), self.hsv_bins)
        return np.bincount(flat, minlength=int(bins.prod())).astype(np.float64)

    @property
    def dimension(self) -> int:
        """Length of the vector."""
        blocks_per_side = self.size // self.hog_cell - self.hog_block + 1
        gradients = blocks_per_side**2 * self.hog_block**2 * self.hog_orientations
        return int(np.prod(self.hsv_bins)) + sum(points + 2 for points, _ in self.lbp_rings) + gradients


def _unit(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """The block at length 1; a block of zeros (a picture of one colour has no gradients) stays as it is."""
    length = float(np.linalg.norm(block))
    return block / length if length else block


def pixels(size: int = 16, greyscale: bool = False, name: str | None = None) -> PlainEncoder:
    """The picture itself as a vector: what layout and background colour alone can do.

    Parameters
    ----------
    size
        Side in pixels to which the picture is squashed, each new pixel being the mean of what it covers.
    greyscale
        Remove colour first.
    name
        Name in tables; from the kind of encoder if not given.

    Returns
    -------
    PlainEncoder
        Vectors of ``3 * size**2`` numbers in [0, 1].

    Raises
    ------
    TaxoevalError
        If ``size`` is below 1.

    Examples
    --------
    >>> encoder = pixels(size=1)
    >>> encoder.transform(Image.new("RGB", (40, 30), (255, 51, 0))).tolist()
    [1.0, 0.20000000298023224, 0.0]
    """
    if size < 1:
        raise TaxoevalError(f"pixels: size={size} must be at least 1")
    return _plain(name, "pixels", 3 * size**2, PixelTransform(size), greyscale, "Pillow")


def colour_texture(greyscale: bool = False, name: str | None = None) -> PlainEncoder:
    """Hand-made features: which colours, which fine texture, which outlines, but not what they make together.

    The picture is squashed to 128 pixels. Four blocks, each scaled to length 1 so that none rules the cosine (no
    statistics of the data enter, so a vector depends on its own picture only):

    ======================================================================================  =======
    block                                                                                   numbers
    ======================================================================================  =======
    square roots of the joint histogram of hue (12), saturation (4) and value (4)               192
    square roots of counts of uniform local binary patterns, 8 points at radius 1                10
    the same, 16 points at radius 2                                                              18
    histograms of oriented gradients: 8 directions, cells of 32 pixels, blocks of 2 x 2         288
    ======================================================================================  =======

    Parameters
    ----------
    greyscale
        Remove colour first.
    name
        Name in tables; from the kind of encoder if not given.

    Returns
    -------
    PlainEncoder
        Vectors of 508 numbers, all at least 0.

    References
    ----------
    .. [1] T. Ojala, M. Pietikäinen, T. Mäenpää, "Multiresolution gray-scale and rotation invariant texture
       classification with local binary patterns", IEEE TPAMI 24(7), 2002.
    .. [2] N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.

    Examples
    --------
    >>> encoder = colour_texture()
    >>> encoder.dimension, encoder.transform(Image.new("RGB", (40, 30), (200, 10, 10))).shape
    (508, torch.Size([508]))
    """
    transform = ColourTextureTransform()
    return _plain(name, "colour_texture", transform.dimension, transform, greyscale, "Pillow", "scikit-image", "numpy")


def random_network(
    model: str = "resnet18", seed: int = 0, greyscale: bool = False, name: str | None = None
) -> "ImageTower":
    """An untrained network: what an architecture knows before it has seen anything.

    Every convolution and linear layer is drawn anew from a normal distribution whose variance keeps the signal at
    its strength from layer to layer (2 / fan-in), and every normalisation is the identity. As networks come from
    their makers, many residual branches begin at zero, which would leave little of the network to be compared with.

    Parameters
    ----------
    model
        A timm architecture.
    seed
        Same seed, same weights.
    greyscale
        Remove colour first.
    name
        Name in tables; from the kind of encoder if not given.

    Returns
    -------
    ImageTower
        With the preprocessing of the architecture's published weights.

    Raises
    ------
    TaxoevalError
        If timm knows no such architecture.

    References
    ----------
    .. [1] K. He et al., "Delving deep into rectifiers", ICCV 2015. arXiv:1502.01852.

    Examples
    --------
    >>> one, same, other = (random_network("test_resnet", seed=s) for s in (0, 0, 1))
    >>> one.fingerprint == same.fingerprint, one.fingerprint == other.fingerprint
    (True, False)
    """
    import torch

    from taxoeval.encoders.timm import encoder_of, load

    module = load(model, pretrained=False, seed=seed).module
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in module.modules():
            _draw(layer)
    return encoder_of(module, f"random_{model}", greyscale=greyscale, seed=seed, name=name)


def _draw(layer: "torch.nn.Module") -> None:
    import torch

    if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
        torch.nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)
    elif isinstance(layer, torch.nn.modules.batchnorm._BatchNorm | torch.nn.LayerNorm | torch.nn.GroupNorm):
        layer.reset_parameters()


def _plain(
    name: str | None,
    family: str,
    dimension: int,
    preprocess: "Callable[[Image.Image], torch.Tensor]",
    greyscale: bool,
    *libraries: str,
) -> PlainEncoder:
    fingerprint: Fingerprint = {
        "family": family,
        "id": family,
        "weights_sha256": None,
        "transform": stable_repr(preprocess),
        "pooling": None,
        "normalised": False,
        "dtype": "fp32",
        "greyscale": greyscale,
        **library_versions(*libraries),
    }
    name = name or display_name(family, "grey" if greyscale else "")
    return PlainEncoder(name, dimension, fingerprint, ImageTransform(preprocess, greyscale))
