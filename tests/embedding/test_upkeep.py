"""The store's own command: what it lists is there, damage is found and set aside, nothing is deleted unasked."""

import os
import re
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from taxoeval.datasets import simulated, table
from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.embedding.__main__ import main
from taxoeval.embedding.upkeep import holdings, remove
from taxoeval.encoders import weightless
from taxoeval.errors import TaxoevalError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two option sets of one encoder: five images in two parts and a text; three images."""
    place = tmp_path / "store"
    for precision, count in (("fp32", 5), ("fp16", 3)):
        net = SimpleNamespace(name="net", dimension=4, fingerprint={"dtype": precision, "greyscale": False})
        store = EmbeddingStore(place)
        contents = [f"{i:064x}" for i in range(count)]
        vectors = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
        store.shelf(net, "images").write(contents[:2], vectors[:2])
        store.shelf(net, "images").write(contents[2:], vectors[2:])
    net = SimpleNamespace(name="net", dimension=4, fingerprint={"dtype": "fp32", "greyscale": False})
    EmbeddingStore(place).shelf(net, "texts").write(["aa" * 32], np.ones((1, 4), np.float32), ["a crow"])
    return place


def by_options(root: Path):
    return {held.options: held for held in holdings(root)}


def test_list(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = by_options(root)
    assert {name: (held.images, held.texts) for name, held in found.items()} == {"fp32": (5, 1), "fp16": (3, 0)}
    assert found["fp32"].size == sum(f.stat().st_size for f in found["fp32"].folder.rglob("*") if f.is_file())
    assert main(["list", "--store", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"net +{found['fp32'].key[:12]} +fp32 +4 +5 +1 +0\.0 +\d{{4}}-\d\d-\d\d \d\d:\d\d", lines[2])
    assert lines[-1].startswith(f"{root}: 2 sets of vectors")


def test_verify_finds_a_flipped_bit_and_a_cut(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--store", str(root)]) == 0
    assert capsys.readouterr().out.count(": ok") == 2
    held = by_options(root)["fp32"]
    flipped, cut = sorted((held.folder / "images").glob("part-*"))
    content = bytearray(flipped.read_bytes())
    content[content.find(np.float32(5).tobytes() if b"\x00\x00\xa0@" in content else np.float32(9).tobytes())] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-9])
    assert main(["verify", "net", "--store", str(root)]) == 1
    out = capsys.readouterr().out
    assert out.count("damaged (") == 2
    assert f"net {held.key[:12]}: 2 parts damaged" in out
    assert sorted(path.name for path in (held.folder / "images").iterdir()) == sorted(
        f"_{path.name}.corrupt" for path in (flipped, cut)
    )
    assert main(["verify", held.key[:8], "--store", str(root)]) == 0  # nothing damaged is left in the way
    assert by_options(root)["fp32"].images == 0
    capsys.readouterr()
    assert main(["prune", "--damaged", "--yes", "--store", str(root)]) == 0
    assert not list(root.rglob("*.corrupt"))


def test_prune_says_first_and_deletes_only_what_is_meant(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = by_options(root)
    assert main(["prune", held["fp16"].key[:10], "--store", str(root)]) == 0
    assert "would be deleted; --yes deletes" in capsys.readouterr().out
    assert len(holdings(root)) == 2
    for path in held["fp16"].folder.rglob("*"):
        os.utime(path, (time.time() - 10 * 86400,) * 2)
    assert main(["prune", "--older-than", "5", "--yes", "--store", str(root)]) == 0
    assert list(by_options(root)) == ["fp32"]


def test_mistakes_are_told(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", "--store", str(root)]) == 1
    assert "say what: NAME, --older-than DAYS, or --damaged" in capsys.readouterr().err
    assert main(["verify", "nett", "--store", str(root)]) == 1
    assert "nett: no such encoder or key in the store, which holds net" in capsys.readouterr().err
    outside = tmp_path / "precious"
    outside.mkdir()
    with pytest.raises(TaxoevalError, match="is not inside"):
        remove([outside], root)
    assert outside.exists()
    (holdings(root)[0].folder / "fingerprint.json").write_text("{")
    assert main(["list", "--store", str(root)]) == 1
    assert "not readable" in capsys.readouterr().err


def test_export_gives_back_what_is_stored_and_another_program_can_read(tmp_path: Path, capsys) -> None:
    root, images = tmp_path / "store", tmp_path / "images"
    dataset = simulated.load(n_species=3, n_images=6, size=32)
    lines = ["filename,genus,species"]
    images.mkdir()
    for i, taxon in enumerate(dataset.taxon):
        dataset.source.image(i).save(images / f"{i}.png")
        lines.append(f"{i}.png,{','.join(dataset.taxonomy.lineage(int(taxon))[-2:])}")
    labels = images / "labels.csv"
    labels.write_text("\n".join(lines))
    first = embed_images(weightless.pixels(), table.load(labels), EmbeddingStore(root), progress=False)
    assert main(["export", "pixels", str(labels), str(tmp_path / "v.parquet"), "--store", str(root)]) == 0
    assert re.fullmatch(r"\S+v\.parquet: 6 vectors of 768 from pixels [0-9a-f]{12}\n", capsys.readouterr().out)
    rows = pq.read_table(tmp_path / "v.parquet").to_pylist()
    assert [row["sample"] for row in rows] == [f"{i}.png" for i in range(6)]
    np.testing.assert_array_equal(np.array([row["vector"] for row in rows], dtype=np.float32), first.vectors)
    assert main(["export", "pixels", str(labels), str(tmp_path / "v.npy"), "--store", str(root)]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), first.vectors)
    assert (tmp_path / "v.csv").read_text().splitlines()[0] == "sample,genus,species"


def test_export_asks_which_set_and_says_what_is_missing(root: Path, tmp_path: Path, capsys) -> None:
    assert main(["export", "net", str(tmp_path / "labels.csv"), str(tmp_path / "v.npy"), "--store", str(root)]) == 1
    told = capsys.readouterr().err
    assert "export: net has 2 sets of vectors; name one by its key: " in told
    assert all(f"{held.key[:12]} ({options})" in told for options, held in by_options(root).items())
    assert not (tmp_path / "v.npy").exists()
