"""The record every dataset is, and its guard against arrays of different lengths."""

from dataclasses import replace

import numpy as np
import pytest

from taxoeval.datasets.base import ImageDataset, Problem
from taxoeval.datasets.images import ImageFiles
from taxoeval.datasets.problems import settle
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy


def make(n_samples, n_names, tmp_path):
    taxonomy = Taxonomy.from_lineages([("Corvus",), ("Pica",)], ranks=("genus",))
    names = np.array(["x"] * n_samples)
    return ImageDataset(
        "d", taxonomy, np.array([0, 1]), names, ImageFiles(tmp_path, ["a", "b"]), ("",) * n_names, names
    )


def test_lengths_must_agree(tmp_path):
    assert len(make(2, 2, tmp_path)) == 2
    with pytest.raises(ValueError, match="got 3, 3 and 2 for 2"):
        make(3, 2, tmp_path)
    with pytest.raises(ValueError, match="one group per image; got 1 for 2"):
        replace(make(2, 2, tmp_path), group=np.array(["a"]))
    with pytest.raises(ValueError, match="1 common names for a taxonomy of 2 taxa"):
        make(2, 1, tmp_path)


def test_skipping_everything_is_an_error():
    problems = [Problem("labels.csv", row, "x.png", "no such file") for row in (2, 3)]
    with pytest.raises(TaxoevalError, match=r"2 of 2 rows cannot be used .* Nothing would be left"):
        settle(problems, 2, "labels.csv", "skip")
    assert settle([], 2, "labels.csv", "error") == ()


def test_no_more_than_five_rows_are_listed():
    problems = [Problem("labels.csv", row, "x.png", "no such file") for row in range(2, 40)]
    with pytest.raises(TaxoevalError, match=r"row 6: 'x\.png': no such file; and 33 more\. Correct them"):
        settle(problems, 100, "labels.csv", "error")
