"""From the rules asked for to rules that can be applied: some are fitted on images set aside, with a temperature."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.decoding import DECODERS, Decoder, Temperature, fit_temperature
from taxoeval.decoding.calibration import agrees
from taxoeval.errors import TaxoevalError
from taxoeval.tasks.base import Subject
from taxoeval.tasks.decoding import Decoding, Special, rule_name
from taxoeval.tasks.groups import groups_of, one_of_each
from taxoeval.taxonomy import Taxonomy

Ints = NDArray[np.int64]

Block = tuple[Ints, NDArray[np.float32]]
"""Positions of some samples, and the probabilities ``(len(positions), c)`` of the candidates for each."""

Scores = Callable[[Ints], Iterable[Block]]
"""Gives the blocks of any positions: first of the images to fit on, then of those to score."""


class Promise(NamedTuple):
    """What a fitted rule was asked for, and what it does on the images it was fitted on."""

    accuracy: float
    reached: float


@dataclass(frozen=True, eq=False)
class Rules:
    """Rules ready to be applied.

    Attributes
    ----------
    decoders
        The rules that can be applied, in order.
    rest
        Positions to score, ascending.
    set_aside
        Positions that were set aside to fit on, ascending; empty if nothing is fitted.
    temperature
        The temperature fitted on them; None if nothing is fitted.
    promises
        Of each fitted rule, by name.
    unfitted
        Names of rules that would have to be fitted, where nothing is.
    special
        Rules that the task itself has to apply.
    """

    decoders: tuple[Decoder, ...] = DECODERS
    rest: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    set_aside: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    temperature: Temperature | None = None
    promises: dict[str, Promise] = field(default_factory=dict)
    unfitted: tuple[str, ...] = ()
    special: tuple[Special, ...] = ()


def fit_rules(
    subject: Subject, scores: Scores, positions: Ints, candidates: Ints, target: Ints, taxonomy: Taxonomy
) -> Rules:
    """Set images aside, and fit on them what has to be fitted.

    Parameters
    ----------
    subject
        Its ``decoding`` says which rules, and which share to set aside; of a group all images or none are.
    scores
        Gives probabilities; asked only about the images set aside, whose table is the one thing held in memory.
    positions
        ``(m,)`` the images that can be scored.
    candidates
        ``(c,)`` the closed set.
    target
        ``(n,)`` the taxon of all images.
    taxonomy
        The taxonomy of candidates and targets.

    Returns
    -------
    rules
        `Rules`.

    Raises
    ------
    TaxoevalError
        If the share of the images is none or all, there is one candidate only, or the images set aside have no scores
        or no known taxon.

    Examples
    --------
    >>> from taxoeval.decoding import ClimbAt, leaf_argmax
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages([("Corvus",), ("Pica",)], ranks=("genus",))
    >>> target = np.array([0, 1] * 4)
    >>> images = Embeddings(np.zeros((8, 1), np.float32), target, np.array(list("abcdefgh")), "example")
    >>> subject = Subject(images, taxonomy, ["", ""], np.array([""] * 8),
    ...                   decoding=Decoding((leaf_argmax, ClimbAt(0.5)), calibration_share=0.5))
    >>> scores = lambda rows: [(rows, np.eye(2, dtype=np.float32)[target[rows]] * 0.8 + 0.1)]
    >>> rules = fit_rules(subject, scores, np.arange(8), np.array([0, 1]), target, taxonomy)
    >>> rules.set_aside, rules.rest, rules.promises["climb_at_0.5"].reached
    (array([1, 2, 3, 6]), array([0, 4, 5, 7]), 1.0)
    """
    decoding = subject.decoding
    ready = tuple(rule for rule in decoding.rules if callable(rule))
    special = tuple(rule for rule in decoding.rules if isinstance(rule, Special))
    asked = {rule_name(rule): rule for rule in decoding.rules if not callable(rule) and not isinstance(rule, Special)}
    if not decoding.calibration_share:
        return Rules(ready, np.sort(positions), unfitted=tuple(asked), special=special)
    if len(candidates) < 2:
        raise TaxoevalError(
            "there is one candidate only: nothing can be fitted to answers without a choice; give images of more taxa, "
            "or set decoding.calibration_share to 0"
        )
    aside = draw(decoding, positions, target, groups_of(subject))
    blocks = list(scores(aside))
    if not blocks:
        raise TaxoevalError(
            f"the calibration split is empty: none of its {len(aside)} images has any score; raise "
            "decoding.calibration_share, or set it to 0 to fit nothing"
        )
    rows, probability = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    truth = target[rows]
    fitted = {name: rule.fit(probability, candidates, taxonomy, truth) for name, rule in asked.items()}
    promises = {
        name: Promise(
            float(getattr(asked[name], "accuracy", np.nan)),
            share_right(truth, rule(probability, candidates, taxonomy).taxon[:, :, 0], taxonomy),
        )
        for name, rule in fitted.items()
    }
    return Rules(
        decoders=tuple(
            rule if callable(rule) else fitted[rule_name(rule)]
            for rule in decoding.rules
            if not isinstance(rule, Special)
        ),
        rest=np.setdiff1d(positions, aside),
        set_aside=aside,
        temperature=fit_temperature(probability, candidates, taxonomy, truth),
        promises=promises,
        special=special,
    )


def draw(decoding: Decoding, positions: Ints, taxon: Ints, group: Ints) -> Ints:
    """Positions to set aside, ascending, drawn evenly over the tree: every image, or group, with the same chance.

    Unlike a split for training it does not spare the last image of a taxon: the images that are scored would then hold
    more of the rare taxa than those that were fitted on, and no promise would carry over.

    Parameters
    ----------
    decoding
        The share and the seed.
    positions
        ``(m,)`` the images to draw from.
    taxon, group
        ``(n,)`` of all images.

    Raises
    ------
    TaxoevalError
        If the share of these images is none or all.

    Examples
    --------
    >>> draw(Decoding(calibration_share=0.5), np.arange(6), np.array([4, 4, 7, 7, 9, 9]), np.arange(6))
    array([0, 3, 5])
    """
    _, code = np.unique(group[positions], return_inverse=True)
    units = taxon[positions][one_of_each(code, taxon[positions])]
    rng = np.random.default_rng(decoding.seed)
    shuffled = rng.permutation(len(units))
    order = shuffled[np.argsort(units[shuffled], kind="stable")]
    marks = np.floor(np.arange(len(units) + 1) * decoding.calibration_share + rng.random())
    found = np.isin(code, order[np.diff(marks) > 0])
    if not found.any() or found.all():
        what = "groups" if len(units) < len(positions) else "images"
        raise TaxoevalError(
            f"the calibration split of {len(units)} {what} with decoding.calibration_share="
            f"{decoding.calibration_share:g} "
            f"{'is empty: raise it' if not found.any() else 'leaves none to score: lower it'}, give more images, or "
            "set it to 0 to fit nothing"
        )
    return np.sort(positions[found])


def share_right(target: Ints, taxon: Ints, taxonomy: Taxonomy) -> float:
    """Share of the samples whose finest answer is their taxon or lies above it, as rules are fitted; silence is right.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, magpie, pica = taxonomy.ids(["Corvus corax", "Pica pica", "Pica"])
    >>> share_right(np.array([magpie] * 3), np.array([[pica, magpie], [pica, -1], [-1, raven]]), taxonomy)
    0.6666666666666666
    """
    known = target >= 0
    if not known.any():
        return float("nan")
    finest = taxon[known].max(axis=1, initial=-1)  # in preorder the finest taxon of a path has the largest id
    return float(agrees(target[known], finest, taxonomy).mean())
