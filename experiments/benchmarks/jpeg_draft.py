"""Could JPEG files be decoded at reduced size (Pillow's draft mode) without changing a bit of what the network sees?

    python experiments/benchmarks/jpeg_draft.py [--data ../shared/data] [--images 60]

libjpeg can decode at 1/2, 1/4 or 1/8 of the size by leaving out high frequencies. Pillow does so when the image is at
least that many times larger than what is asked for. Here photographs of each set are read through an encoder's own
transform with and without draft mode (asked for the size the transform resizes to), as they are and, because they are
small, enlarged four times and saved again as JPEG. Three transforms: the shorter side to 256, cut to 224 (MobileNetV2,
bicubic); to 224 at once (CLIP, bicubic); to 64 (mini_clip). Told are how many images Pillow would reduce, how many of
these keep their bits, the largest and the mean difference in steps of a grey value of 0 to 255, the largest cosine
distance of MobileNetV2's vectors, and the time of reading.

Found (Pillow 13.0.0, 60 photographs of each set): no. Where Pillow reduces nothing, bits and time are the same; of 717
images that it reduced, none kept its bits. Differences went up to 97 of 255 steps, means from 0.3 to 2.1, and vectors
moved by cosine distances up to 0.014. Reading took a seventh to a half of the time. So the library never asks for draft
mode: vectors would depend on how an image was read, and reading is seldom what extraction waits for.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, PILToTensor, Resize

from taxoeval.datasets import table
from taxoeval.encoders import timm

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--images", type=int, default=60)
    arguments = parser.parse_args()
    encoder = timm.load(f"local-dir:{arguments.data / 'weights' / 'mobilenetv2_inat_bird'}")
    for name in ("birds", "animals92", "produce"):
        source = table.load(arguments.data / "images" / name / "labels.csv", limit=arguments.images).source
        files = [source.content(i) for i in range(len(source))]
        for told, some in ((name, files), (f"{name} x 4", [enlarged(file) for file in files])):
            for resize, crop in ((256, 224), (224, 224), (64, 64)):
                compare(f"{told}, {resize} -> {crop}", some, resize, crop, encoder if crop == 224 else None)


def compare(told: str, files: list[bytes], resize: int, crop: int, encoder: Any) -> None:
    transform = Compose([Resize(resize, InterpolationMode.BICUBIC), CenterCrop(crop), PILToTensor()])
    begin = time.perf_counter()
    plain = [transform(opened(file)) for file in files]
    middle = time.perf_counter()
    drafted = [transform(opened(file, resize)) for file in files]
    end = time.perf_counter()
    reduced = [opened(file, resize).size != Image.open(io.BytesIO(file)).size for file in files]
    pairs = [(a, b) for a, b, changed in zip(plain, drafted, reduced, strict=True) if changed]
    line = f"{told:26s} reduced {len(pairs):3d} of {len(files)}"
    if pairs:
        same = sum(bool(torch.equal(a, b)) for a, b in pairs)
        off = [(a.int() - b.int()).abs() for a, b in pairs]
        line += f", of these the same {same}, off by {max(int(o.max()) for o in off)} at most,"
        line += f" {np.mean([float(o.float().mean()) for o in off]):.2f} on average"
        if encoder is not None:
            line += f", cosine distance up to {distance(encoder, pairs):.1e}"
    print(f"{line}; {1e3 * (middle - begin) / len(files):.1f} -> {1e3 * (end - middle) / len(files):.1f} ms per image")


def opened(file: bytes, size: int | None = None) -> Image.Image:
    picture = Image.open(io.BytesIO(file))
    if size:
        picture.draft("RGB", (size, size))
    return picture.convert("RGB")


def enlarged(file: bytes) -> bytes:
    picture = opened(file)
    kept = io.BytesIO()
    picture.resize((4 * picture.width, 4 * picture.height), Image.Resampling.LANCZOS).save(kept, "JPEG", quality=90)
    return kept.getvalue()


def distance(encoder: Any, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    normalise: Callable[[torch.Tensor], torch.Tensor] = encoder.transform.preprocess.transforms[-1]
    with torch.inference_mode():
        a, b = (
            encoder.embed_images(torch.stack([normalise(pair[side].float() / 255) for pair in pairs]))
            for side in (0, 1)
        )
    return float((1 - torch.nn.functional.cosine_similarity(a.double(), b.double())).max())


if __name__ == "__main__":
    main()
