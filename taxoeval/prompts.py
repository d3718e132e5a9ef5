"""From a taxon to the text that a text tower reads: five ways to write a taxon, three sets of sentences around it.

The ways of writing are those the BioCLIP models were trained and tested with. Which one is used moves results by many
points, and published comparisons mix them, so it is always named beside a result.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy

TEXT_TYPES = ("sci", "com", "taxon", "sci_com", "taxon_com", "asis")
TEMPLATE_SETS = ("none", "one", "openai81")


def texts(
    taxonomy: Taxonomy,
    taxa: Sequence[int],
    common_name: Sequence[str],
    text_type: str,
    label: Sequence[str] | None = None,
    *,
    exact_holes: bool = False,
) -> list[str]:
    """Write each taxon in one of the six ways.

    ===========  ==============================================================================
    text type    example
    ===========  ==============================================================================
    `sci`        Corvus corax
    `com`        common raven; where there is none, as `sci`
    `taxon`      Animalia Chordata Aves Passeriformes Corvidae Corvus corax
    `sci_com`    Corvus corax with common name common raven; where there is none, as `sci`
    `taxon_com`  `taxon` with common name ...; where there is none, as `taxon`
    `asis`       the label as the source of the data wrote it
    ===========  ==============================================================================

    Parameters
    ----------
    taxonomy
        The tree. Species carry their binomial; a species of one word is read as an epithet of its genus.
    taxa
        ``(m,)`` ids. A taxon above species is written as far as it is known: `sci` is its own name.
    common_name
        One name for each id of the taxonomy, ``""`` where there is none.
    text_type
        One of the above.
    label
        ``(m,)``, only used by `asis`; an empty one, or none given, is replaced by the taxon's name.
    exact_holes
        Leave the double space of an unknown rank inside `taxon`, and drop all upper ranks if the first is unknown,
        as the evaluation code of the BioCLIP papers does. The tokenizers see no difference in the spaces.

    Returns
    -------
    list of str
        ``m`` texts. Upper ranks are capitalised and epithets lower-case, however the tree writes them.

    Raises
    ------
    TaxoevalError
        If there is no such text type.
    ValueError
        If ``common_name`` is not as long as the taxonomy, or ``label`` not as long as ``taxa``.

    References
    ----------
    .. [1] S. Stevens et al., "BioCLIP: A Vision Foundation Model for the Tree of Life", CVPR 2024.

    Examples
    --------
    >>> ranks = ("order", "family", "genus", "species")
    >>> tree = Taxonomy.from_lineages([("Passeriformes", "", "Corvus", "Corvus corax")], ranks=ranks)
    >>> raven = tree.ids(["Corvus corax"])
    >>> common = ["common raven" if name == "Corvus corax" else "" for name in tree.names]
    >>> texts(tree, raven, common, "sci_com")
    ['Corvus corax with common name common raven']
    >>> texts(tree, raven, common, "taxon")
    ['Passeriformes Corvus corax']
    """
    if text_type not in TEXT_TYPES:
        raise TaxoevalError(f"text type {text_type!r} is not one of {', '.join(TEXT_TYPES)}")
    if len(common_name) != len(taxonomy.names):
        raise ValueError(f"common_name has {len(common_name)} entries, the taxonomy {len(taxonomy.names)} taxa")
    if label is not None and len(label) != len(taxa):
        raise ValueError(f"label has {len(label)} entries, taxa {len(taxa)}")
    if text_type == "asis":
        given = [""] * len(taxa) if label is None else label
        return [str(own) or str(taxonomy.names[taxon]) for own, taxon in zip(given, taxa, strict=True)]
    return [_text(taxonomy, int(taxon), common_name[taxon], text_type, exact_holes) for taxon in taxa]


def _text(taxonomy: Taxonomy, taxon: int, common: str, text_type: str, exact_holes: bool) -> str:
    if text_type == "com" and common:
        return common
    body = _lineage_text(taxonomy, taxon, exact_holes) if text_type.startswith("taxon") else _sci(taxonomy, taxon)
    return f"{body} with common name {common}" if text_type.endswith("_com") and common else body


def _sci(taxonomy: Taxonomy, taxon: int) -> str:
    """Scientific name: the taxon's own, with the genus in front where the tree has a bare epithet."""
    lineage, rank = _lineage(taxonomy, taxon), int(taxonomy.rank[taxon])
    name = lineage[rank]
    if taxonomy.ranks[rank] == "species" and " " not in name and "genus" in taxonomy.ranks:
        name = f"{lineage[taxonomy.ranks.index('genus')]} {name}".strip()
    return name.capitalize()


