"""One taxon as text, in the six ways that the BioCLIP models were trained and tested with."""

from collections.abc import Sequence

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy

TEXT_TYPES = ("sci", "com", "taxon", "sci_com", "taxon_com", "asis")


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
    body = (
        _lineage_text(taxonomy, taxon, exact_holes)
        if text_type.startswith("taxon")
        else scientific_name(taxonomy, taxon)
    )
    return with_common_name(body, common) if text_type.endswith("_com") else body


def with_common_name(text: str, common: str) -> str:
    """The text and, if there is one, the common name behind it.

    Examples
    --------
    >>> with_common_name("Corvus corax", "common raven")
    'Corvus corax with common name common raven'
    """
    return f"{text} with common name {common}" if common else text


def scientific_name(taxonomy: Taxonomy, taxon: int) -> str:
    """The taxon's own name, with the genus in front where the tree has a bare epithet.

    Examples
    --------
    >>> tree = Taxonomy.from_lineages([("Corvus", "corax")], ranks=("genus", "species"))
    >>> scientific_name(tree, 1)
    'Corvus corax'
    """
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
