"""Files for iTOL and other viewers: a tree too large to draw here, with colours per rank and numbers beside it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.structure.dendrogram import Dendrogram
from taxoeval.taxonomy import Taxonomy, Tree
from taxoeval.taxonomy.files import open_text, replacing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Seven that colour-blind people tell apart (M. Okabe and K. Ito, "Color universal design", 2008)."""

OTHER, UNKNOWN = "#999999", "#FFFFFF"
"""Grey for taxa beyond the seven largest, white for holes."""


def write_itol(
    folder: Path,
    tree: Tree,
    *,
    strips: Mapping[str, Sequence[str]] | None = None,
    tips: Mapping[str, ArrayLike] | None = None,
    clades: Mapping[str, ArrayLike] | None = None,
) -> list[Path]:
    """Write a tree as Newick and what is to be shown beside it as annotation files, to be dropped on the tree in iTOL.

    Parameters
    ----------
    folder
        Where to; it is made if need be.
    tree
        The tree, for example that of a `Dendrogram`.
    strips
        Title and one category per leaf, in the order of `Tree.leaves`: a strip of colours, one file each; see
        `rank_strips`. The seven commonest categories have a colour, the others are grey, ``""`` is white.
    tips
        Title and one number per leaf: bars, one file each. NaN has no bar.
    clades
        Title and one number in [0, 1] per node: circles at the inner nodes, larger and darker for larger numbers, one
        file each. NaN has none.

    Returns
    -------
    paths
        ``tree.nwk``, ``names.txt`` (the names as they are, of leaves and inner nodes) and the annotation files. In the
        tree itself names have nothing but letters, digits and underscores, as viewers stumble over all else, and inner
        nodes are numbered.

    Raises
    ------
    ValueError
        If there are more or fewer categories or numbers than leaves or nodes.
    TaxoevalError
        If a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> tree = Tree.from_newick("(('Pica pica','Corvus (Corvus) corax'),'Larus canus');")
    >>> paths = write_itol(folder, tree, strips={"family": ["Corvidae", "Corvidae", "Laridae"]}, tips={"n": [3, 1, 2]})
    >>> [path.name for path in paths]
    ['tree.nwk', 'names.txt', 'strip_family.txt', 'bars_n.txt']
    >>> (folder / "tree.nwk").read_text().strip()
    '((Pica_pica,Corvus_Corvus_corax)n1,Larus_canus)n0;'
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = node_ids(tree)
    paths = [folder / "tree.nwk"]
    Tree(tree.parent, ids, tree.length).to_newick(paths[0])
    named = [f"{i}\t{_line(name)}" for i, name in zip(ids, tree.names, strict=True) if name]
    paths.append(_write(folder / "names.txt", ["LABELS", "SEPARATOR TAB", "DATA", *named]))
    leaf_ids = [ids[i] for i in tree.leaves.tolist()]
    for title, name, categories in _files(strips):
        _same_length(title, len(categories), len(leaf_ids), "leaf")
        paths.append(_write(folder / f"strip_{name}.txt", _strip(title, leaf_ids, [*map(str, categories)])))
    for title, name, given in _files(tips):
        values = np.asarray(given, dtype=np.float64)
        _same_length(title, len(values), len(leaf_ids), "leaf")
        paths.append(_write(folder / f"bars_{name}.txt", _bars(title, leaf_ids, values)))
    for title, name, given in _files(clades):
        values = np.asarray(given, dtype=np.float64)
        _same_length(title, len(values), len(tree), "node")
        paths.append(_write(folder / f"clades_{name}.txt", _circles(title, tree, ids, values)))
    return paths


def rank_strips(found: Dendrogram, species: Ints, taxonomy: Taxonomy) -> dict[str, list[str]]:
    """For every rank but the finest, the taxon of each leaf: categories for `write_itol`, coarse to fine.

    Parameters
    ----------
    found
        The tree.
    species
        ``(c,)`` its species, in the order in which they were joined.
    taxonomy
        Their taxonomy.

    Examples
    --------
    >>> from taxoeval.structure.dendrogram import join
    >>> taxonomy = Taxonomy.from_lineages([("A", "a"), ("", "b"), ("B", "c")], ranks=("genus", "species"))
    >>> species = np.sort(taxonomy.ids(["a", "b", "c"]))
    >>> tree = join(np.array([[0, 2.0, 1], [2, 0, 2], [1, 2, 0]]), [str(taxonomy.names[s]) for s in species])
    >>> rank_strips(tree, species, taxonomy)
    {'genus': ['B', 'A', '']}
    """
    ordered = np.asarray(species)[np.argsort(found.place)]
    return {
        rank: [str(taxonomy.names[t]) if t >= 0 else "" for t in taxonomy.ancestor[ordered, place].tolist()]
        for place, rank in enumerate(taxonomy.ranks[:-1])
    }


def node_ids(tree: Tree) -> list[str]:
    """A name for each node that every viewer can read: leaves by their own as far as can be, inner nodes by number.

    Examples
    --------
    >>> node_ids(Tree.from_newick("('a b',a_b,'',n0);"))
    ['n0', 'a_b', 'a_b_2', 'leaf', 'n0_2']
    """
    ids = [""] * len(tree)
    inner = np.flatnonzero(~tree.is_leaf).tolist()
    for number, node in enumerate(inner):
        ids[node] = f"n{number}"
    taken = {ids[node] for node in inner}
    for node in tree.leaves.tolist():
        ids[node] = _new(_safe(str(tree.names[node])) or "leaf", taken)
    return ids


def _files(given: Mapping[str, T] | None) -> Iterator[tuple[str, str, T]]:
    """Title, name for a file, different for each, and what is given."""
    taken: set[str] = set()
    for title, value in (given or {}).items():
        yield title, _new(_safe(title) or "untitled", taken), value


def _new(plain: str, taken: set[str]) -> str:
    """The name, numbered where it is taken; it is taken then."""
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name)
    return name


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def _line(text: str) -> str:
    """Text on one line, without the mark between columns."""
    return " ".join(str(text).split())


def _same_length(title: str, given: int, needed: int, what: str) -> None:
    if given != needed:
        raise ValueError(f"{title}: one for each {what} is needed, {needed} in all; got {given}")


def _write(path: Path, lines: Sequence[str]) -> Path:
    with replacing(path) as part, open_text(part, "wt") as stream:
        stream.write("\n".join(lines) + "\n")
    return path


def _strip(title: str, ids: Sequence[str], categories: Sequence[str]) -> list[str]:
    common = [name for name, _ in Counter(c for c in categories if c).most_common(len(COLOURS))]
    colour = dict(zip(common, COLOURS, strict=False))
    legend = [(name, colour[name]) for name in common]
    if any(c and c not in colour for c in categories):
        legend.append(("others", OTHER))
    if "" in categories:
        legend.append(("unknown", UNKNOWN))
    return [
        "DATASET_COLORSTRIP",
        "SEPARATOR TAB",
        f"DATASET_LABEL\t{_line(title)}",
        f"COLOR\t{COLOURS[0]}",
        f"LEGEND_TITLE\t{_line(title)}",
        "\t".join(["LEGEND_SHAPES", *["1"] * len(legend)]),
        "\t".join(["LEGEND_COLORS", *[shade for _, shade in legend]]),
        "\t".join(["LEGEND_LABELS", *[_line(name) for name, _ in legend]]),
        "DATA",
        *[
            f"{i}\t{colour.get(c, OTHER) if c else UNKNOWN}\t{_line(c) or 'unknown'}"
            for i, c in zip(ids, categories, strict=True)
        ],
    ]


def _bars(title: str, ids: Sequence[str], values: Floats) -> list[str]:
    rows = [f"{i}\t{v:.6g}" for i, v in zip(ids, values.tolist(), strict=True) if np.isfinite(v)]
    head = ["DATASET_SIMPLEBAR", "SEPARATOR TAB", f"DATASET_LABEL\t{_line(title)}", f"COLOR\t{COLOURS[0]}"]
    return [*head, "DATA", *rows]


def _circles(title: str, tree: Tree, ids: Sequence[str], values: Floats) -> list[str]:
    rows = []
    for node in np.flatnonzero(~tree.is_leaf & np.isfinite(values)).tolist():
        share = min(max(float(values[node]), 0.0), 1.0)
        grey = round(230 * (1 - share))
        # symbol 2 is a circle; filled; position 1 is the end of the branch
        rows.append(f"{ids[node]}\t2\t{1 + 9 * share:.2f}\t#{grey:02x}{grey:02x}{grey:02x}\t1\t1\t{values[node]:.3g}")
    head = ["DATASET_SYMBOL", "SEPARATOR TAB", f"DATASET_LABEL\t{_line(title)}", "COLOR\t#000000", "MAXIMUM_SIZE\t10"]
    return [*head, "DATA", *rows]