def _lineage_text(taxonomy: Taxonomy, taxon: int, exact_holes: bool) -> str:
    lineage = _lineage(taxonomy, taxon)
    words, above = [], ""
    for rank, name in zip(taxonomy.ranks, lineage, strict=True):
        epithet = rank == "species" and " " not in name and above
        if above and name.lower().startswith(f"{above.lower()} "):
            words.append(name[len(above) + 1 :].lower())  # Corvus + Corvus corax: the genus is there already
        else:
            words.append(name.lower() if epithet else name.capitalize())
        above = name or above
    if not exact_holes:
        return " ".join(filter(None, words))
    if not lineage[0] and "genus" in taxonomy.ranks:
        words = words[taxonomy.ranks.index("genus") :]
    return " ".join(words)


def _lineage(taxonomy: Taxonomy, taxon: int) -> list[str]:
    return [str(taxonomy.names[i]) if i >= 0 else "" for i in taxonomy.ancestor[taxon]]


def templates(name: str) -> tuple[str, ...]:
    """A named set of sentences with ``{}`` where the taxon goes.

    Parameters
    ----------
    name
        ``"none"``: the text alone. ``"one"``: ``a photo of {}.``. ``"openai81"``: the 80 sentences that CLIP was
        tested on ImageNet with, as open_clip has them, after ``a photo of {}.``, which the BioCLIP protocol adds.

    Returns
    -------
    tuple of str
        1, 1 or 81 templates.

    Raises
    ------
    TaxoevalError
        If there is no such set.

    Examples
    --------
    >>> templates("one")
    ('a photo of {}.',)
    """
    if name == "none":
        return ("{}",)
    if name == "one":
        return ("a photo of {}.",)
    if name == "openai81":
        from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

        return ("a photo of {}.", *(template("{}") for template in OPENAI_IMAGENET_TEMPLATES))
    raise TaxoevalError(f"template set {name!r} is not one of {', '.join(TEMPLATE_SETS)}")


def fill(templates: Sequence[str], texts: Sequence[str]) -> list[list[str]]:
    """Put every text into every template.

    Parameters
    ----------
    templates
        ``t`` sentences with ``{}``.
    texts
        ``m`` texts.

    Returns
    -------
    list of list of str
        ``m`` lists of ``t`` sentences.

    Raises
    ------
    TaxoevalError
        If a template has no place for the text: every taxon would get the same sentence.

    Examples
    --------
    >>> fill(["{}", "a photo of {}."], ["Corvus corax"])
    [['Corvus corax', 'a photo of Corvus corax.']]
    """
    if without := [template for template in templates if "{}" not in template]:
        raise TaxoevalError(f"template {without[0]!r} has no {{}} for the taxon")
    return [[template.replace("{}", text) for template in templates] for text in texts]


@dataclass(frozen=True)
class Prompts:
    """How a taxon becomes text: which way of writing it, in which set of sentences.

    Attributes
    ----------
    text_type
        One of `TEXT_TYPES`.
    templates
        One of `TEMPLATE_SETS`.

    Raises
    ------
    TaxoevalError
        If either is unknown.

    Examples
    --------
    >>> Prompts(text_type="sci", templates="one").fill("Corvus corax")
    ['a photo of Corvus corax.']
    """

    text_type: str
    templates: str

    def __post_init__(self) -> None:
        if self.text_type not in TEXT_TYPES:
            raise TaxoevalError(f"text type {self.text_type!r} is not one of {', '.join(TEXT_TYPES)}")
        if self.templates not in TEMPLATE_SETS:
            raise TaxoevalError(f"template set {self.templates!r} is not one of {', '.join(TEMPLATE_SETS)}")

    def texts(
        self, taxonomy: Taxonomy, taxa: Sequence[int], common_name: Sequence[str], label: Sequence[str]
    ) -> list[str]:
        """Write each taxon; see the function `texts`."""
        return texts(taxonomy, taxa, common_name, self.text_type, label)

    def fill(self, text: str) -> list[str]:
        """Put one text into every template of the set."""
        return fill(templates(self.templates), [text])[0]
