"""Leave-one-out 1-NN accuracy per rank, from the result files of a sweep, as a Markdown table.

Usage: ``python experiments/real_photographs/table.py SWEEP_FOLDER``
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq


def main(folder: Path) -> None:
    """Print one table per dataset: a row per encoder, a column per rank, chance below."""
    rows = [row for file in sorted(folder.rglob("scores.parquet")) for row in pq.read_table(file).to_pylist()]
    wanted = [
        row
        for row in rows
        if (row["task"], row["metric"], row["decoder"], row["k"]) == ("knn", "rank_hits", "leaf_argmax", 1)
    ]
    if not wanted:
        sys.exit(f"{folder}: no kNN scores below it; run the commands of the README first")
    for dataset in sorted({row["dataset"] for row in wanted}):
        here = [row for row in wanted if row["dataset"] == dataset]
        ranks = list(dict.fromkeys(row["rank"] for row in here))
        print(f"\n**{dataset}**\n")
        print("| encoder | " + " | ".join(ranks) + " |")
        print("|---" * (len(ranks) + 1) + "|")
        for encoder in dict.fromkeys(row["encoder"] for row in here):
            cells = {row["rank"]: row for row in here if row["encoder"] == encoder}
            print(f"| {encoder} | " + " | ".join(cell(cells[rank]) for rank in ranks) + " |")
        first = {row["rank"]: row for row in here if row["encoder"] == here[0]["encoder"]}
        for level in ("majority", "chance"):
            print(f"| *{level}* | " + " | ".join(number(first[rank][level]) for rank in ranks) + " |")
        print("| *n* | " + " | ".join(str(first[rank]["n"]) for rank in ranks) + " |")


def cell(row: dict[str, float]) -> str:
    """Value with its interval, or a dash where nothing could be scored."""
    if row["value"] is None:
        return "–"
    if row["low"] == row["high"]:
        return f"{100 * row['value']:.0f}"
    return f"{number(row['value'])} ({number(row['low'])}–{number(row['high'])})"


def number(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
