"""A small run whose numbers are made up, so that reports can be tested without an evaluation."""

from dataclasses import replace

import numpy as np

from taxoeval.records import Predictions, Score
from taxoeval.reports import Cell, Run
from taxoeval.taxonomy import Taxonomy

RANKS = ("order", "family", "genus", "species")
NAN = float("nan")


def taxonomy() -> Taxonomy:
    """Three corvids and an unplaced parid, whose genus is a hole."""
    return Taxonomy.from_lineages(
        [
            ("Passeriformes", "Corvidae", "Corvus", "Corvus corax"),
            ("Passeriformes", "Corvidae", "Corvus", "Corvus corone"),
            ("Passeriformes", "Corvidae", "Pica", "Pica [sic] pica"),
            ("Passeriformes", "Paridae", "", "Parus major"),
        ],
        ranks=RANKS,
    )


def score(metric="rank_hits", value=0.5, rank="species", **fields) -> Score:
    """One score; what is not given is ordinary."""
    usual = {"n": 40, "k": 1, "low": value - 0.125, "high": value + 0.125, "chance": 0.25, "majority": 0.4}
    usual |= {"higher_is_better": True, "task": "knn", "decoder": "leaf_argmax"}
    return Score(metric=metric, value=value, rank=rank, **(usual | fields))


def scores(task="knn", decoder="leaf_argmax", shift=0.0) -> tuple[Score, ...]:
    """Accuracy at every rank (the order is trivial, the genus unknown), and both distances."""
    of = {"task": task, "decoder": decoder}
    nothing = {"value": NAN, "low": NAN, "high": NAN, "chance": NAN, "majority": NAN, "n": 0}
    rows = []
    for metric in ("rank_hits", "rank_hits_macro"):
        rows += [
            score(metric, 1.0, "order", low=1.0, high=1.0, chance=1.0, majority=1.0, **of),
            score(metric, 0.875 - shift, "family", n=40, chance=0.625, majority=0.75, **of),
            score(metric, rank="genus", **nothing, **of),
            score(metric, 0.5 - shift, "species", n=38 if metric == "rank_hits" else 4, **of),
        ]
    rows += [
        score("rank_hits", 0.75, "species", k=3, chance=0.75, **of),
        score("mistake_severity", 1.5, "", n=19, chance=2.25, majority=NAN, higher_is_better=False, **of),
        score("average_hierarchical_distance", 0.75, "", n=38, chance=1.6875, higher_is_better=False, **of),
    ]
    return tuple(rows)


def predictions(tree: Taxonomy, decoder="leaf_argmax") -> Predictions:
    """Three images: right, wrong species of the right genus, and one known to the family only; two answers per rank."""
    corax, corone, parid = (int(i) for i in tree.ids(["Corvus corax", "Corvus corone", "Parus major"]))
    first = tree.ancestor[[corax, corone, parid]]
    second = tree.ancestor[[corone, corax, corax]]
    taxon = np.stack([first, np.where(first == second, -1, second)], axis=-1).astype(np.int64)
    taxon[:, 0, 1] = -1
    probability = np.where(taxon >= 0, np.array([0.75, 0.25]), np.nan)
    target = np.array([corax, corax, int(tree.ids(["Corvidae"])[0])])
    samples = np.array(["a.jpg", "b [1].jpg", "c.jpg"])
    return Predictions(
        samples, target, taxon, probability, decoder, tree.ids(["Corvus corax", "Corvus corone", "Parus major"])
    )


def run(**changes) -> Run:
    """An encoder and a control, one task that worked and one that the control does not support."""
    tree = taxonomy()
    cells = (
        Cell(
            "mini_clip",
            "encoder",
            "knn",
            "ok",
            scores=scores(),
            predictions=(predictions(tree),),
            seconds=0.5,
            notes=("3 of 40 queries have no other image of their own taxon",),
            details={"k": 1, "spread": NAN},
            tables={"splits": {"fold": np.array([0, 1]), "support": np.array(["a.jpg", "c.jpg"])}},
        ),
        Cell("mini_clip", "encoder", "zero_shot", "ok", scores=scores("zero_shot", "rank_sum", 0.125)),
        Cell("colour_texture", "control", "knn", "ok", scores=scores(shift=0.25), predictions=(predictions(tree),)),
        Cell("colour_texture", "control", "zero_shot", "unsupported", "colour_texture has no text tower"),
    )
    usual = Run(
        name="corvids__mini_clip",
        started="2026-11-21T10:00:00+00:00",
        dataset="corvids [test]",
        taxonomy=tree,
        cells=cells,
        config={"task": {"knn": {"k": 1, "gallery": None}}, "dataset": {"seed": 0, "note": "None"}},
        fingerprints={"encoder": {"name": "mini_clip", "weights": "0" * 64}},
        dataset_notes=("species column holds epithets [read as binomials]",),
        n_images=40,
        timings={"dataset": 0.25},
    )
    return replace(usual, **changes)
