"""Which column of a table of answers holds what."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from taxoeval.datasets.columns import IMAGE_NAMES, ROW_NAMES
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy.lookup import nearest

SAMPLE_NAMES = (*ROW_NAMES[:2], *IMAGE_NAMES, *ROW_NAMES[2:])
ANSWER_NAMES = (
    "prediction", "predicted", "pred", "answer", "predicted_name", "predicted_label", "scientific_name", "taxon",
    "name",
)  # fmt: skip
PROBABILITY_NAMES = ("probability", "prob", "score", "confidence")


@dataclass(frozen=True)
class AnswerColumns:
    """The columns that a table of answers is read from.

    Attributes
    ----------
    sample
        Column of the sample ids.
    names
        Columns of the names, best answer first; none where there are ranks.
    probability
        Columns of their probabilities, beside them; none if none are stated.
    ranks
        Column of each rank of a lineage.
    """

    sample: str
    names: tuple[str, ...] = ()
    probability: tuple[str, ...] = ()
    ranks: dict[str, str] | None = None

    @property
    def all(self) -> list[str]:
        """Every column that is needed, once."""
        return list(dict.fromkeys((self.sample, *self.names, *self.probability, *(self.ranks or {}).values())))


def find_answer_columns(
    header: Sequence[str],
    where: str,
    names: str | Sequence[str],
    ranks: Sequence[str],
    *,
    sample: str = "auto",
    probability: str | Sequence[str] | None = "auto",
) -> AnswerColumns:
    """Find the columns; ``"auto"`` means by their usual names, whatever their case, numbered or not.

    Names, where there are any, go before rank columns; ``probability=None`` is none.

    Raises
    ------
    TaxoevalError
        If a column does not exist or none can be detected, or names and probabilities differ in number.

    Examples
    --------
    >>> find_answer_columns(["file_name", "pred_2", "pred_1", "score_1", "score_2"], "answers.csv", "auto", ())
    AnswerColumns(sample='file_name', names=('pred_1', 'pred_2'), probability=('score_1', 'score_2'), ranks=None)
    >>> find_answer_columns(["id", "Genus", "species"], "answers.csv", "auto", ("genus", "species")).ranks
    {'genus': 'Genus', 'species': 'species'}
    """
    ids = sample_column(header, where, sample)
    rest = [name for name in header if name != ids]
    weights = _wanted(rest, probability, PROBABILITY_NAMES, where)
    found = _wanted(rest, names, ANSWER_NAMES, where)
    lower = {name.strip().casefold(): name for name in reversed(rest)}
    by_rank = {rank: lower[key] for rank in ranks for key in (rank, "cls" if rank == "class" else rank) if key in lower}
    if not found and not by_rank:
        raise TaxoevalError(
            f"{where}: no column of answers; the columns are {', '.join(header)}; name them with names=[...], or "
            "rename them to prediction, or prediction_1, prediction_2 ..., or the ranks of a lineage"
        )
    places = len(found) if found else 1
    if weights and len(weights) != places:
        raise TaxoevalError(
            f"{where}: {places} columns of answers ({', '.join(found) or 'a lineage'}) and {len(weights)} of "
            f"probabilities ({', '.join(weights)}); give one for each with probability=[...], or null for none"
        )
    return AnswerColumns(ids, tuple(found), tuple(weights), None if found else by_rank)


def sample_column(header: Sequence[str], where: str, asked: str = "auto") -> str:
    """The column of the sample ids.

    Raises
    ------
    TaxoevalError
        If it does not exist, or none can be detected.

    Examples
    --------
    >>> sample_column(["scores", "Filename"], "scores.parquet")
    'Filename'
    """
    if asked != "auto":
        return _asked(header, (asked,), where)[0]
    found = usual_columns(header, SAMPLE_NAMES)
    if not found:
        raise TaxoevalError(
            f"{where}: no column of sample ids; the columns are {', '.join(header)}; name it with sample=..., or "
            f"rename it to one of {', '.join(SAMPLE_NAMES[:4])}"
        )
    return found[0]


def _wanted(header: Sequence[str], asked: str | Sequence[str] | None, usual: Sequence[str], where: str) -> list[str]:
    if asked is None:
        return []
    if asked == "auto":
        return usual_columns(header, usual)
    return _asked(header, (asked,) if isinstance(asked, str) else asked, where)


def _asked(header: Sequence[str], names: Sequence[str], where: str) -> list[str]:
    for name in names:
        if name not in header:
            close = nearest(name, header)
            hint = f" (nearest: {close!r})" if close else ""
            raise TaxoevalError(f"{where}: no column {name!r}{hint}; the columns are {', '.join(header)}")
    return list(names)


def usual_columns(header: Sequence[str], usual: Sequence[str]) -> list[str]:
    """The first usual name that occurs; or, numbered, all columns of it in the order of their numbers.

    Examples
    --------
    >>> usual_columns(["Top-10", "top-2", "top-1", "id"], ["prediction"])
    ['top-1', 'top-2', 'Top-10']
    """
    lower = {re.sub(r"[\s-]+", "_", name.strip().casefold()): name for name in reversed(header)}
    for name in usual:
        if name in lower:
            return [lower[name]]
    for name in (*usual, "top", "place"):
        numbered = {
            int(match[1]): column for key, column in lower.items() if (match := re.fullmatch(rf"{name}_?(\d+)", key))
        }
        if numbered:
            return [numbered[k] for k in sorted(numbered)]
    return []
