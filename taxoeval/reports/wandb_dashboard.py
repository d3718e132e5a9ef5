"""``python -m taxoeval.reports.wandb_dashboard ENTITY/PROJECT RUN...``: a W&B workspace for runs such as those given.

Five sections lay run over run: accuracy by rank, mistakes, calibration, latent space, speed. The runs named are read
from disk only to know which tasks, decoders and ranks there are; the workspace shows all runs of the project. Without
a key nothing is sent, and the specification can still be written and read.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxoeval.errors import TaxoevalError
from taxoeval.reports.atomic import together
from taxoeval.reports.files import read_run
from taxoeval.reports.wandb_process import key_is_set
from taxoeval.reports.wandb_summary import axis, line_of, part_of, word

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Section, Workspace

LINES = ("purity", "silhouette", "triplets", "clade_recall", "variance", "AMI_k-means")
"""Metrics of the latent space that are drawn over ranks, where a run has them."""

BARS = ("Mantel_Spearman", "effective_dimension", "anisotropy", "hubness", "modality_gap", "CKA_of_images_and_texts")
"""Those with one number per run."""

PARTS = ("all", "images", "spaces")
"""Parts of the latent space that are drawn: the mean vectors of species and the texts would double the panels."""


@dataclass(frozen=True)
class Name:
    """One number of a run, by what its keys in W&B are made of; ``first``: of the first decoder of its task and part.

    Examples
    --------
    >>> one = Name("knn", "all", "leaf_argmax", "species", "rank_hits", 1, True)
    >>> one.key, one.line
    ('knn/leaf_argmax/species/rank_hits', 'by_rank/knn/leaf_argmax')
    """

    task: str
    part: str
    decoder: str
    rank: str
    metric: str
    k: int
    first: bool

    @property
    def key(self) -> str:
        """Of the summary."""
        answers = "" if self.k == 1 else f"_top{self.k}"
        return f"{self.title}/{word(self.decoder)}/{self.rank or 'lineage'}/{self.metric}{answers}"

    @property
    def line(self) -> str:
        """Of the line over ranks that it is a point of."""
        return f"by_rank/{self.title}/{line_of(self.decoder, self.metric, self.k)}"

    @property
    def title(self) -> str:
        """Task and part."""
        return part_of(self.task, self.part)


@dataclass(frozen=True)
class Known:
    """What the runs of a project hold: numbers, ranks coarse to fine, steps that were timed, and figures."""

    names: tuple[Name, ...]
    ranks: tuple[str, ...]
    tasks: tuple[str, ...]
    steps: tuple[str, ...]
    figures: tuple[str, ...]


def known(folders: Iterable[Path]) -> Known:
    """Read what runs hold of the encoders under evaluation.

    Raises
    ------
    TaxoevalError
        If a folder holds no finished run of this version.
    """
    names: dict[Name, None] = {}
    ranks: dict[str, None] = {}
    tasks: dict[str, None] = {}
    steps: dict[str, None] = {}
    figures: dict[str, None] = {}
    for folder in folders:
        saved = read_run(folder)
        ranks |= dict.fromkeys(saved.meta["taxonomy"]["n_taxa"])
        steps |= dict.fromkeys(saved.meta["timings"])
        tasks |= {cell["task"]: None for cell in saved.meta["cells"] if cell["status"] == "ok"}
        starts = {f"{c['role']}_{c['encoder']}_{c['task']}_": c["task"] for c in saved.meta["cells"]}
        for start, task in starts.items():
            if start.startswith("encoder_"):
                stems = (Path(file).stem for file in saved.meta["files"] if file.endswith(".png"))
                figures |= {f"figures/{word(task)}/{s.removeprefix(start)}": None for s in stems if s.startswith(start)}
        first: dict[tuple[str, str], str] = {}
        for row in saved.scores().to_pylist():
            if row["role"] == "encoder" and row["metric"]:
                own = first.setdefault((row["task"], row["slice"]), row["decoder"]) == row["decoder"]
                of = (row["task"], row["slice"], row["decoder"])
                names[Name(*of, row["rank"], row["metric"], row["k"], own)] = None
    return Known(tuple(names), tuple(ranks), tuple(tasks), tuple(steps), tuple(figures))


def workspace(entity: str, project: str, held: Known, name: str = "taxoeval") -> "Workspace":
    """Build the workspace; nothing is sent until its ``save`` is called.

    Parameters
    ----------
    entity, project
        Where it belongs.
    held
        What the runs hold; see `known`.
    name
        Its title.

    Raises
    ------
    TaxoevalError
        If the package that describes workspaces is not installed.
    """
    try:
        from wandb_workspaces import workspaces as ws
    except ImportError:
        raise TaxoevalError("a dashboard needs wandb-workspaces: pip install 'taxoeval[dashboard]'") from None
    sections = [
        _section("accuracy by rank", _accuracy(held)),
        _section("mistakes", _mistakes(held)),
        _section("calibration", _calibration(held)),
        _section("latent space", _latent_space(held)),
        _section("speed", _speed(held)),
    ]
    return ws.Workspace(entity=entity, project=project, name=name, sections=sections)


def specification(space: "Workspace") -> dict[str, Any]:
    """What W&B would be sent, as plain values."""
    # the package has no public way to see it without sending it
    text: str = space._to_model().spec.model_dump_json(by_alias=True, exclude_none=True)
    return dict(json.loads(text))


def _section(name: str, panels: list[Any]) -> "Section":
    from wandb_workspaces.reports import v2 as wr
    from wandb_workspaces.workspaces import Section

    return Section(name=name, panels=panels or [wr.MarkdownPanel(markdown="No run has such numbers.")], is_open=True)


def _bars(title: str, names: Sequence[Name]) -> list[Any]:
    """One bar per run; no panel where there is nothing to show."""
    from wandb_workspaces.reports import v2 as wr

    return [wr.BarPlot(title=title, metrics=[name.key for name in names])] if names else []


def _accuracy(held: Known) -> list[Any]:
    from wandb_workspaces.reports import v2 as wr

    hits = [name for name in held.names if name.first and name.metric == "rank_hits" and name.k == 1]
    finest = [name for name in hits if name.rank == held.ranks[-1]]
    lines = {name.line: name.title for name in hits}
    panels: list[Any] = [
        wr.LinePlot(title=title, x="rank_depth", y=[line], range_y=(0, 1), title_x=axis(held.ranks), title_y="accuracy")
        for line, title in lines.items()
    ]
    for name in finest:
        panels += _bars(f"{name.title}: {name.rank} accuracy", [name])
    return panels


def _mistakes(held: Known) -> list[Any]:
    from wandb_workspaces.reports import v2 as wr

    panels: list[Any] = []
    for metric in ("mistake_severity", "average_hierarchical_distance"):
        for name in held.names:
            if name.first and name.metric == metric:
                panels += _bars(f"{name.title}: {metric.replace('_', ' ')}, ranks to climb", [name])
    tables = ("mistakes", "confusions", "clades", "mistake_ranks") if panels else ()
    return panels + [wr.WeavePanelSummaryTable(table_name=table) for table in tables]


def _calibration(held: Known) -> list[Any]:
    panels: list[Any] = []
    for metric in ("calibration_error", "log_loss", "coverage"):
        for name in held.names:
            if name.first and name.metric == metric and name.rank == held.ranks[-1] and name.k == 1:
                panels += _bars(f"{name.title}: {name.rank} {metric.replace('_', ' ')}", [name])
    return panels


def _latent_space(held: Known) -> list[Any]:
    from wandb_workspaces.reports import v2 as wr

    undecoded = [name for name in held.names if not name.decoder and name.part in PARTS]
    lines = {
        name.line: f"{name.title}: {name.metric.replace('_', ' ')}"
        for metric in LINES
        for name in undecoded
        if name.metric == metric and name.rank
    }
    panels: list[Any] = [
        wr.LinePlot(title=title, x="rank_depth", y=[line], title_x=axis(held.ranks)) for line, title in lines.items()
    ]
    for metric in BARS:
        for name in undecoded:
            if name.metric == metric and not name.rank:
                panels += _bars(f"{name.title}: {metric.replace('_', ' ')}", [name])
    return panels + [wr.MediaBrowser(title=key.split("/", 1)[1], media_keys=[key]) for key in held.figures]


def _speed(held: Known) -> list[Any]:
    from wandb_workspaces.reports import v2 as wr

    keys = [f"timings/{step.replace('.', '_')}" for step in held.steps]
    keys += [f"{word(task)}/seconds" for task in held.tasks]
    panels: list[Any] = [wr.BarPlot(title=f"{key}, s", metrics=[key]) for key in keys]
    finest = [n for n in held.names if n.first and n.metric == "rank_hits" and n.k == 1 and n.rank == held.ranks[-1]]
    if finest and "encoder.embed" in held.steps:
        embed, hits = wr.SummaryMetric("timings/encoder_embed"), wr.SummaryMetric(finest[0].key)
        panels.insert(0, wr.ScatterPlot(title="quality against seconds to embed", x=embed, y=hits))
    return panels


def outline(spec: Mapping[str, Any]) -> list[str]:
    """One line per section: its name and how many panels it has."""
    sections = spec["section"]["panelBankConfig"]["sections"]
    return [f"{section['name']}: {len(section['panels'])} panels" for section in sections]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the workspace, say what is in it, and save it where there is a key; the exit status is 1 if that fails."""
    parser = argparse.ArgumentParser(
        prog="python -m taxoeval.reports.wandb_dashboard", description="A W&B workspace for runs such as those given."
    )
    parser.add_argument("place", metavar="ENTITY/PROJECT", help="where the runs were logged")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--name", default="taxoeval", help="title of the workspace")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="write the specification there, as JSON")
    told = parser.parse_args(arguments)
    try:
        entity, _, project = told.place.partition("/")
        if not entity or not project or "/" in project:
            raise TaxoevalError(f"{told.place!r} is not of the form ENTITY/PROJECT")
        space = workspace(entity, project, known(told.runs), told.name)
        spec = specification(space)
        print(*outline(spec), sep="\n")
        if told.spec:
            with together(told.spec.parent, told.spec.name) as staged:
                staged(told.spec.name).write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
            print(f"specification: {told.spec}")
        if not key_is_set():
            print("not saved: W&B has no key here; `wandb login` or WANDB_API_KEY gives it one")
            return 0
        space.save()
        print(f"saved: {space.url}")
    except TaxoevalError as error:
        print(f"taxoeval: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # whatever the service and its package raise
        print(f"taxoeval: not saved: {type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
