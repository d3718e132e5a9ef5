"""`PositivesNegatives` on a table of one's own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.tasks import positives_negatives
from taxoeval.tasks.positives_negatives import PositivesNegatives
from tests.tasks.clades import clade


def embed(texts):
    """Each text somewhere of its own."""
    rows = [np.random.default_rng(list(text.encode())).normal(size=16) for text in texts]
    return np.array(rows, dtype=np.float32)


@pytest.fixture
def subject():
    return replace(clade(n_species=4, per_species=3), embed_texts=embed, logit_scale=5.0)


def written(tmp_path, *rows):
    path = tmp_path / "texts.csv"
    path.write_text("image,positive,negatives\n" + "\n".join(rows) + "\n")
    return str(path)


def found(result, metric):
    (row,) = [s for s in result.scores if s.metric == metric]
    return row


def test_against_the_definition(subject, tmp_path, monkeypatch):
    monkeypatch.setattr(positives_negatives, "_PAIRS", 2)
    table = [
        ("image003", "a raven", ["a crow", "a magpie"]),
        ("image003", "a black bird", ["a white bird"]),
        ("image007", "a crow", ["a raven", "a magpie", "a jay"]),
    ]
    file = written(tmp_path, *(f"{i},{p},{' | '.join(n)}" for i, p, n in table))
    result = PositivesNegatives(file)(subject)
    values = []
    for image, positive, negatives in table:
        vector = subject.embeddings.vectors[int(image[5:])]
        texts = embed([positive, *negatives])
        cosine = texts @ vector / np.linalg.norm(texts, axis=1) / np.linalg.norm(vector)
        true, false = cosine[0], cosine[1:]
        share = softmax(5.0 * cosine)[0]
        values.append([true, false.mean(), true - false.mean(), true > false.max(), (true > false).mean(), share])
    names = ("positive_similarity", "negative_similarity", "positive_minus_negatives", "positive_first", "pairs_won")
    for name, column in zip((*names, "positive_share"), np.array(values, dtype=float).T, strict=True):
        assert found(result, name).value == pytest.approx(column.mean(), rel=1e-5)
        assert found(result, name).n == 3
    assert found(result, "positive_first").chance == pytest.approx((1 / 3 + 1 / 2 + 1 / 4) / 3)
    assert found(result, "pairs_won").chance == 0.5
    assert result.notes == ("10 of 12 images have no row in texts.csv: left out",)
    assert result.details["n_negatives"] == 6
    assert result.tables["rows"]["nearest_negative"][1] == "a white bird"


def test_ties_are_shared(subject, tmp_path):
    same = replace(subject, embed_texts=lambda texts: np.ones((len(texts), 16), dtype=np.float32))
    result = PositivesNegatives(written(tmp_path, "image000,a,b|c|d"))(same)
    assert found(result, "positive_first").value == 0.25
    assert found(result, "pairs_won").value == 0.5
    assert found(result, "positive_share").value == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "image000,a raven,a crow|A  Raven",
            "row 1 below the header has 'A  Raven' as a negative, which is its positive",
        ),
        ("image000,a raven,", "row 1 below the header has no negative"),
        ("image000,,a crow", "row 1 below the header has no positive"),
        ("image00,a raven,a crow", r"1 images are not in the dataset, the first 'image00' \(nearest: 'image0"),
    ],
)
def test_bad_rows(subject, tmp_path, row, message):
    with pytest.raises(TaxoevalError, match=message):
        PositivesNegatives(written(tmp_path, row))(subject)


def test_bad_tables(subject, tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("image,positive,negative\n1,a,b\n")
    with pytest.raises(TaxoevalError, match="no column 'negatives'; it needs image, positive, negatives"):
        PositivesNegatives(str(path))(subject)
    path.write_text("image,positive,negatives\n")
    with pytest.raises(TaxoevalError, match="the table has no rows"):
        PositivesNegatives(str(path))(subject)
    with pytest.raises(TaxoevalError, match="no such file"):
        PositivesNegatives(str(tmp_path / "none.csv"))(subject)
    with pytest.raises(UnsupportedError, match="no text tower"):
        PositivesNegatives("texts.csv")(clade())
