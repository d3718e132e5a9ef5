"""Sentences around the text of a taxon: three named sets."""

from collections.abc import Sequence

from taxoeval.errors import TaxoevalError

TEMPLATE_SETS = ("none", "one", "openai81")


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
