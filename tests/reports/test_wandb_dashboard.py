"""The workspace that is built for finished runs: what it would send to W&B, looked at without sending it."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.reports import Cell, write_run
from taxoeval.reports import wandb_dashboard as dashboard
from taxoeval.reports.wandb_dashboard import Name, known, main, specification, workspace
from taxoeval.reports.wandb_summary import by_rank, summary
from tests.reports import fake

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1 style:DeprecationWarning")  # of wandb_workspaces

SECTIONS = ["accuracy by rank", "mistakes", "calibration", "latent space", "speed"]


def run():
    """The made-up run with calibration and a task about the latent space."""
    calibration = fake.score("calibration_error", 0.1, higher_is_better=False)
    of = {"decoder": "", "task": "structure", "slice": "images"}
    latent = (
        fake.score("purity", 0.75, "genus", k=20, **of),
        fake.score("purity", 0.5, "species", k=20, **of),
        fake.score("hubness", 2.0, "", **of),
        fake.score("some_other", 2.0, "", **of),
    )
    made = fake.run(timings={"dataset": 0.25, "encoder.embed": 2.0})
    figures = {"images_map.png": b"not looked at", "images_map.svg": b"<svg/>"}
    structure = Cell("mini_clip", "encoder", "structure", "ok", scores=latent, figures=figures)
    first = replace(made.cells[0], scores=(*made.cells[0].scores, calibration))
    return replace(made, cells=(first, *made.cells[1:], structure))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run, and no key."""
    monkeypatch.setattr(dashboard, "key_is_set", lambda: False)
    write_run(run(), tmp_path / "run")
    return tmp_path / "run"


def panels(spec: dict) -> dict[str, list[dict]]:
    sections = spec["section"]["panelBankConfig"]["sections"]
    return {section["name"]: section["panels"] for section in sections}


def test_every_name_is_one_that_a_run_logs(folder: Path):
    held = known([folder])
    assert {name.key for name in held.names} <= summary(run()).keys()
    lines = {name.line for name in held.names if name.rank and (not name.decoder or name.metric == "rank_hits")}
    drawn = {key for row in by_rank(run()) for key in row}
    assert {line for line in lines if not line.endswith("/")} == drawn - {"rank_depth"}
    assert held.ranks == fake.RANKS
    assert held.tasks == ("knn", "zero_shot", "structure")
    assert held.figures == ("figures/structure/images_map",)


def test_first_is_the_first_decoder_of_a_task_and_part(folder: Path):
    assert Name("zero_shot", "all", "rank_sum", "species", "rank_hits", 1, True) in known([folder]).names
    doubled = replace(run(), cells=(replace(run().cells[0], scores=(*fake.scores(), *fake.scores(decoder="crm"))),))
    write_run(doubled, folder)
    assert {(name.decoder, name.first) for name in known([folder]).names} == {("leaf_argmax", True), ("crm", False)}


def test_the_workspace_has_five_sections(folder: Path):
    pytest.importorskip("wandb_workspaces")
    space = workspace("me", "birds", known([folder]), "field")
    assert (space.entity, space.project, space.name) == ("me", "birds", "field")
    made = panels(specification(space))
    assert list(made) == SECTIONS
    line = made["accuracy by rank"][0]
    assert line["viewType"] == "Run History Line Plot"
    assert line["config"]["xAxis"] == "rank_depth"
    assert line["config"]["metrics"] == ["by_rank/knn/leaf_argmax"]
    assert line["config"]["xAxisTitle"] == "rank: 1 order, 2 family, 3 genus, 4 species"
    bars = {
        section: [panel["config"]["metrics"][0] for panel in of if panel["viewType"] == "Bar Chart"]
        for section, of in made.items()
    }
    assert bars == {
        "accuracy by rank": ["knn/leaf_argmax/species/rank_hits", "zero_shot/rank_sum/species/rank_hits"],
        "mistakes": [
            "knn/leaf_argmax/lineage/mistake_severity",
            "zero_shot/rank_sum/lineage/mistake_severity",
            "knn/leaf_argmax/lineage/average_hierarchical_distance",
            "zero_shot/rank_sum/lineage/average_hierarchical_distance",
        ],
        "calibration": ["knn/leaf_argmax/species/calibration_error"],
        "latent space": ["structure@images/none/lineage/hubness"],
        "speed": ["timings/dataset", "timings/encoder_embed", "knn/seconds", "zero_shot/seconds", "structure/seconds"],
    }
    assert bars["speed"] and set().union(*bars.values()) <= summary(run()).keys()  # noqa: PT018 - one statement
    tables = [json.dumps(panel) for panel in made["mistakes"] if panel["viewType"] == "Weave"]
    assert [name for name in ("mistakes", "confusions", "clades") if any(f'"{name}"' in t for t in tables)] == [
        "mistakes",
        "confusions",
        "clades",
    ]
    latent = {panel["viewType"]: panel["config"] for panel in made["latent space"]}
    assert latent["Run History Line Plot"]["metrics"] == ["by_rank/structure@images/purity_top20"]
    assert latent["Media Browser"]["mediaKeys"] == ["figures/structure/images_map"]
    scatter = made["speed"][0]["config"]
    assert (scatter["xAxis"], scatter["yAxis"]) == (
        "summary:timings/encoder_embed",
        "summary:knn/leaf_argmax/species/rank_hits",
    )


def test_a_section_without_numbers_says_so(tmp_path: Path):
    pytest.importorskip("wandb_workspaces")
    write_run(fake.run(cells=fake.run().cells[1:2]), tmp_path)
    made = panels(specification(workspace("me", "birds", known([tmp_path]))))
    assert [panel["viewType"] for panel in made["latent space"]] == ["Markdown Panel"]
    assert made["latent space"][0]["config"]["value"] == "No run has such numbers."


def test_without_a_key_the_specification_is_written(folder: Path, tmp_path: Path, capsys):
    pytest.importorskip("wandb_workspaces")
    file = tmp_path / "spec.json"
    assert main(["me/birds", str(folder), "--spec", str(file)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told[:5]] == SECTIONS
    assert told[6].startswith("not saved: W&B has no key here")
    assert list(panels(json.loads(file.read_text()))) == SECTIONS


def test_with_a_key_it_is_saved(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    space = pytest.importorskip("wandb_workspaces.workspaces").Workspace
    monkeypatch.setattr(dashboard, "key_is_set", lambda: True)
    saved = []
    monkeypatch.setattr(space, "save", lambda self: saved.append(self.project))
    monkeypatch.setattr(space, "url", "https://server.invalid/me/birds")
    assert main(["me/birds", str(folder)]) == 0
    assert saved == ["birds"]
    assert capsys.readouterr().out.splitlines()[-1] == "saved: https://server.invalid/me/birds"

    def refuse(self):
        raise ConnectionError("no\nserver")

    monkeypatch.setattr(space, "save", refuse)
    assert main(["me/birds", str(folder)]) == 1
    assert capsys.readouterr().err == "taxoeval: not saved: ConnectionError: no server\n"


def test_what_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    assert main(["birds", str(folder)]) == 1
    assert main(["me/birds", str(folder / "nothing")]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "taxoeval: 'birds' is not of the form ENTITY/PROJECT"
    assert "no run.json" in told[1]
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    with pytest.raises(TaxoevalError, match=r"needs wandb-workspaces: pip install 'taxoeval\[dashboard\]'"):
        workspace("me", "birds", known([folder]))
