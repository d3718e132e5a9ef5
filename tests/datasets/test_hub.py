"""Datasets from a hub: the table or the class folders of a repository, at a commit that the notes name."""

import io

import pytest
from PIL import Image

from tests.datasets.test_embedded import write
from tests.hub.conftest import client, hub  # noqa: F401  (fixtures)

LOAD = """
import json, sys
from taxoeval.datasets import hub
from taxoeval.errors import TaxoevalError
found = []
for asked in sys.argv[1:]:
    try:
        dataset = hub.load(**json.loads(asked))
        pixels = [list(dataset.source.image(i).getpixel((0, 0))) for i in range(len(dataset))]
        found.append([dataset.name, dataset.label.tolist(), list(dataset.taxonomy.ranks), pixels, dataset.notes[0]])
    except TaxoevalError as error:
        found.append(str(error))
print(json.dumps(found))
"""
TABLE = b"path,genus,species\nimages/0.png,Corvus,corax\nimages/1.png,Pica,pica\n"


def picture(grey):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


IMAGES = {f"images/{i}.png": picture(50 * i) for i in range(2)}
TABLED = ["birds", ["Corvus corax", "Pica pica"], ["genus", "species"], [[0] * 3, [50] * 3]]


@pytest.fixture(scope="module")
def commits(hub):  # noqa: F811
    classes = {"val/jay/a.png": picture(7), "val/wren/b.png": picture(9)}
    found = {"birds": hub.add("datasets/owner/birds", {"labels.csv": TABLE, "README.md": b"birds", **IMAGES})}
    found["v0"] = hub.add("datasets/owner/birds", classes, "v0")
    hub.add("datasets/owner/damaged", {"labels.csv": TABLE, **IMAGES})
    hub.damaged.add("datasets/owner/damaged/images/1.png")
    hub.add("datasets/owner/gated", {})
    hub.refuse["datasets/owner/gated"] = (403, "GatedRepo")
    hub.add("datasets/owner/dropped", {"labels.csv": TABLE, **IMAGES})
    hub.drop["datasets/owner/dropped/images/0.png"] = 1
    return found


def test_a_repository_is_read_checked_and_kept(hub, client, commits):  # noqa: F811
    asked = [
        '{"repo": "owner/birds"}',
        '{"repo": "owner/birds", "revision": "v0", "root": "val", "name": "old"}',
        '{"repo": "owner/birds", "labels": "elsewhere.csv"}',
        '{"repo": "owner/dropped", "name": "birds"}',
        '{"repo": "owner/damaged"}',
        '{"repo": "owner/gated"}',
        '{"repo": "owner/bird"}',
        '{"repo": "owner/birds", "revision": "v9"}',
    ]
    table, folders, elsewhere, dropped, damaged, gated, absent, revision = client(LOAD, *asked)
    assert table == [*TABLED, f"from the hub: owner/birds at commit {commits['birds']}"]
    note = f"from the hub: owner/birds at commit {commits['v0']}"
    assert folders == ["old", ["jay", "wren"], ["label"], [[7] * 3, [9] * 3], note]
    assert elsewhere.endswith("has no elsewhere.csv; it holds README.md, images, labels.csv")
    assert dropped[:4] == TABLED
    assert damaged.startswith("1.png from the hub is damaged: its checksum is")
    assert gated.startswith(f"owner/gated is gated: accept its terms at {client.url}/datasets/owner/gated, then")
    assert absent.startswith(f"there is no dataset {client.url}/datasets/owner/bird, or it is private")
    assert "; nearest ids there: owner/birds, " in absent
    assert revision.startswith("owner/birds has no revision 'v9'")

    hub.requests.clear()
    cached, absent, damaged = client(LOAD, asked[0], asked[5], asked[4], HF_HUB_OFFLINE="1")
    assert cached == table
    assert "owner/gated is not whole in the cache" in absent
    assert "owner/damaged is not whole in the cache" in damaged
    assert hub.requests == []


