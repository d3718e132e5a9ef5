"""The figures of the README: the same answers counted in four ways.

Usage: ``python experiments/camera_trap/table.py LABELS_CSV ANSWERS_FOLDER RUNS_FOLDER``
"""

import sys
from pathlib import Path

import answers
import numpy as np
import pandas as pd

from taxoeval.reports import read_run

SHOWN = ("class", "order", "family", "genus", "species")


def naive(given: pd.DataFrame, labels: pd.DataFrame) -> list[str]:
    """Three usual counts: equal lineages, equal species cells with blanks equal, species where the label has one."""
    ranks = list(answers.RANKS)
    whole = (given[ranks] == labels[ranks]).all(axis=1)
    cell = given["species"] == labels["species"]
    has = labels["species"] != ""
    return [
        f"{100 * share:.0f}"
        for share in (whole.mean(), cell.mean(), (cell & (given["genus"] == labels["genus"]))[has].mean())
    ]


def ours(folder: Path, decoder: str = "leaf_argmax") -> tuple[Path, list[str]]:
    """The file of answers of a run, and its accuracy per rank, distance and share answered."""
    run = read_run(folder)
    rows = run.scores().to_pandas().query("decoder == @decoder and slice == 'all' and k == 1")
    value = rows.set_index(["metric", "rank"])["value"]
    hits = [f"{100 * value['rank_hits', rank]:.0f}" for rank in SHOWN]
    distance = f"{value['average_hierarchical_distance', '']:.2f}"
    answered = f"{100 * value['coverage', 'species']:.0f}"
    path = Path(run.meta["config"]["task"]["score_predictions"]["answers"])
    return path, [*hits, distance, answered]


def main(table: Path, folder: Path, runs: Path) -> None:
    """Print Markdown."""
    labels = answers.read(table)
    print(
        f"| answers | same lineage | same species cell | only labels with species | {' | '.join(SHOWN)} "
        "| distance | answered |"
    )
    print("|---" * 11 + "|")
    for run in sorted(path.parent for path in runs.glob("*/run.json")):
        path, numbers = ours(run)
        if path.suffix == ".csv":
            print(f"| {path.stem} | {' | '.join([*naive(answers.read(path), labels), *numbers])} |")
    logits, classes = np.load(folder / "scores.npy"), answers.read(folder / "candidates.csv")
    first = classes.iloc[logits.argmax(axis=1)].reset_index(drop=True)
    same = first["original_label"] == labels["original_label"]
    print(f"\n33 strings as 33 classes: {100 * same.mean():.1f} % right of {len(labels)}")
    kinds = {"the same taxon": 0, "a taxon above or below": 0, "another": 0}
    for given, true in zip(
        first[~same].to_numpy(), labels.loc[~same, ["original_label", *answers.RANKS]].to_numpy(), strict=True
    ):
        a, b = ([name for name in row[1:] if name] for row in (given, true))
        nested = a[: min(len(a), len(b))] == b[: min(len(a), len(b))]
        kinds["another" if not nested else "the same taxon" if len(a) == len(b) else "a taxon above or below"] += 1
    print("of the mistakes:", ", ".join(f"{n} are {kind}" for kind, n in kinds.items()))
    (last,) = (path for path in runs.parent.glob("classifier/run.json"))
    print(f"\n| rule | {' | '.join(SHOWN)} | distance | answered |\n" + "|---" * 8 + "|")
    for decoder in sorted(set(read_run(last.parent).scores().to_pandas()["decoder"])):
        print(f"| {decoder} | {' | '.join(ours(last.parent, decoder)[1])} |")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
