"""Decoders beside each other, on answers small enough to count by hand."""

from dataclasses import replace

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.decoding import DartsAt, Temperature
from taxoeval.records import Predictions
from taxoeval.tasks.decoding import Decoding
from taxoeval.tasks.decoding_report import Part, agreement, contradictions, promises, report_decoding
from taxoeval.tasks.fitting import Promise, Rules
from tests.tasks.clades import clade

TREE = Taxonomy.from_lineages(
    [
        ("Corvidae", "Corvus", "C a"),
        ("Corvidae", "Corvus", "C b"),
        ("Corvidae", "Pica", "P a"),
        ("Alaudidae", "Al", "A a"),
    ],
    ranks=("family", "genus", "species"),
)
A, B, P, L = TREE.ids(["C a", "C b", "P a", "A a"])
ROW = {x: TREE.ancestor[x] for x in (A, B, P, L)}
NONE = np.array([-1, -1, -1])


def predictions(decoder, rows, piece="all"):
    taxon = np.array(rows, dtype=np.int64)[:, :, None]
    sample = np.array([f"{i}" for i in range(len(rows))])
    target = np.array([A, A, A, L])[: len(rows)]
    return Predictions(sample, target, taxon, np.ones(taxon.shape), decoder, np.array([A, B, P, L]), piece)


LEAF = predictions("leaf", [ROW[A], ROW[B], ROW[P], NONE])
STOPS = predictions("stops", [[ROW[A][0], ROW[A][1], -1], ROW[B], [ROW[A][0], -1, -1], NONE])
MIXED = predictions("mixed", [[ROW[L][0], ROW[A][1], A], ROW[B], [ROW[A][0], ROW[A][1], P], ROW[L]])


def table(columns, *names):
    return list(zip(*(columns[name].tolist() for name in names), strict=True))


def test_agreement_is_over_images_of_which_either_says_something():
    columns = agreement(Part("all", [Rules()], [[LEAF, STOPS, MIXED]]), TREE)
    rows = {
        (a, b, rank): (share, n) for a, b, rank, share, n in table(columns, "one", "other", "rank", "agreement", "n")
    }
    assert rows["leaf", "stops", "family"] == (1.0, 3)
    assert rows["leaf", "stops", "genus"] == (pytest.approx(2 / 3), 3)
    assert rows["leaf", "stops", "species"] == (pytest.approx(1 / 3), 3)
    assert rows["leaf", "mixed", "family"] == (0.5, 4)
    assert rows["leaf", "mixed", "species"] == (0.75, 4)
    assert len(rows) == 9
    silent = predictions("silent", [NONE, NONE])
    columns = agreement(Part("all", [Rules()], [[silent, replace(silent, decoder="mute")]]), TREE)
    assert np.isnan(columns["agreement"]).all()
    assert not columns["n"].any()


def test_repeats_are_pooled():
    parts = [
        [predictions("a", [ROW[A]]), predictions("b", [ROW[A]])],
        [predictions("a", [ROW[A]]), predictions("b", [ROW[L]])],
    ]
    columns = agreement(Part("1-shot", [Rules(), Rules()], parts), TREE)
    assert table(columns, "part", "rank", "agreement", "n") == [("1-shot", rank, 0.5, 2) for rank in TREE.ranks]


def test_first_contradictions():
    columns = contradictions(Part("all", [Rules()], [[LEAF, MIXED]]), TREE)
    rows = {(decoder, rank): (share, n) for decoder, rank, share, n in table(columns, "decoder", "rank", "share", "n")}
    assert rows == {
        ("leaf", ""): (1.0, 3),
        ("leaf", "genus"): (0.0, 3),
        ("leaf", "species"): (0.0, 3),
        ("mixed", ""): (0.5, 4),
        ("mixed", "genus"): (0.25, 4),  # Corvus in Alaudidae
        ("mixed", "species"): (0.25, 4),  # Pica in Corvus
    }


RULES = Rules(
    set_aside=np.arange(6),
    temperature=Temperature(1.5, 0.75, 0.5, 6),
    promises={"stops": Promise(0.9, 0.95)},
    unfitted=(),
)


def test_promises_count_an_answer_above_the_taxon_as_right_and_silence_too():
    columns = promises(Part("all", [RULES], [[LEAF, STOPS]]), TREE)
    (row,) = table(columns, "part", "repeat", "decoder", "asked", "set_aside", "scored", "n_set_aside", "n_scored")
    assert row == ("all", 0, "stops", 0.9, 0.95, 0.75, 6, 4)
    told = [1 - 1 / 2, 1.0, 1 - np.log2(3) / 2, 0.0]  # of 2 bits: Corvus holds 2 of 4, C b 1, Corvidae 3, nothing all
    assert columns["told"][0] == pytest.approx(np.mean(told))


def test_what_a_reader_is_told():
    subject = replace(clade(), decoding=Decoding((*Decoding().rules, DartsAt(0.9)), calibration_share=0.5))
    fitted = replace(STOPS, fitted=np.ones((4, 3)))
    mute = replace(predictions("stops", [NONE] * 4), fitted=np.ones((4, 3)))
    found = report_decoding(
        [Part("1-shot", [RULES], [[LEAF, fitted]]), Part("5-shot", [RULES], [[LEAF, mute]])], TREE, subject
    )
    assert found.notes == (
        "images set aside to fit on, while every rule is scored on others: 1-shot 6 set aside, 4 scored; 5-shot 6 set "
        "aside, 4 scored",
        "temperature fitted to them (1: as given), and minus the log-likelihood of their taxa: 1-shot 1.5, 0.750 to "
        "0.500; 5-shot 1.5, 0.750 to 0.500. Answers keep the probabilities as given; fitted calibration is of the same "
        "answers under the temperature",
        "1-shot % of answers fitted to be right, the taxon or one above it: stops 95.0 there, 75.0 on those scored "
        "(asked 90; tells 43 %)",
        "5-shot % of answers fitted to be right, the taxon or one above it: stops 95.0 there, 100.0 on those scored "
        "(asked 90; tells 0 %)",
        "5-shot stops: no setting is right often enough on the images set aside, so nothing is answered",
    )
    assert found.details["decoding"]["fitted"]["1-shot"] == {
        "n_set_aside": [6],
        "temperature": [1.5],
        "log_loss_set_aside": [0.75],
        "log_loss_set_aside_fitted": [0.5],
    }
    assert set(found.tables) == {"decoder_agreement", "first_contradiction", "fitted_rules"}
    assert set(found.tables["fitted_rules"]["part"]) == {"1-shot", "5-shot"}
