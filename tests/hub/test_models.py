"""Weights from a hub: what is loaded is what was published, at the commit that the record names, or one clear line."""

import pytest
from PIL import Image

from taxoeval.encoders import open_clip, timm
from tests.encoders.conftest import write_clip, write_timm

FAMILIES = {"clip": open_clip, "net": timm}
WEIGHTS = {"clip": "open_clip_model.safetensors", "net": "model.safetensors"}
# Several ids in one process: starting one takes longer than all that it does here.
LOAD = """
import json, sys
from huggingface_hub import constants
from PIL import Image
from taxoeval.encoders import open_clip, timm
from taxoeval.errors import TaxoevalError
constants.DOWNLOAD_CHUNK_SIZE = 65536  # what is kept of a broken answer is whole chunks, of 10 MB by default
found = {}
for asked in sys.argv[1:]:
    family, _, model = asked.partition(" ")
    try:
        encoder = {"clip": open_clip, "net": timm}[family].load(model)
        image = encoder.transform(Image.linear_gradient("L"))
        found[asked] = [encoder.embed_images(image[None])[0].tolist(), encoder.fingerprint["revision"]]
    except TaxoevalError as error:
        found[asked] = str(error)
print(json.dumps(found))
"""


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def vector(family, folder):
    encoder = FAMILIES[family].load(f"local-dir:{folder}")
    return pytest.approx(
        encoder.embed_images(encoder.transform(Image.linear_gradient("L"))[None])[0].tolist(), abs=1e-5
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two versions of each family's weights."""
    root = tmp_path_factory.mktemp("published")
    old = {"clip": write_clip(root / "clip0"), "net": write_timm(root / "net0")}
    new = {"clip": write_clip(root / "clip1", seed=1), "net": write_timm(root / "net1", seed=1)}
    return {"old": old, "new": new}


@pytest.fixture(scope="module")
def commits(hub, folders):
    """The hub with all its repositories, by family and version."""
    found = {}
    for family, folder in folders["old"].items():
        found[family, "old"] = hub.add(f"models/owner/{family}", files(folder), "v1")
        found[family, "new"] = hub.add(f"models/owner/{family}", files(folders["new"][family]))
        hub.add(f"models/owner/{family}-damaged", files(folder))
        hub.damaged.add(f"models/owner/{family}-damaged/{WEIGHTS[family]}")
    for name, refusal in {"gated": (403, "GatedRepo"), "private": (401, ""), "forbidden": (403, "")}.items():
        hub.add(f"models/closed/{name}", {})
        hub.refuse[f"models/closed/{name}"] = refusal
    hub.add("models/owner/dropped", files(folders["old"]["net"]))
    hub.drop["models/owner/dropped/model.safetensors"] = 1
    return found


@pytest.fixture(scope="module")
def loaded(client, commits):
    """What a first process gets, which has nothing in its cache."""
    asked = [f"{family} hf-hub:owner/{family}{rest}" for family in FAMILIES for rest in ("", "@v1", "-damaged")]
    asked += [f"net hf-hub:closed/{name}" for name in ("gated", "private", "forbidden")]
    asked += [f"net hf-hub:owner/{name}" for name in ("dropped", "nett", "net@v9")]
    return client(LOAD, *asked, "clip hf-hub:owner/dropped")


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_the_folder_and_the_commit_is_recorded(loaded, folders, commits, family):
    for rest, version in {"": "new", "@v1": "old"}.items():
        expected = [vector(family, folders[version][family]), commits[family, version]]
        assert loaded[f"{family} hf-hub:owner/{family}{rest}"] == expected


def test_a_dropped_connection_goes_on_where_it_broke(hub, loaded, folders):
    assert loaded["net hf-hub:owner/dropped"][0] == vector("net", folders["old"]["net"])
    path = "/owner/dropped/resolve/main/model.safetensors"
    ranges = [wanted for method, asked, wanted in hub.requests if (method, asked) == ("GET", path)]
    half = (folders["old"]["net"] / "model.safetensors").stat().st_size // 2
    assert ranges == [None, f"bytes={half // 65536 * 65536}-"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("net hf-hub:owner/nett", "there is no model {url}/owner/nett, or it is private and needs a token"),
        ("net hf-hub:owner/nett", "nearest ids there: owner/net"),
        ("net hf-hub:owner/net@v9", "owner/net has no revision 'v9': give a branch, a tag or a commit"),
        ("net hf-hub:closed/gated", "closed/gated is gated: accept its terms at {url}/closed/gated, then give a token"),
        ("net hf-hub:closed/private", "{url}/closed/private"),
        ("net hf-hub:closed/private", "HF_TOKEN="),
        ("net hf-hub:closed/forbidden", "{url}/closed/forbidden refuses with status 403: the token is wrong or lacks"),
        ("clip hf-hub:owner/dropped", "the model owner/dropped of the hub holds no open_clip_config.json"),
    ],
)
def test_refusals_are_one_line_that_says_what_to_do(loaded, client, asked, expected):
    line = loaded[asked]
    assert expected.format(url=client.url) in line
    assert "\n" not in line


def test_a_damaged_file_is_refused_and_a_later_run_gets_a_good_one(hub, client, loaded, folders):
    asked = {family: f"{family} hf-hub:owner/{family}-damaged" for family in FAMILIES}
    for family, name in WEIGHTS.items():
        assert f"{name} from the hub is damaged: its checksum is" in loaded[asked[family]]
    hub.damaged.clear()
    later = client(LOAD, *asked.values())
    for family in FAMILIES:
        assert later[asked[family]][0] == vector(family, folders["old"][family])


def test_offline_the_cache_answers_without_a_request(hub, client, loaded):
    hub.requests.clear()
    known = [f"{family} hf-hub:owner/{family}{rest}" for family in FAMILIES for rest in ("", "@v1")]
    found = client(LOAD, *known, "net hf-hub:owner/absent", HF_HUB_OFFLINE="1")
    assert {asked: found[asked] for asked in known} == {asked: loaded[asked] for asked in known}
    assert "HF_HUB_OFFLINE=1 forbids a download; load it once where" in found["net hf-hub:owner/absent"]
    assert hub.requests == []
