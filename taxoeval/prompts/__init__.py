"""From a taxon to the text that a text tower reads: ways to write a taxon, and sentences around it.

The ways of writing are those the BioCLIP models were trained and tested with. Which one is used moves results by many
points, and published comparisons mix them, so it is always named beside a result.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from taxoeval.errors import TaxoevalError
from taxoeval.prompts.counterfactual import COUNTERFACTUALS, counterfactual_texts, refuse_unfit
from taxoeval.prompts.sentences import TEMPLATE_SETS, fill, templates
from taxoeval.prompts.writing import TEXT_TYPES, texts
from taxoeval.taxonomy import Taxonomy

__all__ = [
    "COUNTERFACTUALS",
    "TEMPLATE_SETS",
    "TEXT_TYPES",
    "Prompts",
    "counterfactual_texts",
    "fill",
    "templates",
    "texts",
]


@dataclass(frozen=True)
class Prompts:
    """How a taxon becomes text: which way of writing it, in which set of sentences.

    Attributes
    ----------
    text_type
        One of `TEXT_TYPES`.
    templates
        One of `TEMPLATE_SETS`.
    exact_holes
        Leave the double space of an unknown rank, as the code of the BioCLIP papers does; see `texts`.
    counterfactual
        None, or one of `COUNTERFACTUALS`: ancestors that are wrong on purpose; see `counterfactual_texts`.
    seed
        Seed of the counterfactual's draws.

    Raises
    ------
    TaxoevalError
        If one is unknown, or does not go with the others.

    Examples
    --------
    >>> Prompts(text_type="sci", templates="one").fill("Corvus corax")
    ['a photo of Corvus corax.']
    """

    text_type: str
    templates: str
    exact_holes: bool = False
    counterfactual: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.text_type not in TEXT_TYPES:
            raise TaxoevalError(f"text type {self.text_type!r} is not one of {', '.join(TEXT_TYPES)}")
        if self.templates not in TEMPLATE_SETS:
            raise TaxoevalError(f"template set {self.templates!r} is not one of {', '.join(TEMPLATE_SETS)}")
        if self.counterfactual is not None:
            refuse_unfit(self.counterfactual, self.text_type)
            if self.exact_holes:
                raise TaxoevalError("exact_holes writes texts as published, and a counterfactual is not; choose one")

    def texts(
        self, taxonomy: Taxonomy, taxa: Sequence[int], common_name: Sequence[str], label: Sequence[str]
    ) -> list[str]:
        """Write each taxon; see the functions `texts` and `counterfactual_texts`."""
        if self.counterfactual is None:
            return texts(taxonomy, taxa, common_name, self.text_type, label, exact_holes=self.exact_holes)
        return counterfactual_texts(taxonomy, taxa, common_name, self.text_type, self.counterfactual, seed=self.seed)

    def fill(self, text: str) -> list[str]:
        """Put one text into every template of the set."""
        return fill(templates(self.templates), [text])[0]
