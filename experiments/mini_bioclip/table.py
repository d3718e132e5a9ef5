"""Print the tables of README.md from ``answers.parquet``.

python experiments/mini_bioclip/table.py outputs/mini_bioclip
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from measure import BIRDS, OBJECTS, RANKS
from model import DATA

from taxoeval.datasets import table
from taxoeval.metrics import statistics

HERE = Path(__file__).parent
TOWERS = ("tower", "linear")


def percent(interval: statistics.Interval, sign: str = "") -> str:
    return f"{100 * interval.estimate:{sign}.1f} ({100 * interval.low:{sign}.1f} to {100 * interval.high:{sign}.1f})"


class Answers:
    """Means over seeds with intervals over the taxa that were held out, and their spread over folds."""

    def __init__(self, file: Path) -> None:
        self.rows = pd.read_parquet(file)
        self.rows["tower"] = np.where(self.rows["seed"] < 0, "linear", "tower")
        dataset = table.load(DATA / "images" / "birds" / "labels.csv")
        images = np.flatnonzero(dataset.taxonomy.rank[dataset.taxon] == dataset.taxonomy.n_ranks - 1)
        self.taxon = {unit: dataset.taxonomy.at(unit)[dataset.taxon[images]] for unit in ("genus", "family")}

    def of(self, **which: str) -> pd.DataFrame:
        found = self.rows
        for name, value in which.items():
            found = found[found[name] == value]
        return found

    def images(self, rank: str, **which: str) -> pd.Series:
        """Mean over seeds and, for birds known in several folds, over folds."""
        return self.of(**which).groupby("image")[rank].mean()

    def interval(self, values: pd.Series, unit: str) -> statistics.Interval:
        groups = self.taxon[unit][values.index.to_numpy()]
        return statistics.bootstrap(values.to_numpy(), groups=groups, stages=1, method="studentised", resamples=2000)

    def accuracy(self, rank: str, **which: str) -> str:
        values = self.images(rank, **which)
        return percent(self.interval(values, which["held_out"])) if len(values) else "–"

    def mean(self, rank: str, **which: str) -> str:
        return f"{100 * self.images(rank, **which).mean():.1f}"

    def less(self, rank: str, **which: str) -> pd.Series:
        """By how much captions of lineages are better, image by image, with the seeds that both were trained with."""
        other = self.of(**which)
        base = self.of(**{**which, "captions": "taxon"})
        base = base[base["seed"].isin(other["seed"])]
        return base.groupby("image")[rank].mean() - other.groupby("image")[rank].mean()

    def spread(self, rank: str, by: str, **which: str) -> str:
        found = 100 * self.of(**which).groupby(by)[rank].mean()
        return f"{found.min():.0f}–{found.max():.0f}"


def captions_table(answers: Answers, weights: str, held_out: str, ranks: tuple[str, ...], main: str) -> None:
    """New taxa among themselves and among all candidates, and known species, by way of writing the captions."""
    columns = [*ranks, f"{main}, by fold", f"{main}, taxon less this", f"among all: {main}", "seen: species"]
    print(f"\n**{weights}, new: {held_out}**\n")
    print(f"| captions | read by | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
    first = {"weights": weights, "held_out": held_out, "prompt": "as trained"}
    for tower in TOWERS:
        for captions in answers.of(**first)["captions"].unique():
            if (captions, tower) == ("shuffled", "linear"):
                continue  # it reads no order
            which = {**first, "captions": captions, "tower": tower}
            cells = [answers.accuracy(rank, **which, part="new") for rank in ranks]
            cells.append(answers.spread(main, "fold", **which, part="new"))
            less = answers.less(main, **which, part="new")
            cells.append("" if captions == "taxon" else percent(answers.interval(less, held_out), "+"))
            cells.append(answers.mean(main, **which, part="new among all"))
            cells.append(answers.mean("species", **which, part="seen"))
            print(f"| {captions} | {tower} | {' | '.join(cells)} |")
    chance = {**first, "captions": "taxon", "tower": "linear"}
    cells = [answers.mean(f"{rank}_chance", **chance, part="new") for rank in ranks]
    cells += [answers.spread(f"{main}_chance", "fold", **chance, part="new"), ""]
    cells.append(answers.mean(f"{main}_chance", **chance, part="new among all"))
    cells.append(answers.mean("species_chance", **chance, part="seen"))
    print(f"| *chance* | | {' | '.join(cells)} |")


def prompts_table(answers: Answers) -> None:
    """The model trained on lineages, asked with other ancestors."""
    print("\n**ancestors in the prompt**\n")
    parts = (("new", "order"), ("new", "family"), ("seen", "family"), ("seen", "species"))
    columns = [f"{part}: {rank}" for part, rank in parts]
    print(f"| read by | ancestors | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
    first = {"weights": OBJECTS, "held_out": "genus", "captions": "taxon"}
    for tower in TOWERS:
        for prompt in answers.of(**first)["prompt"].unique():
            if (prompt, tower) == ("shuffled", "linear"):
                continue
            which = {**first, "tower": tower, "prompt": prompt}
            cells = [answers.accuracy(rank, **which, part=part) for part, rank in parts]
            print(f"| {tower} | {prompt} | {' | '.join(cells)} |")


def figures(answers: Answers) -> dict[str, dict[str, float]]:
    """Every mean on record."""
    by = ["weights", "held_out", "captions", "tower", "prompt", "part"]
    means = answers.rows.groupby(by)[[*RANKS, *(f"{rank}_chance" for rank in RANKS)]].mean().round(4)
    return {" / ".join(key): row.to_dict() for key, row in means.iterrows()}


def main(folder: Path) -> None:
    answers = Answers(folder / "answers.parquet")
    captions_table(answers, OBJECTS, "genus", RANKS, "family")
    captions_table(answers, BIRDS, "genus", RANKS, "family")
    captions_table(answers, OBJECTS, "family", ("order",), "order")
    prompts_table(answers)
    (HERE / "figures.json").write_text(json.dumps(figures(answers), indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
