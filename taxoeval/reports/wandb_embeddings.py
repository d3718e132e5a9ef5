"""The vectors of a run as one file, for those who want to draw or query them elsewhere."""

from pathlib import Path

from taxoeval.reports.atomic import together
from taxoeval.reports.run import Run

FILE = "embeddings.parquet"


def write_embeddings(run: Run, folder: Path) -> Path | None:
    """Write the vectors of the encoder under evaluation beside sample and path of the taxon.

    Parameters
    ----------
    run
        The finished run.
    folder
        Where to; made if need be.

    Returns
    -------
    path
        Of ``embeddings.parquet`` with columns ``sample``, ``path`` and ``vector`` (float32, not normalised), in the
        order of the dataset; None if the run holds no vectors.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np, pyarrow.parquet as pq
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> vectors = Embeddings(np.eye(2, dtype=np.float32), np.array([1, 1]), np.array(["a.jpg", "b.jpg"]), "demo")
    >>> run = Run(name="demo", started="2026-11-21T10:00:00", dataset="magpies", taxonomy=taxonomy, cells=(),
    ...     embeddings=vectors)
    >>> with TemporaryDirectory() as folder:
    ...     pq.read_table(write_embeddings(run, Path(folder))).to_pylist()[0]
    {'sample': 'a.jpg', 'path': 'Pica > Pica pica', 'vector': [1.0, 0.0]}
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = run.embeddings
    if images is None or not images.vectors.shape[1]:
        return None
    used, codes = np.unique(images.taxon, return_inverse=True)
    paths = pa.array([run.taxonomy.path(int(taxon)) for taxon in used], type=pa.string())
    flat = pa.array(np.ascontiguousarray(images.vectors, dtype=np.float32).ravel())
    table = pa.table(
        {
            "sample": pa.array(images.sample.tolist(), type=pa.string()),
            "path": pa.DictionaryArray.from_arrays(codes.astype(np.int32), paths),
            "vector": pa.FixedSizeListArray.from_arrays(flat, images.vectors.shape[1]),
        }
    )
    with together(folder, FILE) as staged:
        pq.write_table(table, staged(FILE), compression="zstd")
    return folder / FILE
