"""The figures of the README: accuracy with strict names and with synonyms, where the mistakes lie, who is confused.

Usage: ``python experiments/inat_bird_classifier/figures.py LABELS_CSV SCORES_FOLDER``
"""

import sys
from pathlib import Path

import numpy as np

from taxoeval.datasets import table
from taxoeval.records import Embeddings
from taxoeval.reports.mistakes import clades, confusions, extremes, mistakes_by_rank
from taxoeval.tasks import Subject, TaskResult
from taxoeval.tasks.score_predictions import ScorePredictions

SYNONYMS = Path(__file__).with_name("synonyms.csv")
SHOWN = ("class", "order", "family", "genus", "species")


def main(labels: Path, folder: Path) -> None:
    """Print Markdown."""
    birds = table.load(labels)
    nothing = Embeddings(np.zeros((len(birds), 0), dtype=np.float32), birds.taxon, birds.sample, "no vectors are used")
    subject = Subject(nothing, birds.taxonomy, birds.common_name, birds.label)
    results = {
        name: ScorePredictions(
            str(folder / "scores.npy"),
            candidates=str(folder / "candidates.csv"),
            samples=str(folder / "samples.txt"),
            synonyms=synonyms,
        )(subject)
        for name, synonyms in (("names as they are", None), ("with synonyms", str(SYNONYMS)))
    }
    for name, result in results.items():
        accuracies(name, result)
    joined = results["with synonyms"].taxonomy  # the answers' own taxa beside the dataset's
    last = next(p for p in results["with synonyms"].predictions if p.decoder == "leaf_argmax")
    print("\n| wrong from | images | share % |\n|---|---|---|")
    by_rank = mistakes_by_rank(last, joined)
    for rank, n, share in zip(by_rank["wrong_from"], by_rank["n"], by_rank["share"], strict=True):
        print(f"| {rank} | {n} | {100 * share:.1f} |")
    for name, rows in zip(("worst", "best"), extremes(clades(last, joined), rank="family", most=4), strict=True):
        for k in range(len(rows["taxon"])):
            low, high = 100 * rows["low"][k], 100 * rows["high"][k]
            share = f"{100 * rows['accuracy'][k]:.0f} ({low:.0f}–{high:.0f})"
            print(f"{name}: {rows['taxon'][k]} n={rows['n_finest'][k]} {share}")
    known = {birds.taxonomy.path(i) for i in range(len(birds.taxonomy))}
    rows = confusions(last, joined)
    outside = (rows["rank"] == "species") & ~np.isin(rows["predicted_path"], list(known))
    answers = set(rows["predicted_path"][outside])
    print("\nanswers that the taxonomy lacks:", len(answers), "species,", rows["n"][outside].sum(), "images")
    print("\n| the bird | called | share their | images |\n|---|---|---|---|")
    for k in np.flatnonzero(outside)[:8]:
        bird, called, shared, n = (rows[key][k] for key in ("target", "predicted", "shared", "n"))
        print(f"| {bird} | {called} | {shared} | {n} of {rows['n_target'][k]} |")


def accuracies(name: str, result: TaskResult) -> None:
    """One row per part and decoder."""
    print(
        f"\n**{name}**: {result.details['names']}\n\n| images | decoder | {' | '.join(SHOWN)} | severity | answered |"
    )
    print("|---" * (len(SHOWN) + 4) + "|")
    for part, decoder in dict.fromkeys((s.slice, s.decoder) for s in result.scores):
        mine = {(s.metric, s.rank): s for s in result.scores if (s.slice, s.decoder, s.k) == (part, decoder, 1)}
        cells = [interval(mine["rank_hits", rank]) for rank in SHOWN]
        severity, coverage = mine["mistake_severity", ""].value, mine["coverage", "species"].value
        n = mine["rank_hits", "class"].n
        print(f"| {part} ({n}) | {decoder} | {' | '.join(cells)} | {severity:.2f} | {100 * coverage:.1f} |")


def interval(score) -> str:
    """Percent with the ends of the interval."""
    return f"{100 * score.value:.1f} ({100 * score.low:.1f}–{100 * score.high:.1f})"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
