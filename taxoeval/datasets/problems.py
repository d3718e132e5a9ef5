"""Bad rows: found in one pass, named in one message, and left out only on request."""

from collections import Counter
from collections.abc import Sequence

from taxoeval.datasets.base import ImageSource, Problem
from taxoeval.errors import TaxoevalError

_SHOWN = 5


def check_on_bad(on_bad: str) -> None:
    """Raise unless ``on_bad`` is one of the two words it may be.

    Examples
    --------
    >>> check_on_bad("ignore")
    Traceback (most recent call last):
    taxoeval.errors.TaxoevalError: on_bad='ignore': use 'error' to stop at bad rows or 'skip' to leave them out
    """
    if on_bad not in ("error", "skip"):
        raise TaxoevalError(f"on_bad={on_bad!r}: use 'error' to stop at bad rows or 'skip' to leave them out")


def check_limit(limit: int | None) -> None:
    """Raise unless ``limit`` is ``None`` or at least 1."""
    if limit is not None and limit < 1:
        raise TaxoevalError(f"limit={limit}: give at least 1, or nothing to take all rows")


def summary(problems: Sequence[Problem]) -> str:
    """How many problems of each kind there are, the commonest first.

    Examples
    --------
    >>> summary([Problem("a.csv", 2, "x", "no such file"), Problem("a.csv", 5, "y", "no such file")])
    '2 no such file'
    """
    counts = Counter(problem.reason.split(" (")[0] for problem in problems)
    return ", ".join(f"{k} {reason}" for reason, k in counts.most_common())


def settle(
    problems: Sequence[Problem], of: int, where: str, on_bad: str, hint: str = "", unit: str = "rows"
) -> tuple[str, ...]:
    """Stop at problems, or note that they are left out.

    Parameters
    ----------
    problems
        All that was found.
    of
        How many rows there are.
    where
        The table or folder.
    on_bad
        ``"error"`` or ``"skip"``.
    hint
        A remedy that fits better than the usual one.
    unit
        What is counted.

    Returns
    -------
    tuple of str
        A note for the dataset, or nothing if there is no problem.

    Raises
    ------
    TaxoevalError
        If there are problems and ``on_bad`` is ``"error"``, or if skipping them would leave nothing.

    Examples
    --------
    >>> settle([Problem("labels.csv", 2, "a.jpg", "no such file")], 10, "labels.csv", "skip")
    ('1 of 10 rows of labels.csv left out (1 no such file)',)
    """
    if not problems:
        return ()
    if on_bad == "skip" and len(problems) < of:
        return (f"{len(problems)} of {of} {unit} of {where} left out ({summary(problems)})",)
    shown = 1 if hint else _SHOWN
    lines = [f"row {p.row}: {p.value!r}: {p.reason}" if p.row else f"{p.value!r}: {p.reason}" for p in problems[:shown]]
    more = f"; and {len(problems) - shown} more" if len(problems) > shown else ""
    usual = "Correct them, or pass on_bad=skip to leave them out" if on_bad == "error" else "Nothing would be left"
    raise TaxoevalError(
        f"{where}: {len(problems)} of {of} {unit} cannot be used ({summary(problems)}): "
        f"{'; '.join(lines)}{more}. {hint or usual}"
    )


def in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """One problem a row, the first found, sorted by row; where there are no rows, one problem a value.

    Examples
    --------
    >>> found = [Problem("a.csv", 5, "x", "last"), Problem("a.csv", 2, "y", "first"), Problem("a.csv", 2, "y", "more")]
    >>> [(problem.row, problem.reason) for problem in in_order(found)]
    [(2, 'first'), (5, 'last')]
    """
    first: dict[tuple[int, str], Problem] = {}
    for problem in problems:
        first.setdefault((problem.row, problem.value if not problem.row else ""), problem)
    return tuple(sorted(first.values(), key=lambda problem: (problem.row, problem.value)))


def undecodable(
    source: ImageSource, names: Sequence[str], where: str, rows: Sequence[int], known_bad: set[int]
) -> list[Problem]:
    """Decode every image of a source, except those of rows known to be bad, and list those that fail."""
    problems = []
    for i, (path, row) in enumerate(zip(names, rows, strict=True)):
        if row in known_bad:
            continue
        try:
            source.image(i)
        except TaxoevalError as error:
            reason = str(error).removeprefix(f"{source.where(i)}: ").rsplit("; ", 1)[0]
            problems.append(Problem(where, row, path, f"unreadable image ({reason})"))
    return problems
