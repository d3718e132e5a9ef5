"""Zero-shot among millions of candidates: the softmax summed up at every rank in one pass over the texts.

Candidates stand in preorder, so those of one taxon are neighbours: a run. Texts come in pieces; whatever of a piece
belongs to a run that goes on in the next is carried over, and a run that is complete takes part in the k best. No
table of images x candidates, nor of images x taxa, ever exists.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from taxoeval.decoding.base import Answers
from taxoeval.tasks.rank_runs import Level, Piece, cut, levels_of
from taxoeval.taxonomy import Taxonomy

Ints = NDArray[np.int64]

_IMAGES = {"cpu": 512, "cuda": 2048}  # images at a time
_TEXTS = {"cpu": 2048, "cuda": 16384}  # texts at a time: logits of 4 MiB on a processor, 128 MiB on a GPU
_GROUP = 32  # rows whose largest value is looked at before they are
_ROOM = 40.0  # how far a logit may exceed the reference: exp(40) summed over 10^12 candidates is still a float32


class Streamed(NamedTuple):
    """Answers of the two rules that can be followed in one pass.

    Attributes
    ----------
    rank_sum
        As of `taxoeval.decoding.rank_sum`.
    leaf_argmax
        As of `taxoeval.decoding.leaf_argmax` with ``k=1``; None if a candidate lies below another, where that rule
        needs a second look.
    """

    rank_sum: Answers
    leaf_argmax: Answers | None


def rank_scores(
    images: NDArray[np.float32],
    texts: NDArray[np.floating[Any]],
    candidates: Ints,
    taxonomy: Taxonomy,
    *,
    scale: float,
    k: int = 5,
    device: str = "cpu",
) -> Streamed:
    """Softmax over all candidates, summed over those of each taxon, and the k best taxa at every rank.

    Parameters
    ----------
    images
        ``(n, d)`` unit vectors.
    texts
        ``(c, d)`` unit vectors of any floating type, also memory-mapped; read in order if the candidates ascend.
    candidates
        ``(c,)`` different taxa.
    taxonomy
        Their taxonomy.
    scale
        What cosines are multiplied by before the softmax.
    k
        How many answers per rank.
    device
        ``cpu`` or ``cuda``; the latter holds the texts as they are, once.

    Returns
    -------
    answers
        `Streamed`: ``(n, n_ranks, k)`` taxa and probabilities, equal to those of the decoders up to rounding.

    Raises
    ------
    ValueError
        If the shapes disagree, a candidate occurs twice, or the device is another.

    Notes
    -----
    Beside the texts it needs some tens of MiB, however many candidates there are. Exponentials are taken relative to
    the largest logit met so far, rounded up lazily, so that no two equal logits differ in their last digit. Sums over
    more than a piece are kept in double precision.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> texts = np.array([[0.8, 0.6], [0.8, 0.6], [0.6, 0.8]], dtype=np.float32)
    >>> found = rank_scores(np.array([[0, 1]], dtype=np.float32), texts, species, taxonomy, scale=1.0, k=1)
    >>> [str(taxonomy.names[i]) for i in found.rank_sum.taxon[0, :, 0]], found.rank_sum.probability.round(2).ravel()
    (['Corvus', 'Pica pica'], array([0.62, 0.38]))
    """
    if texts.ndim != 2 or texts.shape != (len(candidates), images.shape[1]) or not len(candidates):
        raise ValueError(f"texts must be (c, d) for candidates (c,) and images (n, d); got {texts.shape}")
    order: Ints | None = np.argsort(candidates, kind="stable")
    taxa = candidates[order]
    if (np.diff(taxa) == 0).any():
        raise ValueError("candidates must be different taxa")
    if torch.device(device).type not in _TEXTS:
        raise ValueError(f"device must be cpu or cuda; got {device!r}")
    order = None if np.array_equal(taxa, candidates) else order
    levels, of_rank = levels_of(taxa, taxonomy)
    where = torch.device(device)
    pieces = cut(levels, _TEXTS[where.type], where)
    matrix = texts if where.type == "cpu" else _tensor(texts).to(where)
    starts = [torch.from_numpy(level.starts).to(where) for level in levels]
    step = _IMAGES[where.type]
    parts = []
    with torch.inference_mode():
        for first in range(0, len(images), step):
            some = torch.from_numpy(np.ascontiguousarray(images[first : first + step].T)).to(where) * scale
            running = _Running(some.shape[1], starts, k, where)
            for piece, rows in _rows(matrix, order, pieces, where):
                running.add(rows @ some, piece)
            parts.append(running.answers(levels, of_rank, taxa, taxonomy))
    return _joined(parts, nested=bool((taxa[:-1] + taxonomy.size[taxa[:-1]] > taxa[1:]).any()), shape=(len(of_rank), k))


def _rows(
    matrix: Any, order: Ints | None, pieces: list[Piece], device: torch.device
) -> Iterator[tuple[Piece, torch.Tensor]]:
    """Each piece with its texts as float32."""
    for piece in pieces:
        here: Any = slice(piece.start, piece.stop) if order is None else order[piece.start : piece.stop]
        if isinstance(matrix, torch.Tensor):
            here = here if order is None else torch.from_numpy(here).to(device)
            yield piece, matrix[here].float()
        else:
            yield piece, _tensor(matrix[here]).float()


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    """The array as a tensor without a copy; torch warns of read-only memory, to which nothing here writes."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(array))


