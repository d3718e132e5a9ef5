"""Small runs on disk whose answers are known image by image."""

from pathlib import Path

import numpy as np

from taxoeval import Taxonomy
from taxoeval.records import Predictions
from taxoeval.reports import Cell, Run, write_run
from taxoeval.tasks.scoring import score

TAXONOMY = Taxonomy.from_lineages(
    [(f"G{i // 3}", f"G{i // 3} s{i}") for i in range(12)],
    ranks=("genus", "species"),
)
SPECIES = np.flatnonzero(TAXONOMY.rank == 1)


def predictions(right, *, n=240, part="all", candidates=SPECIES, seed=0, first=0):
    """Answers that are right with the given probability, else another species of any genus."""
    rng = np.random.default_rng(seed)
    target = SPECIES[np.arange(n) % len(SPECIES)]
    other = SPECIES[(np.arange(n) + rng.integers(1, len(SPECIES), n)) % len(SPECIES)]
    answer = np.where(rng.random(n) < right, target, other)
    return Predictions(
        sample=np.array([f"{first + i:04d}.jpg" for i in range(n)]),
        target=target,
        taxon=TAXONOMY.ancestor[answer].astype(np.int64)[:, :, None],
        probability=np.ones((n, 2, 1)),
        decoder="leaf_argmax",
        candidates=candidates,
        slice=part,
    )


def cell(encoder, right, *, task="knn", role="encoder", **options):
    answers = predictions(right, **options)
    rows = tuple(score((answers,), TAXONOMY, task=task))
    return Cell(encoder, role, task, "ok", scores=rows, predictions=(answers,), details={"k": 1})


def write(folder: Path, *cells, started="2026-11-21T10:00:00+00:00", config=None, group=None, name=""):
    run = Run(
        name=name or folder.name,
        started=started,
        dataset="birds",
        n_images=240,
        taxonomy=TAXONOMY,
        cells=cells,
        group=group,
        config=config or {"task": {"knn": {"k": 1}}},
        fingerprints={c.role: {"weights": c.encoder} for c in cells},
    )
    write_run(run, folder)
    return folder
