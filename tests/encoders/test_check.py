"""The self-check passes what is right and catches each fault it looks for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from taxoeval.encoders import open_clip, timm, weightless
from taxoeval.encoders.__main__ import main
from taxoeval.encoders.check import check


@pytest.fixture(scope="module")
def mini():
    return open_clip.load("bundled:mini_clip")


def resnet(**options):
    return timm.load("test_resnet", pretrained=False, seed=0, **options)


def wrong(encoder, load=None) -> dict[str, str]:
    return {finding.question: finding.told for finding in check(encoder, load) if finding.ok is False}


class Wrapped:
    """An encoder with one thing changed."""

    def __init__(self, encoder, **changes) -> None:
        self.__dict__.update(encoder=encoder, **changes)

    def __getattr__(self, name):
        return getattr(self.encoder, name)


def test_what_is_right_passes(mini) -> None:
    assert wrong(mini, lambda **options: open_clip.load("bundled:mini_clip", **options)) == {}
    assert wrong(resnet(), resnet) == {}
    assert wrong(resnet(normalise=True, greyscale=True)) == {}
    assert wrong(weightless.colour_texture()) == {}


def test_training_mode_is_caught() -> None:
    encoder = resnet()
    encoder.module.train()
    found = wrong(encoder)
    assert "is in training mode: call eval()" in found["evaluation mode"]
    assert "one picture alone and in a batch" in found  # batch norm sees the neighbours


def test_wrong_numbers_of_preprocessing_are_caught(mini) -> None:
    found = wrong(Wrapped(mini, transform=lambda picture: mini.transform(picture) * 2 + 1))
    assert "white becomes" in found["preprocessing"]
    small = Wrapped(mini, transform=lambda picture: mini.transform(picture)[:, :48, :48])
    first = next(check(small))
    assert (first.question, first.ok) == ("preprocessing", False)
    assert first.told == "(48, 48) px, and the model was trained at (96, 96)"


def test_wrong_vectors_are_caught(mini) -> None:
    claims = Wrapped(mini, fingerprint={**mini.fingerprint, "normalised": True})
    assert wrong(claims)["length of vectors"] == "said to be 1, and it is not"
    short = Wrapped(mini, dimension=63)
    assert wrong(short)["vectors"] == "(4, 64), and the encoder says (4, 63)"
    blind = Wrapped(mini, transform=lambda picture: mini.transform(picture.convert("L").convert("RGB")))
    assert "is colour lost on the way?" in wrong(blind)["colour"]
    coloured = Wrapped(mini, fingerprint={**mini.fingerprint, "greyscale": True})
    assert "said to be removed" in wrong(coloured)["colour"]
    infinite = Wrapped(mini, embed_images=lambda batch: torch.full((len(batch), 64), torch.inf))
    assert "not finite" in wrong(infinite)["vectors"]


def test_texts_that_depend_on_their_neighbours_or_are_all_one_are_caught(mini) -> None:
    leaning = replace(mini)
    plain = mini.embed_texts
    object.__setattr__(leaning, "embed_texts", lambda texts: plain(texts).roll(len(texts), dims=1))
    assert "one text alone and beside a long one" in wrong(leaning)
    mute = replace(mini)
    object.__setattr__(mute, "embed_texts", lambda texts: torch.ones(len(texts), 64))
    assert "are they tokenised?" in wrong(mute)["images and texts"]
    openai = replace(mini, fingerprint={**mini.fingerprint, "id": "ViT-B-32/openai"})
    assert "trained with QuickGELU" in wrong(openai)["activation"]


def test_a_rough_half_precision_is_caught(mini) -> None:
    def load(precision):
        return Wrapped(mini, embed_images=lambda batch: mini.embed_images(batch) + 50 * torch.randn(64))

    torch.manual_seed(0)
    assert "at most 0.02" in wrong(mini, load)["bf16 beside fp32"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "reference.json"
    assert main(["check", "encoder=mini_clip", "--save", str(file)]) == 0
    out = capsys.readouterr().out
    assert "mini_clip: 64 dimensions\nok    preprocessing: 96 x 96 px" in out
    assert "WRONG" not in out
    assert main(["check", "encoder=mini_clip", "encoder.greyscale=true", "--against", str(file)]) == 1
    assert "WRONG beside the reference" in capsys.readouterr().out
    saved = json.loads(file.read_text())
    saved["fingerprint"]["dtype"] = "fp16"
    file.write_text(json.dumps(saved))
    assert main(["check", "encoder=mini_clip", "--against", str(file)]) == 0
    assert "; other now: dtype" in capsys.readouterr().out
    file.write_text("{")
    for words, told in (
        (["encoder=mini_clip", "--against", str(file)], "no reference values"),
        (["encoder=mini_clp"], "there is none of that name; nearest: mini_clip"),
        (["encoder=timm"], "encoder=timm needs encoder.model=..."),
        (["encoder=timm", "encoder.modell=x"], "timm has no such setting; nearest: model"),
        (["encoder=timm", "model=x"], "are written encoder.KEY=VALUE"),
        (["encoder.model=x"], "name one encoder, as encoder=NAME"),
    ):
        assert main(["check", *words]) == 1
        assert told in capsys.readouterr().err
