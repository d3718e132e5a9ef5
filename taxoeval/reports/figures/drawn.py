"""Which figure shows which record."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from taxoeval.reports.figures.style import KINDS, rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_all(records: Mapping[str, Any]) -> dict[str, bytes]:
    """The figures of whatever among the records can be drawn, and files for other programs.

    Parameters
    ----------
    records
        By name.

    Returns
    -------
    files
        Contents by file name: ``<name>.svg``, ``.png`` and ``.pdf``, for a second figure ``<name>_<what>``; for
        a dendrogram also Newick and the annotation files of iTOL.

    Raises
    ------
    TaxoevalError
        If there is something to draw and matplotlib is not installed.

    Examples
    --------
    >>> draw_all({"numbers": (1, 2)})
    {}
    """
    files: dict[str, bytes] = {}
    for name, record in records.items():
        for what, figure in drawn(record).items():
            stem = f"{name}_{what}" if what else name
            files |= {f"{stem}.{kind}": rendered(figure, kind) for kind in KINDS}
        files |= {f"{name}_{file}": content for file, content in _exported(record).items()}
    return files


def drawn(record: Any) -> "dict[str, Figure]":
    """The figures of one record by what they show, ``""`` for its main one; none where there is none for its kind."""
    from taxoeval import structure
    from taxoeval.reports.figures.clade_recall import clade_recall
    from taxoeval.reports.figures.purity_curves import purity_curves
    from taxoeval.reports.figures.rank_maps import rank_maps
    from taxoeval.reports.figures.similarity_heatmap import similarity_heatmap
    from taxoeval.reports.figures.similarity_profile import similarity_profile
    from taxoeval.reports.figures.tanglegram import tanglegram
    from taxoeval.reports.figures.variance_bars import variance_bars
    from taxoeval.reports.figures.within_between_histogram import within_between_histogram

    match record:
        case structure.VarianceByRank():
            shares = {"without bias": record.share.tolist(), "raw": record.raw.tolist()}
            return {"": variance_bars(shares, record.levels)}
        case structure.SimilarityByLca():
            return {"": similarity_profile(record)}
        case structure.Neighbours():
            return {"": purity_curves(record)}
        case structure.CladeRecall():
            faces = tanglegram(record)
            heat = similarity_heatmap(record.centroids)
            return {"": clade_recall(record), "heatmap": heat, **({"tanglegram": faces} if faces is not None else {})}
        case structure.WithinBetween():
            return {"": within_between_histogram(record)}
        case structure.SpaceMap():
            return {"": rank_maps(record)}
    return {}


def _exported(record: Any) -> dict[str, bytes]:
    """The dendrogram for other programs."""
    from taxoeval import structure
    from taxoeval.structure.itol import rank_strips, write_itol

    if not isinstance(record, structure.CladeRecall):
        return {}
    tree, species = record.dendrogram, record.centroids
    with TemporaryDirectory() as place:
        strips = rank_strips(tree, species.species, species.taxonomy)
        paths = write_itol(Path(place), tree.tree, strips=strips)
        return {f"itol_{path.name}": path.read_bytes() for path in paths}
