"""Pinned revisions: every file of an encoder, its tokenizer's too, comes from the commit that the record names."""

import pytest
import torch
from PIL import Image

from taxoeval.encoders import transformers
from tests.encoders.conftest import TINY_CLIP, write_clip
from tests.encoders.tiny_transformers import MODELS, WORDS, write, write_tokenizer
from tests.encoders.tiny_transformers import transformers as library

LOAD = """
import json, sys
from PIL import Image
from taxoeval.encoders import open_clip, transformers
from taxoeval.errors import TaxoevalError
found = {}
for asked in sys.argv[1:]:
    family, _, model = asked.partition(" ")
    try:
        encoder = {"clip": open_clip, "tf": transformers}[family].load(model)
        image = encoder.transform(Image.linear_gradient("L"))
        tokens = encoder.tokenizer(["a photo of pica"]) if encoder.has_text else None
        tokens = tokens["input_ids"] if family == "tf" and tokens else tokens.tolist() if tokens is not None else None
        found[asked] = {
            "vector": encoder.embed_images(image[None])[0].tolist(),
            "tokens": tokens and tokens[0][:6],
            "revision": encoder.fingerprint["revision"],
            "name": encoder.name,
        }
    except TaxoevalError as error:
        found[asked] = str(error)
print(json.dumps(found))
"""
MOVED = [*WORDS[:4], "pica", "of", "photo", "a", "corax", "corvus"]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def clip(folder, tokenizer, seed=0):
    text = {**TINY_CLIP["text_cfg"], "context_length": 12, "vocab_size": 10, "hf_tokenizer_name": tokenizer}
    return files(write_clip(folder, {**TINY_CLIP, "custom_text": True, "text_cfg": text}, seed=seed))


def tokenizer(folder, words=WORDS):
    write_tokenizer(folder, words)
    return files(folder)