class _Running:
    """Sums and best answers of some images, up to date with the pieces added so far.

    All values are exponentials of logits less ``reference``. The first dimension of ``top`` (values) and ``run`` (which
    run they are of) is the level. ``carry`` holds the sum of the run that is still open, ``mass`` the sum of the run
    of the best candidate.
    """

    def __init__(self, n: int, starts: list[torch.Tensor], k: int, device: torch.device) -> None:
        def zeros(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        self.starts = starts
        self.reference = torch.full((n,), -torch.inf, device=device)
        self.top = zeros(len(starts), k, n, dtype=torch.float32)
        self.run = zeros(len(starts), k, n, dtype=torch.int64) - 1
        self.carry, self.mass = zeros(len(starts), n), zeros(len(starts), n)
        self.best_run = zeros(len(starts), n, dtype=torch.int64) - 1
        self.total = zeros(n)
        self.column = torch.arange(n, device=device)

    def add(self, logits: torch.Tensor, piece: Piece) -> None:
        """Take in the logits ``(rows of the piece, n)``; the memory is used for the exponentials."""
        self._refer_to(logits.amax(dim=0))
        sums = [logits.sub_(self.reference).exp_()]
        for level in piece.levels[1:]:
            finer = sums[-1]
            if level.into is None:
                sums.append(finer.clone())
            else:
                sums.append(finer.new_zeros(level.n, finer.shape[1]).index_add_(0, level.into, finer))
        self.total += sums[-1].sum(dim=0, dtype=torch.float64)
        for place, (values, level) in enumerate(zip(sums, piece.levels, strict=True)):
            if level.continues:
                self.carry[place] += values[0]
                values[0] = self.carry[place]
            if not (level.continues and level.n == 1):
                self.carry[place] = values[-1]
            if place:
                self._note_mass(place, values, level.first)
            if level.silent is not None:
                values.index_fill_(0, level.silent, 0.0)
            if self._keep_best(place, values, level.first) and place == 0:
                self._follow_best()

    def _refer_to(self, largest: torch.Tensor) -> None:
        """Raise the reference where logits exceed it by so much that their exponentials would overflow."""
        exceeding = largest > self.reference + _ROOM
        if not exceeding.any():
            return
        new = torch.where(exceeding, largest, self.reference)
        factor = torch.exp(self.reference - new)
        self.reference = new
        self.top *= factor
        for sums in (self.carry, self.mass, self.total):
            sums *= factor

    def _follow_best(self) -> None:
        """Which runs the best candidate of each image belongs to."""
        best = self.run[0, 0]
        for place, starts in enumerate(self.starts):
            self.best_run[place] = torch.searchsorted(starts, best, right=True) - 1

    def _note_mass(self, place: int, values: torch.Tensor, first: int) -> None:
        """The sum, so far, of the run that the best candidate belongs to."""
        row = self.best_run[place] - first
        inside = (row >= 0) & (row < len(values))
        if inside.any():
            found = values[row.clamp(0, len(values) - 1), self.column]
            self.mass[place] = torch.where(inside, found.double(), self.mass[place])

    def _keep_best(self, place: int, values: torch.Tensor, first: int) -> bool:
        """Put what exceeds the k-th best value into its place; earlier runs first among equals."""
        rows, k = len(values), self.top.shape[1]
        whole = rows // _GROUP * _GROUP
        parts = [values[:whole].view(-1, _GROUP, values.shape[1]).amax(dim=1)] if whole else []
        parts += [values[whole:].amax(dim=0, keepdim=True)] if whole < rows else []
        largest = torch.cat(parts)
        better = (largest.amax(dim=0) > self.top[place, -1]).nonzero()[:, 0]
        if not len(better):
            return False
        # The k best lie in the k groups with the largest values: only those are sorted.
        group = _best(largest[:, better], k).sort(dim=0).values
        row = (group[:, None] * _GROUP + torch.arange(_GROUP, device=values.device)[None, :, None]).flatten(0, 1)
        found = torch.where(row < rows, values[row.clamp(max=rows - 1), better], 0.0)
        value = torch.cat([self.top[place][:, better], found])
        run = torch.cat([self.run[place][:, better], row + first])
        best = _best(value, k)
        self.top[place][:, better] = value.gather(0, best)
        self.run[place][:, better] = run.gather(0, best)
        return True

    def answers(
        self, levels: list[Level], of_rank: list[int], taxa: Ints, taxonomy: Taxonomy
    ) -> tuple[Answers, Answers]:
        """The k best taxa of every rank, and the lineage of the best candidate."""
        total = self.total.cpu().numpy()[:, None, None]
        top, run = self.top.cpu().numpy(), self.run.cpu().numpy()
        mass = np.concatenate([top[:1, 0].astype(np.float64), self.mass.cpu().numpy()[1:]])
        at_rank = taxonomy.ancestor[taxa].astype(np.int64)
        summed = np.stack(
            [
                np.where(run[place] >= 0, at_rank[levels[place].starts[run[place]], r], -1)
                for r, place in enumerate(of_rank)
            ]
        ).transpose(2, 0, 1)
        probability = top[of_rank].transpose(2, 0, 1) / total
        leaf = np.where(run[0, 0][:, None] >= 0, at_rank[run[0, 0]], -1)[:, :, None]
        sure = mass[of_rank].T[:, :, None] / total
        return (
            Answers(summed, np.where(summed >= 0, probability, np.nan)),
            Answers(leaf, np.where(leaf >= 0, sure, np.nan)),
        )


def _best(values: torch.Tensor, k: int) -> torch.Tensor:
    """Rows of the k largest values, at least 0, of each column, best first and the first among equals.

    The bits of such numbers sort as the numbers do; with the row behind them no two are equal.
    """
    row = torch.arange(len(values), device=values.device)[:, None]
    return ((values.view(torch.int32).long() << 16) - row).topk(min(k, len(values)), dim=0).indices


def _joined(parts: list[tuple[Answers, Answers]], *, nested: bool, shape: tuple[int, int]) -> Streamed:
    if not parts:
        none = Answers(np.zeros((0, *shape), dtype=np.int64), np.zeros((0, *shape)))
        return Streamed(none, Answers(none.taxon[:, :, :1], none.probability[:, :, :1]))
    summed, leaf = (Answers(*map(np.concatenate, zip(*one, strict=True))) for one in zip(*parts, strict=True))
    return Streamed(summed, None if nested else leaf)
