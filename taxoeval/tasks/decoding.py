"""How scores become answers: which rules are applied, and which images are set aside to fit those that need it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from taxoeval.decoding import DECODERS, Calibration, Decoder
from taxoeval.errors import TaxoevalError


@dataclass(frozen=True)
class Special:
    """A rule that reads more than the scores of one set of candidates: only some tasks can apply it.

    Attributes
    ----------
    name
        Its name.
    needs
        What it needs, and where that can be had.
    """

    name: str
    needs: str


PER_RANK = Special("per_rank", "scores of every rank: zero_shot, or task.linear_probe.heads=ranks")
HIE_TRAINED = Special("hie_trained", "a second model, for taxa above: task.linear_probe.heads=ranks")
PARETO_SET = Special("pareto_set", "scores for sets of taxa, which no task has")

Rule = Decoder | Calibration | Special


@dataclass(frozen=True)
class Decoding:
    """The rules that turn scores into answers, and what they are fitted on.

    Attributes
    ----------
    decoders
        The rules: decoders, settings to be fitted (those with a ``fit``, such as `DartsAt`), and rules of which the
        tasks must say whether they can apply them (`Special`). Also a mapping, of which the keys are not used and None
        leaves a rule out. The first is the one that is shown at length.
    calibration_share
        Share of the images that are set aside to fit rules and a temperature, at least 0 and below 1. All rules are
        scored on the others, so that they can be compared. At 0 nothing is fitted.
    seed
        Seed of that draw.

    Raises
    ------
    TaxoevalError
        If the share is out of range, there is no rule, or two have the same name.

    Examples
    --------
    >>> from taxoeval.decoding import DartsAt, leaf_argmax
    >>> decoding = Decoding({"leaf": leaf_argmax, "crm": None, "darts": DartsAt(0.9)}, calibration_share=0.5)
    >>> [rule_name(rule) for rule in decoding.decoders]
    ['leaf_argmax', 'darts_at_0.9']
    """

    decoders: "tuple[Rule, ...] | Mapping[str, Rule | None]" = DECODERS
    calibration_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        rules = self.decoders.values() if isinstance(self.decoders, Mapping) else self.decoders
        object.__setattr__(self, "decoders", tuple(rule for rule in rules if rule is not None))
        if not 0 <= self.calibration_share < 1:
            raise TaxoevalError(
                f"decoding.calibration_share={self.calibration_share} must be at least 0 and below 1: it is the share "
                "of the images that are set aside, and the others are scored"
            )
        names = Counter(rule_name(rule) for rule in self.rules)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise TaxoevalError(f"decoding.decoders holds {twice[0]} twice; give each rule once")
        if not any(callable(rule) for rule in self.rules):
            raise TaxoevalError("decoding.decoders needs a rule that can be applied without being fitted: leaf_argmax")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order in which they are shown."""
        assert isinstance(self.decoders, tuple)  # noqa: S101 - made one when this was built
        return self.decoders

    def wants(self, special: Special) -> bool:
        """Whether a special rule is asked for."""
        return special in self.rules


def rule_name(rule: Rule) -> str:
    """The name of any rule, applied or not.

    Examples
    --------
    >>> rule_name(HIE_TRAINED), rule_name(DECODERS[0])
    ('hie_trained', 'leaf_argmax')
    """
    return str(getattr(rule, "name", None) or rule.__name__)  # type: ignore[union-attr]
