"""The clades of one decoder as the arrays that the drawing in the page reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def clade_tree(columns: Mapping[str, NDArray[Any]]) -> dict[str, list[Any]]:
    """Parents before children, siblings by name; numbers rounded to what can be seen.

    Parameters
    ----------
    columns
        ``path``, ``taxon``, ``rank``, ``n``, ``n_taxa``, ``accuracy`` and ``recall`` of
        `taxoeval.reports.mistakes.clades`.

    Returns
    -------
    tree
        Lists of equal length: ``name``, ``rank``, ``parent`` (position, -1 at a root), ``n`` images, ``taxa``,
        ``accuracy`` at the finest rank and ``recall`` at the taxon's own (None where undefined).

    Examples
    --------
    >>> columns = {"path": np.array(["Aves > Pica", "Aves"]), "taxon": np.array(["Pica", "Aves"]),
    ...     "rank": np.array(["genus", "class"]), "n": np.array([2, 3]), "n_taxa": np.array([1, 2]),
    ...     "accuracy": np.array([0.5, np.nan]), "recall": np.array([1.0, 1.0])}
    >>> tree = clade_tree(columns)
    >>> tree["name"], tree["parent"], tree["accuracy"]
    (['Aves', 'Pica'], [-1, 0], [None, 0.5])
    """
    paths = [str(path) for path in columns["path"]]
    order = sorted(range(len(paths)), key=lambda i: paths[i].split(" > "))
    place = {paths[i]: at for at, i in enumerate(order)}
    tree: dict[str, list[Any]] = {
        "name": [],
        "rank": [],
        "parent": [],
        "n": [],
        "taxa": [],
        "accuracy": [],
        "recall": [],
    }
    for i in order:
        above = paths[i].split(" > ")[:-1]
        while above and " > ".join(above) not in place:
            above.pop()
        tree["name"].append(str(columns["taxon"][i]))
        tree["rank"].append(str(columns["rank"][i]))
        tree["parent"].append(place[" > ".join(above)] if above else -1)
        tree["n"].append(int(columns["n"][i]))
        tree["taxa"].append(int(columns["n_taxa"][i]))
        for name in ("accuracy", "recall"):
            value = float(columns[name][i])
            tree[name].append(None if np.isnan(value) else round(value, 4))
    return tree
