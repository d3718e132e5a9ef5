"""One row per image, encoder, task and decoder: right or wrong at every rank, how far off. Runs are compared on it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from taxoeval import metrics
from taxoeval.records import Predictions
from taxoeval.reports.run import Cell, Run
from taxoeval.tasks.far_off import ranks_to_climb

if TYPE_CHECKING:
    import pyarrow as pa


def image_schema(ranks: Sequence[str]) -> "pa.Schema":
    """Columns of ``images.parquet``: names, the target's path, ``right_<rank>`` and ``ranks_to_climb``."""
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    names = ("encoder", "role", "task", "decoder", "slice", "sample", "target_path")
    return pa.schema(
        [(name, text) for name in names]
        + [(f"right_{rank}", pa.bool_()) for rank in ranks]
        + [("ranks_to_climb", pa.float32())]
    )


def image_tables(run: Run) -> Iterator["pa.Table"]:
    """One Arrow table for each `Predictions` of a run, all of one schema.

    ``right_<rank>`` is null where the image's taxon is unknown at that rank, ``ranks_to_climb`` where it is undefined:
    for an answer that a label cannot judge, see `taxoeval.metrics.rank_height`.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> answers = Predictions(np.array(["a.jpg"]), np.array([1]), np.array([[[0], [1]]]), np.ones((1, 2, 1)),
    ...     "leaf_argmax", np.array([1]))
    >>> cell = Cell("mini_clip", "encoder", "knn", "ok", predictions=(answers,))
    >>> run = Run(name="demo", started="2026-11-21T10:00:00+00:00", dataset="magpies", taxonomy=taxonomy, cells=(cell,))
    >>> next(image_tables(run)).select(["sample", "right_species", "ranks_to_climb"]).to_pylist()
    [{'sample': 'a.jpg', 'right_species': True, 'ranks_to_climb': 0.0}]
    """
    for cell in run.cells:
        for predictions in cell.predictions:
            yield _table(run, cell, predictions)


def _table(run: Run, cell: Cell, predictions: Predictions) -> "pa.Table":
    import pyarrow as pa

    taxonomy = cell.taxonomy or run.taxonomy
    n = len(predictions.sample)

    def constant(text: str) -> "pa.DictionaryArray":
        return pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), pa.array([text]))

    used, codes = np.unique(predictions.target, return_inverse=True)
    paths = pa.array([taxonomy.path(int(taxon)) if taxon >= 0 else "" for taxon in used], type=pa.string())
    hits = metrics.rank_hits(predictions.target, predictions.taxon[:, :, :1], taxonomy)
    height = ranks_to_climb(predictions.target, predictions.taxon[:, :, 0], taxonomy).astype(np.float32)
    arrays = {
        "encoder": constant(cell.encoder),
        "role": constant(cell.role),
        "task": constant(cell.task),
        "decoder": constant(predictions.decoder),
        "slice": constant(predictions.slice),
        "sample": pa.array(np.asarray(predictions.sample, dtype=str)).dictionary_encode(),
        "target_path": pa.DictionaryArray.from_arrays(codes.astype(np.int32), paths),
        "ranks_to_climb": pa.array(height, mask=np.isnan(height)),
    }
    for r, rank in enumerate(taxonomy.ranks):
        arrays[f"right_{rank}"] = pa.array(hits[:, r] > 0.5, mask=np.isnan(hits[:, r]))
    schema = image_schema(taxonomy.ranks)
    return pa.table({name: arrays[name] for name in schema.names}, schema=schema)