@pytest.fixture(scope="module")
def commits(hub, tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    old, new = write(root / "old", "clip"), write(root / "new", "clip", seed=1)
    write_tokenizer(new, MOVED)
    found = {("tf", "old"): hub.add("models/owner/birds", files(old), "v1")}
    found["tf", "new"] = hub.add("models/owner/birds", files(new))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        MODELS["vit"]().save_pretrained(root / "parts", max_shard_size="10KB")
    library.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(root / "parts")
    found["parts"] = hub.add("models/owner/parts", files(root / "parts"))
    hub.add("models/owner/damaged", files(root / "parts"))
    hub.damaged.add("models/owner/damaged/model-00002-of-00003.safetensors")
    words = tokenizer(root / "words"), tokenizer(root / "moved", MOVED)
    for version, seed, revision in (("old", 0, "v1"), ("new", 1, "main")):
        own = {**clip(root / f"own{seed}", "owner/speaker", seed), **words[seed]}
        found["clip", version] = hub.add("models/owner/speaker", own, revision)
    found["other"] = hub.add("models/owner/listener", clip(root / "other", "owner/words"), "v1")
    hub.add("models/owner/words", words[1])
    hub.add("models/owner/mute", clip(root / "mute", "owner/mute"), "v1")
    hub.add("models/closed/gated", {})
    hub.refuse["models/closed/gated"] = (403, "GatedRepo")
    return found | {"folders": (old, new, root / "parts")}


ASKED = [
    *(
        f"{family} {model}"
        for family, model in [("tf", "owner/birds@v1"), ("tf", "owner/birds"), ("tf", "owner/parts")]
    ),
    *(f"clip hf-hub:owner/{name}" for name in ("speaker@v1", "speaker", "listener@v1")),
]
REFUSED = ["tf owner/damaged", "tf closed/gated", "tf owner/bird", "tf owner/birds@v9", "clip hf-hub:owner/mute@v1"]
OLD, NEW = ([words.index(word) for word in ("a", "photo", "of", "pica")] for words in (WORDS, MOVED))


@pytest.fixture(scope="module")
def loaded(client, commits):
    """What a first process gets, which has nothing in its cache."""
    return client(LOAD, *ASKED, *REFUSED)


@pytest.mark.parametrize(("asked", "version"), [("tf owner/birds@v1", "old"), ("tf owner/birds", "new")])
def test_a_transformers_encoder_is_that_of_its_revision(loaded, commits, asked, version):
    encoder = transformers.load(f"local-dir:{commits['folders'][version == 'new']}")
    vector = encoder.embed_images(encoder.transform(Image.linear_gradient("L"))[None])[0].tolist()
    tokens = [2, *(OLD if version == "old" else NEW), 3]
    expected = {"vector": pytest.approx(vector, abs=1e-5), "tokens": tokens, "revision": commits["tf", version]}
    assert loaded[asked] == {**expected, "name": "birds"}


def test_weights_in_several_files_are_checked_one_by_one(hub, loaded, commits):
    names = [name for name in hub.repos["models/owner/parts"]["main"] if name.endswith(".safetensors")]
    assert len(names) == 3
    encoder = transformers.load(f"local-dir:{commits['folders'][2]}")
    vector = encoder.embed_images(encoder.transform(Image.linear_gradient("L"))[None])[0].tolist()
    assert loaded["tf owner/parts"]["vector"] == pytest.approx(vector, abs=1e-5)
    assert loaded["tf owner/parts"]["revision"] == commits["parts"]
    assert loaded["tf owner/damaged"].startswith("model-00002-of-00003.safetensors from the hub is damaged: its check")


@pytest.mark.parametrize(
    ("asked", "commit", "tokens"),
    [
        ("speaker@v1", ("clip", "old"), OLD),
        ("speaker", ("clip", "new"), NEW),
        ("listener@v1", "other", NEW),
    ],
)
def test_an_open_clip_tokenizer_of_several_files_is_that_of_the_revision(loaded, commits, asked, commit, tokens):
    found = loaded[f"clip hf-hub:owner/{asked}"]
    assert (found["revision"], found["tokens"]) == (commits[commit], [2, *tokens, 3])


def test_the_files_of_a_tokenizer_come_from_one_commit(hub, loaded, commits):
    paths = {path for method, path, _ in hub.requests if method == "GET" and "tokenizer" in path}
    of = {
        repo: sorted(path for path in paths if path.startswith(f"/owner/{repo}/")) for repo in ("speaker", "listener")
    }
    old = [path for path in of["speaker"] if "/resolve/main/" not in path]
    names = ("tokenizer.json", "tokenizer_config.json")
    assert old == [f"/owner/speaker/resolve/{commits['clip', 'old']}/{name}" for name in names]
    assert of["listener"] == []  # its tokenizer is another repository's


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("tf closed/gated", "closed/gated is gated: accept its terms at {url}/closed/gated, then give a token"),
        ("tf owner/bird", "there is no model {url}/owner/bird, or it is private and needs a token"),
        ("tf owner/bird", "; nearest ids there: owner/birds"),
        ("tf owner/birds@v9", "owner/birds has no revision 'v9': give a branch, a tag or a commit"),
        ("clip hf-hub:owner/mute@v1", "owner/mute@v1 holds no tokenizer: put tokenizer.json there, of owner/mute"),
    ],
)
def test_refusals_are_one_line_that_says_what_to_do(loaded, client, asked, expected):
    assert expected.format(url=client.url) in loaded[asked]
    assert "\n" not in loaded[asked]


def test_a_branch_that_moves_and_a_file_that_is_lost(hub, client, loaded, commits):
    """What was loaded stays as it was, without a request; a lost part is fetched again, at the same commit."""
    hub.add("models/owner/birds", hub.repos["models/owner/birds"]["v1"])
    hub.requests.clear()
    assert client(LOAD, *ASKED, HF_HUB_OFFLINE="1") == {asked: loaded[asked] for asked in ASKED}
    assert hub.requests == []
    lost = next(client.home.glob("hub/models--owner--parts/snapshots/*/model-00003-of-00003.safetensors"))
    lost.resolve().unlink()
    lost.unlink()
    assert client(LOAD, "tf owner/parts") == {"tf owner/parts": loaded["tf owner/parts"]}
    fetched = [path for method, path, _ in hub.requests if method == "GET" and "/resolve/" in path]
    assert fetched == [f"/owner/parts/resolve/{commits['parts']}/model-00003-of-00003.safetensors"]
