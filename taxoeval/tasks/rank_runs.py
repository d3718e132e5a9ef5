"""Where the taxa of each rank begin and end among candidates in preorder, and what of that falls into each piece."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy

Ints = NDArray[np.int64]


class Level(NamedTuple):
    """Runs of candidates that share their taxon at one rank: where each starts, and whether that taxon is known."""

    starts: Ints
    known: NDArray[np.bool_]
    n: int


class LevelPiece(NamedTuple):
    """The part of a level in one piece.

    Attributes
    ----------
    first, n
        Number of the first run, and how many there are.
    continues
        The first run began in an earlier piece.
    into
        Which run, counted from ``first``, each run of the next finer level belongs to; None if to itself.
    silent
        Runs, counted from ``first``, that cannot be answers: their taxon is unknown, or they go on in the next piece.
    """

    first: int
    n: int
    continues: bool
    into: torch.Tensor | None
    silent: torch.Tensor | None


@dataclass(frozen=True, eq=False)
class Piece:
    """Candidates ``start`` to ``stop``, and each level's part of them, finest first."""

    start: int
    stop: int
    levels: list[LevelPiece]


def levels_of(taxa: Ints, taxonomy: Taxonomy) -> tuple[list[Level], list[int]]:
    """Levels from fine to coarse, the first of single candidates, and the place of each rank among them.

    Parameters
    ----------
    taxa
        ``(c,)`` different taxa, ascending.
    taxonomy
        Their taxonomy.

    Returns
    -------
    levels
        Each level's runs are unions of the runs of the level before; candidates unknown at a rank are runs whose taxon
        is not known.
    of_rank
        For each rank, coarse to fine, the level to read; a rank whose runs are single candidates shares the first.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone")],
    ...                                   ranks=("genus", "species"))
    >>> levels, of_rank = levels_of(taxonomy.leaves, taxonomy)
    >>> [level.starts.tolist() for level in levels], of_rank
    ([[0, 1], [0]], [1, 0])
    """
    c = len(taxa)
    boundary = np.zeros(c, dtype=bool)
    boundary[0] = True
    found: list[Level] = []
    for r in range(taxonomy.n_ranks):
        at_rank = taxonomy.ancestor[taxa, r]
        boundary[1:] |= at_rank[1:] != at_rank[:-1]
        starts = np.flatnonzero(boundary)
        found.append(Level(starts, at_rank[starts] >= 0, c))
    single = Level(np.arange(c), np.ones(c, dtype=bool), c)
    shared = len(found[-1].starts) == c and bool(found[-1].known.all())
    levels = [single, *reversed(found[:-1] if shared else found)]
    return levels, [len(levels) - 1 - r for r in range(taxonomy.n_ranks)]


def cut(levels: list[Level], size: int, device: torch.device) -> list[Piece]:
    """All candidates in pieces of a size."""
    c = levels[0].n
    pieces = []
    for start in range(0, c, size):
        stop = min(start + size, c)
        finer = np.arange(start, stop)  # where the runs of the next finer level begin, within the piece
        parts = []
        for level in levels:
            first = int(np.searchsorted(level.starts, start, side="right")) - 1
            last = int(np.searchsorted(level.starts, stop))
            begin = np.maximum(level.starts[first:last], start)
            ends_here = stop == c or (last < len(level.starts) and level.starts[last] == stop)
            answers = level.known[first:last].copy()
            answers[-1] &= ends_here
            into = None if len(begin) == len(finer) else np.searchsorted(begin, finer, side="right") - 1
            parts.append(
                LevelPiece(
                    first,
                    last - first,
                    bool(level.starts[first] < start),
                    None if into is None else torch.from_numpy(into).to(device),
                    None if answers.all() else torch.from_numpy(np.flatnonzero(~answers)).to(device),
                )
            )
            finer = begin
        pieces.append(Piece(start, stop, parts))
    return pieces
