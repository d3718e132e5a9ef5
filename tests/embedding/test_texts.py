"""Texts are stored like images: each once, in order, readable."""

from pathlib import Path

import numpy as np
import pytest

from taxoeval.embedding import EmbeddingStore, embed_texts
from taxoeval.errors import TaxoevalError, UnsupportedError
from tests.embedding.fakes import Toy, count


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path / "log")


def test_each_text_once_in_the_order_asked(tmp_path: Path, toy: Toy) -> None:
    store = EmbeddingStore(tmp_path / "store")
    texts = [f"a photo of species {i % 70}." for i in range(100)]
    first = embed_texts(toy, texts, store, batch_size=32, device="cpu")
    assert count(toy.log) == 70
    assert first.shape == (100, 5)
    assert first.dtype == np.float32
    expected = toy.embed_texts(texts[:70]).detach().numpy()
    assert np.array_equal(first, expected[np.arange(100) % 70])
    before = count(toy.log)
    mixed = embed_texts(toy, ["un corbeau, été", texts[3], "un corbeau, été"], store)
    assert count(toy.log) == before + 1
    assert np.array_equal(mixed[1], first[3])
    assert np.array_equal(mixed[0], mixed[2])


def test_texts_are_readable_beside_their_vectors(tmp_path: Path, toy: Toy) -> None:
    pandas = pytest.importorskip("pandas")
    store = EmbeddingStore(tmp_path / "store")
    vectors = embed_texts(toy, ["a crow", "été"], store)
    frame = pandas.read_parquet(store.folder(toy) / "texts").set_index("text")
    assert frame.vector["été"].tolist() == vectors[1].tolist()


def test_no_texts(tmp_path: Path, toy: Toy) -> None:
    assert embed_texts(toy, [], EmbeddingStore(tmp_path / "store")).shape == (0, 5)


def test_no_text_tower_is_unsupported(tmp_path: Path, toy: Toy) -> None:
    toy.has_text = False
    with pytest.raises(UnsupportedError, match="toy/net has no text tower"):
        embed_texts(toy, ["a crow"], EmbeddingStore(tmp_path / "store"))


def test_a_text_without_a_finite_vector_is_named(tmp_path: Path, toy: Toy) -> None:
    toy.module.weight.data.fill_(float("nan"))
    with pytest.raises(TaxoevalError, match=r"^'a crow': toy/net gave NaN"):
        embed_texts(toy, ["a crow"], EmbeddingStore(tmp_path / "store"))
