"""What a page says of a space: the main quantities by rank, what is missing and why, and sentences that say it."""

import re

import pandas as pd

from taxoeval.reports.html.space import every_number, quantities
from taxoeval.reports.html.words import summary
from tests.reports.fake import NAN, RANKS, score

OF = {"task": "structure", "decoder": "", "majority": NAN}


def rows() -> pd.DataFrame:
    scores = [
        score("variance", 0.25, "family", chance=0.0, p=0.005, **OF),
        score("variance", -0.01, "genus", chance=0.0, p=0.6, **OF),
        score("variance", NAN, "species", n=0, chance=NAN, p=NAN, reason="no species has two <images>", **OF),
        score("variance_within_species", 0.5, "", chance=1.0, p=NAN, **OF),
        score("triplets", 0.75, "family", chance=0.5, p=0.01, **OF),
        score("obscure", 0.125, "family", chance=NAN, p=NAN, **OF),
        score("precision_at_k", 0.5, "family", k=1, chance=0.125, **OF),
        score("precision_at_k", 0.25, "species", k=1, chance=0.0625, **OF),
        score("precision_at_k", 0.2, "species", k=5, chance=0.0625, **OF),
    ]
    return pd.DataFrame([{**vars(s), "encoder": "x", "role": "encoder", "slice": "images"} for s in scores])


def cells(markup: str) -> list[str]:
    return re.findall(r"<t[hd](?: [^>]*)?>(?:<button[^>]*>)?([^<]*)", markup)


def test_main_quantities_by_rank():
    markup = quantities(rows(), RANKS)
    by_rank, whole = markup.split("of the whole space</button>")
    assert cells(by_rank)[:4] == ["quantity", "family", "genus", "species"]
    assert cells(by_rank)[4:8] == ["variance", ".25* (0)", "-.010 (0)", ""]
    assert cells(by_rank)[8:12] == ["triplets", ".75* (.50)", "", ""]
    assert cells(by_rank)[12:16] == ["precision at k", ".50 (.12)", "", ".25 (.062)"]
    assert cells(whole)[-4:] == ["variance within species", ".50", "0.375 to 0.625", "1.00"]
    assert "obscure" not in markup
    assert '<li class="quiet">variance (species): no species has two &lt;images&gt;</li>' in markup


def test_every_number_is_folded_away():
    markup = every_number(rows())
    assert markup.startswith("<details><summary>All 9 numbers</summary>")
    assert cells(markup)[-9:] == ["precision at k", "species", "5", "0.200", "0.075 to 0.325", "0.062", "–", "40", ""]
    assert cells(markup)[27:36] == [
        "variance", "species", "1", "–", "–", "–", "–", "0", "no species has two &lt;images&gt;",
    ]  # fmt: skip


def test_sentences():
    meta = {"cells": [{"task": "structure", "encoder": "x", "role": "encoder", "status": "ok"}]}
    assert summary(meta, rows()) == [
        "structure, images: of the variance, so many per cent lie between the taxa of a rank: family 25.0, genus 0.0; "
        "single images of one species make 50.0 %.",
        "structure, images: of two relatives at a rank and an outsider, so many per cent lie as in the taxonomy (a "
        "blind guess: 50): family 75.0.",
        "structure, images: the nearest item is of the same taxon, per cent: species 25.0 (by chance 6.2), family 50.0 "
        "(by chance 12.5).",
    ]


def test_ranks_of_one_taxon_are_no_question():
    """All images are birds: that an answer is one, or a neighbour, says nothing."""
    scores = [
        score("precision_at_k", 1.0, "order", k=1, chance=1.0, **OF),
        score("precision_at_k", 0.5, "family", k=1, chance=0.125, **OF),
        *(score("rank_hits", 1.0, rank, chance=1.0) for rank in ("order", "family")),
        score("rank_hits", 0.5, "species", chance=0.25),
    ]
    rows = pd.DataFrame([{**vars(s), "encoder": "x", "role": "encoder"} for s in scores]).assign(
        slice="all", task="t", decoder="leaf_argmax"
    )
    meta = {"cells": [{"task": "t", "encoder": "x", "role": "encoder", "status": "ok"}]}
    found = " ".join(summary(meta, rows))
    assert "the right species for 50.0 %" in found
    assert "family 50.0 (by chance 12.5)" in found
    assert "order" not in found
    assert "the right family" not in found
