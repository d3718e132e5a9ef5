"""Made-up answers to a real table of camera-trap labels, one file for each way of answering.

Usage: ``python experiments/camera_trap/answers.py LABELS_CSV OUTPUT_FOLDER``

The labels are real and stop at every rank; no image is at hand. So the answers are made up, each by a rule that says
exactly what it gets right, and what is compared is how different ways of counting see that.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")

SPECIES = {
    "insect": "blattodea blattidae periplaneta americana",
    "crab": "coenobitidae birgus latro",
    "bird": "charadriiformes laridae gygis alba",
    "pigeon": "ducula oceanica",
    "megapode": "megapodius laperouse",
    "rail": "hypotaenidia philippensis",
    "passerine": "sturnidae aplonis opaca",
    "zorzal": "falcklandii",
    "petrel": "pterodroma externa",
    "petrel_chick": "pterodroma externa",
    "shearwater": "diomedea",
    "seal": "mirounga leonina",
    "rabbit": "oryctolagus cuniculus",
    "rat": "rattus",
    "iguana": "iguana",
    "monitor_lizard": "varanus indicus",
}
"""For each label that stops early, the rest of the lineage of a species that it allows."""


def read(labels: Path) -> pd.DataFrame:
    """The table with blanks as ``""`` and the rank called class."""
    return pd.read_csv(labels, dtype=str, keep_default_na=False).rename(columns={"cls": "class"})


def named(rows: pd.DataFrame) -> pd.DataFrame:
    """A species for every image: the label's own, or one that the label allows."""
    lineages = rows[list(RANKS)].to_numpy().copy()
    for i, label in enumerate(rows["original_label"]):
        rest = SPECIES.get(label, "").split()
        lineages[i, len(RANKS) - len(rest) :] = rest or lineages[i, len(RANKS) :]
    return pd.DataFrame(lineages, columns=RANKS, index=rows.index)


def down_to(lineages: pd.DataFrame, rank: str) -> pd.DataFrame:
    """The same lineages without what is finer than a rank."""
    return lineages.assign(**dict.fromkeys(RANKS[RANKS.index(rank) + 1 :], ""))


def another_species(lineages: pd.DataFrame) -> pd.DataFrame:
    """The right genus, and a species of it that nobody has heard of."""
    return lineages.assign(species="alius")


def someone_elses(lineages: pd.DataFrame) -> pd.DataFrame:
    """The answers handed out at random among the images: what is left without looking."""
    order = np.random.default_rng(0).permutation(len(lineages))
    return lineages.iloc[order].set_index(lineages.index)


SYSTEMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "names_every_species": named,
    "repeats_the_label": lambda rows: rows[list(RANKS)],
    "stops_at_family": lambda rows: down_to(named(rows), "family"),
    "stops_at_class": lambda rows: down_to(named(rows), "class"),
    "right_genus_only": lambda rows: another_species(named(rows)),
    "does_not_look": lambda rows: someone_elses(rows[list(RANKS)]),
}


def nested_scores(rows: pd.DataFrame, noise: float = 5.0) -> tuple[np.ndarray, pd.DataFrame]:
    """Logits ``(n, 33)`` of a classifier over the label strings as they stand, one class each, and those labels.

    A label's vector is the sum of one random vector for each taxon of its lineage; an image's is that of a species that
    its label allows, and noise.
    """
    rng = np.random.default_rng(0)
    direction: dict[str, np.ndarray] = {}

    def vector(lineage: tuple[str, ...]) -> np.ndarray:
        paths = [" ".join(lineage[: k + 1]) for k in range(len(lineage)) if lineage[k]]
        return np.sum([direction.setdefault(path, rng.normal(size=64)) for path in paths], axis=0)

    labels = rows.drop_duplicates("original_label")
    texts = np.stack([vector(tuple(lineage)) for lineage in labels[list(RANKS)].to_numpy()])
    texts += 0.3 * rng.normal(size=texts.shape)  # two names of one taxon are not quite alike
    images = np.stack([vector(tuple(lineage)) for lineage in named(rows).to_numpy()])
    images += noise * rng.normal(size=images.shape)
    units = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, texts)]
    return (20 * units[0] @ units[1].T).astype(np.float32), labels


def main(labels: Path, output: Path) -> None:
    """Write ``<system>.csv`` for each, and ``scores.npy``, ``samples.txt``, ``candidates.csv`` of the classifier."""
    rows = read(labels)
    output.mkdir(parents=True, exist_ok=True)
    for name, answer in SYSTEMS.items():
        answer(rows).assign(filepath=rows["filepath"]).to_csv(output / f"{name}.csv", index=False)
    logits, candidates = nested_scores(rows)
    np.save(output / "scores.npy", logits)
    candidates[["original_label", *RANKS]].to_csv(output / "candidates.csv", index=False)
    (output / "samples.txt").write_text("\n".join(rows["filepath"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