def test_images_inside_parquet_files(hub, client, tmp_path):  # noqa: F811
    train = [write(tmp_path / f"{i}.parquet", [10 * i + k for k in range(3)], label=[0, 1, 0]) for i in range(2)]
    test = write(tmp_path / "test.parquet", [7, 9], classes=["jay", "wren"], label=[1, 0])
    files = {f"data/train-0000{i}-of-00002.parquet": file.read_bytes() for i, file in enumerate(train)}
    files["data/test-00000-of-00001.parquet"] = test.read_bytes()
    commit = hub.add("datasets/owner/inside", files)
    hub.add("datasets/owner/undecided", files)
    hub.add("datasets/owner/whole", {"data/all-00000-of-00001.parquet": test.read_bytes(), "README.md": b"birds"})
    hub.requests.clear()
    asked = [
        '{"repo": "owner/inside", "labels": "data/test-*.parquet"}',
        '{"repo": "owner/inside", "labels": "data/dev-*.parquet"}',
    ]
    chosen, absent = client(LOAD, *asked)
    expected = [
        "inside",
        ["wren", "jay"],
        ["label"],
        [[7] * 3, [9] * 3],
        f"from the hub: owner/inside at commit {commit}",
    ]
    assert chosen == expected
    assert absent.endswith("has no data/dev-*.parquet; leave labels out to see what it holds")
    assert not any("train" in path for _, path, _ in hub.requests)
    assert client(LOAD, asked[0], HF_HUB_OFFLINE="1") == [expected]

    hub.requests.clear()
    assert client(LOAD, '{"repo": "owner/undecided"}') == [
        "owner/undecided holds several splits: choose one with dataset.labels=PATTERN, one of "
        "data/test-*.parquet, data/train-*.parquet"
    ]
    assert not any("parquet" in path for _, path, _ in hub.requests)  # asked before anything is downloaded
    several, one_split, whole = client(
        LOAD,
        '{"repo": "owner/inside"}',
        '{"repo": "owner/inside", "labels": "data/train-*.parquet", "name": "train", "limit": 4}',
        '{"repo": "owner/whole"}',
    )
    assert several == (
        "owner/inside holds several splits: choose one with dataset.labels=PATTERN, one of "
        "data/test-*.parquet, data/train-*.parquet"
    )
    assert one_split[:2] == ["train", ["0", "1", "0", "0"]]
    assert one_split[3] == [[0] * 3, [1] * 3, [2] * 3, [10] * 3]
    assert whole[:2] == ["whole", ["wren", "jay"]]


def test_what_an_interrupted_download_left_is_completed(hub, client):  # noqa: F811
    """Images that are not there would be left out without a word."""
    classes = {f"{name}/{i}.png": picture(i) for name in ("jay", "wren") for i in range(2)}
    commit = hub.add("datasets/owner/broken", classes)
    asked = '{"repo": "owner/broken"}'
    (whole,) = client(LOAD, asked)
    folder = client.home / "hub" / "datasets--owner--broken"
    (folder / "snapshots" / commit / "wren" / "1.png").unlink()
    assert client(LOAD, asked) == [whole]
    hub.requests.clear()
    assert client(LOAD, asked) == [whole]
    assert hub.requests == []


def test_a_part_that_was_asked_for_before_is_not_the_whole(hub, client, tmp_path):  # noqa: F811
    files = {
        f"data/{split}-00000-of-00001.parquet": write(tmp_path / f"{split}.parquet", [1], label=[0]).read_bytes()
        for split in ("test", "train")
    }
    hub.add("datasets/owner/parts", files)
    one, several = client(LOAD, '{"repo": "owner/parts", "labels": "data/test-*.parquet"}', '{"repo": "owner/parts"}')
    assert one[1] == ["0"]
    assert several.startswith("owner/parts holds several splits: choose one")
