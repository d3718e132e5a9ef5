"""Decoding: every kind of file that turns up in real folders, with the value its pixels must have."""

import io
import pickle
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from taxoeval.datasets.images import ImageFiles, decode, is_animated
from taxoeval.errors import TaxoevalError


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_16_bit_rgb(pixels):
    """Pillow cannot write this, so the file is put together by hand."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_16_bit_grey_is_scaled_and_not_cut_off(kind):
    levels = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    image = decode(saved(Image.fromarray(levels), kind), "x")
    assert image.mode == "RGB"
    assert np.asarray(image)[0].tolist() == [[v, v, v] for v in (0, 1, 128, 255)]


def test_16_bit_colour_is_scaled():
    pixels = np.array([[[0, 32768, 65535]]], dtype=np.uint16)
    assert decode(png_16_bit_rgb(pixels), "x").getpixel((0, 0)) == (0, 128, 255)


def test_32_bit_pixels_are_taken_only_when_they_fit_16():
    assert (
        decode(saved(Image.fromarray(np.array([[65535]], dtype=np.int32)), "tiff"), "x").getpixel((0, 0)) == (255,) * 3
    )
    with pytest.raises(TaxoevalError, match=r"^x: 32-bit pixels have no known white; convert"):
        decode(saved(Image.fromarray(np.array([[65536]], dtype=np.int32)), "tiff"), "x")
    with pytest.raises(TaxoevalError, match=r"^x: floating-point pixels"):
        decode(saved(Image.fromarray(np.zeros((2, 2), dtype=np.float32)), "tiff"), "x")


def test_cmyk_becomes_the_colour_it_prints():
    red = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "jpeg"), "x").getpixel((4, 4))
    assert red[0] > 250
    assert max(red[1:]) < 5


@pytest.mark.parametrize(
    "image", [Image.new("LA", (4, 4), (0, 0)), Image.new("RGBA", (4, 4), (9, 0, 0, 0)), Image.new("P", (4, 4), 0)]
)
def test_transparency_is_laid_on_white(image):
    options = {"transparency": 0} if image.mode == "P" else {}
    assert decode(saved(image, "png", **options), "x").getpixel((1, 1)) == (255, 255, 255)


def test_half_transparent_black_is_grey():
    assert decode(saved(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "png"), "x").getpixel((1, 1)) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_plain_modes_become_rgb(mode):
    assert decode(saved(Image.new(mode, (4, 2)), "png"), "x").mode == "RGB"


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    assert decode(saved(Image.new("RGB", (8, 4)), "jpeg", exif=exif), "x").size == (4, 8)


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_first_frame_of_an_animation(kind, tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    red, green, blue = decode(content, "x").getpixel((4, 4))
    assert red > 250
    assert max(green, blue) < 5
    moving, still = tmp_path / f"moving.{kind}", tmp_path / f"still.{kind}"
    moving.write_bytes(content)
    still.write_bytes(saved(frames[0], kind))
    assert is_animated(moving)
    assert not is_animated(still)
    assert not is_animated(tmp_path / "absent.gif")


PHOTOGRAPH = saved(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)), "jpeg")


@pytest.mark.parametrize("fill", [False, True])
def test_truncated_is_an_error_whatever_other_libraries_allow(fill, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", fill)
    with pytest.raises(TaxoevalError, match=r"^birds/1\.jpg: the image cannot be decoded \(image file is truncated"):
        decode(PHOTOGRAPH[: len(PHOTOGRAPH) // 2], "birds/1.jpg")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"^a\.jpg: the file is empty; replace"),
        (b"<html>not found</html>", r"^a\.jpg: not an image, it begins with b'<html>not found<'; replace"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, r"^a\.jpg: "),
    ],
)
def test_what_is_no_image(content, message):
    with pytest.raises(TaxoevalError, match=message):
        decode(content, "a.jpg")


def test_files_name_their_row_and_travel_to_other_processes(tmp_path):
    (tmp_path / "1.jpg").write_bytes(PHOTOGRAPH)
    source = pickle.loads(pickle.dumps(ImageFiles(tmp_path, ["1.jpg", "2.jpg"], [2, 3], "labels.csv")))  # noqa: S301
    assert len(source) == 2
    assert source.content(0) == PHOTOGRAPH
    assert source.image(0).size == (64, 64)
    with pytest.raises(TaxoevalError, match=r"2\.jpg \(labels\.csv, row 3\): cannot be read \(No such file"):
        source.image(1)
    assert ImageFiles(tmp_path, ["1.jpg"]).where(0) == str(tmp_path / "1.jpg")
