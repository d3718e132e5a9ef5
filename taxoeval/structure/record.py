"""The form in which every analysis of the latent space gives its numbers: per rank, with what to read them against."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class ByRank:
    """One quantity at every rank, each value beside its null, interval and sample size.

    Attributes
    ----------
    quantity
        Name of the quantity, such as ``"silhouette"``.
    ranks
        Names of the ranks, coarse to fine; ``("",)`` for a quantity of the whole space.
    value
        ``(r,)`` the estimates; NaN where undefined, never zero instead.
    n
        ``(r,)`` how many `unit` each value rests on.
    unit
        What is counted: ``"images"``, ``"taxa"``, ``"pairs"``, ``"triplets"``.
    low, high
        ``(r,)`` ends of the 95 % interval for other species of the kind; NaN where there is none.
    null
        ``(r,)`` mean of the value where the taxonomy has no bearing on the vectors; NaN where there is none.
    p
        ``(r,)`` share of permutations at least as extreme, ``(1 + #) / (1 + permutations)``; NaN where untested.
    higher_is_better
        Whether a higher value means that the space follows the taxonomy more closely; None where neither does.
    reason
        ``(r,)`` why a value is NaN, or what to know about it; ``""`` where there is nothing to say.

    Examples
    --------
    >>> table = ByRank.of("silhouette", ("genus", "species"), [0.25, np.nan], n=[40, 0], unit="images",
    ...     reason=("", "every species has a single image"))
    >>> table.value, table.p
    (array([0.25,  nan]), array([nan, nan]))
    """

    quantity: str
    ranks: tuple[str, ...]
    value: NDArray[np.float64]
    n: NDArray[np.int64]
    unit: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    null: NDArray[np.float64]
    p: NDArray[np.float64]
    higher_is_better: bool | None = True
    reason: tuple[str, ...] = field(default=())

    @classmethod
    def of(
        cls,
        quantity: str,
        ranks: Sequence[str],
        value: ArrayLike,
        *,
        n: ArrayLike,
        unit: str,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        null: ArrayLike | None = None,
        p: ArrayLike | None = None,
        higher_is_better: bool | None = True,
        reason: Sequence[str] | None = None,
    ) -> "ByRank":
        """The record, with NaN for whatever is not given; arrays of length one spread over the ranks.

        Raises
        ------
        ValueError
            If an array fits neither the ranks nor a single value, or a NaN has no reason.
        """
        shape = (len(ranks),)

        def row(given: ArrayLike | None) -> NDArray[np.float64]:
            return np.broadcast_to(np.asarray(np.nan if given is None else given, dtype=np.float64), shape).copy()

        values, reasons = row(value), tuple(reason) if reason is not None else ("",) * len(ranks)
        if len(reasons) != len(ranks):
            raise ValueError(f"{quantity}: {len(reasons)} reasons for {len(ranks)} ranks")
        silent = [rank for rank, v, why in zip(ranks, values, reasons, strict=True) if np.isnan(v) and not why]
        if silent:
            raise ValueError(f"{quantity}: NaN at {silent} without a reason")
        counts = np.broadcast_to(np.asarray(n, dtype=np.int64), shape).copy()
        return cls(
            quantity=quantity,
            ranks=tuple(ranks),
            value=values,
            n=counts,
            unit=unit,
            low=row(low),
            high=row(high),
            null=row(null),
            p=row(p),
            higher_is_better=higher_is_better,
            reason=reasons,
        )
