"""Print the table of README.md from the results of its sweep: python table.py SWEEP_FOLDER."""

import json
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from taxoeval.metrics import statistics

RANKS = ("order", "family", "genus", "species")


def main(sweep: Path) -> None:
    hits: dict = defaultdict(lambda: defaultdict(list))
    scores: dict = defaultdict(lambda: defaultdict(list))
    groups: dict = {}
    for folder in sorted(sweep.glob("*/run.json")):
        prompts = json.loads(folder.read_text())["config"]["prompts"]
        key = prompts["text_type"], prompts.get("counterfactual") or "as written"
        for row in pq.read_table(folder.with_name("scores.parquet")).to_pylist():
            if (row["metric"], row["decoder"], row["k"]) == ("rank_hits", "leaf_argmax", 1):
                scores[key][row["rank"]].append(row["value"])
            if (row["metric"], row["decoder"]) == ("mistake_severity", "leaf_argmax"):
                scores[key]["severity"].append(row["value"])
        columns = ["sample", "rank", "decoder", "k", "target", "correct"]
        for row in pq.read_table(folder.with_name("predictions.parquet"), columns=columns).to_pylist():
            if row["decoder"] == "leaf_argmax" and row["k"] == 1 and row["rank"] == "species" and row["target"]:
                hits[key][row["sample"]].append(float(row["correct"]))
                groups[row["sample"]] = row["target"]
    print("| text type | ancestors | " + " | ".join(RANKS) + " | severity | difference at species |")
    print("|---|---|" + "---|" * (len(RANKS) + 2))
    samples = sorted(groups)
    for key in sorted(scores, key=lambda key: (key[0] != "taxon_com", key[1] != "as written")):
        cells = [f"{100 * sum(v) / len(v):.1f}" for v in (scores[key][rank] for rank in RANKS)]
        cells.append(f"{sum(scores[key]['severity']) / len(scores[key]['severity']):.2f}")
        base = hits[key[0], "as written"]
        change = [sum(hits[key][s]) / len(hits[key][s]) - sum(base[s]) / len(base[s]) for s in samples]
        interval = statistics.bootstrap(change, groups=[groups[s] for s in samples])
        told = f"{100 * interval.estimate:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"
        print(f"| {key[0]} | {key[1]} | " + " | ".join(cells) + f" | {'' if key[1] == 'as written' else told} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
