"""The ways in which people and programs write one scientific name, brought to a common key."""

import re
import unicodedata

_AUTHOR_PARTICLES = frozenset({"and", "d'", "da", "de", "den", "der", "du", "et", "ex", "in", "la", "le", "van", "von"})
_OPEN = re.compile(r"^(sp|spp|cf|aff|indet)\.?$", re.IGNORECASE)
_INFRA = frozenset({"ssp", "ssp.", "subsp", "subsp.", "var", "var.", "f.", "forma", "morph", "cv."})
_ENDING = re.compile(r"(orum|arum|rum|us|um|er|ra|is|os|on|ii|ae|a|e|i)$")
_HYBRID = re.compile(r"×|(?<=\s)[xX](?=\s)")


def words(text: str) -> list[str]:
    """The words of a name as written, with ``_`` as a blank, without emphasis marks and a subgenus in brackets.

    Examples
    --------
    >>> words(" *Larus_(Larus)  marinus* ")
    ['Larus', 'marinus']
    """
    plain = unicodedata.normalize("NFKC", text).replace("_", " ").replace("’", "'").strip(" \t\r\n*\"'`.,;:")
    found = plain.split()
    subgenus = len(found) > 2 and re.fullmatch(r"\(\w+\)", found[1]) and found[2].islower()
    return [found[0], *found[2:]] if subgenus else found


def scientific_key(name: list[str] | str) -> str:
    """What two spellings of one scientific name share: no case, accents, hyphens or ``_``, single blanks.

    Examples
    --------
    >>> scientific_key("CORVUS_corax") == scientific_key(" Corvus  corax ")
    True
    >>> scientific_key("Anthus novae-seelandiæ") == scientific_key("anthus novaeseelandiae")
    True
    """
    text = " ".join(words(name) if isinstance(name, str) else name).casefold().replace("æ", "ae").replace("œ", "oe")
    return _without_accents(text).replace("-", "")


def common_key(name: str) -> str:
    """The same for a vernacular name: hyphens are blanks and apostrophes nothing.

    Examples
    --------
    >>> common_key("Cassin's Red-tail") == common_key("CASSINS RED TAIL")
    True
    """
    text = _without_accents(" ".join(words(name)).casefold())
    return " ".join(text.replace("-", " ").replace("'", "").split())


def without_author(name: list[str]) -> list[str]:
    """The words of a scientific name up to its author and year, if it has any.

    Where case is of no help, as in ``CORVUS CORAX LINNAEUS``, nothing is cut.

    Examples
    --------
    >>> [" ".join(without_author(words(name))) for name in (
    ...     "Corvus corax Linnaeus, 1758", "Pica pica (L.)", "Corvidae Leach", "Parus ater de Selys", "Columba livia")]
    ['Corvus corax', 'Pica pica', 'Corvidae', 'Parus ater', 'Columba livia']
    """
    if not name or not name[0][:1].isupper() or (len(name[0]) > 1 and name[0].isupper()):
        return name
    for i, word in enumerate(name[1:], start=1):
        rest = name[i:]
        if _begins_author(word) or (word in _AUTHOR_PARTICLES and any(_begins_author(later) for later in rest)):
            return name[:i]
    return name


def infraspecific(name: list[str]) -> list[str]:
    """The species of a name of a subspecies, variety or form; ``[]`` for any other name.

    Examples
    --------
    >>> infraspecific(words("Columba livia domestica")), infraspecific(words("Columba livia"))
    (['Columba', 'livia'], [])
    """
    marked = len(name) > 2 and name[2] in _INFRA
    plain = len(name) == 3 and all(re.fullmatch(r"[a-z-]+", word) for word in name[1:])
    return name[:2] if marked or (plain and not _OPEN.match(name[1])) else []


def open_name(name: list[str]) -> list[str]:
    """What is certain of a name in open nomenclature, ``Corvus sp.`` or ``Corvus cf. corax``; ``[]`` for any other.

    Examples
    --------
    >>> open_name(words("Corvus cf. corax")), open_name(words("Corvus sp. 2")), open_name(words("Corvus corax"))
    (['Corvus'], ['Corvus'], [])
    """
    place = next((i for i, word in enumerate(name) if i and _OPEN.match(word)), 0)
    return name[:1] if place else []


def is_hybrid(name: str) -> bool:
    """Whether a name is that of a cross, which belongs to neither parent.

    Examples
    --------
    >>> is_hybrid("Larus glaucescens × occidentalis"), is_hybrid("Xema sabini")
    (True, False)
    """
    return bool(_HYBRID.search(name))


def stem(epithet: str) -> str:
    """An epithet without the ending that changes with the gender of its genus.

    A species that moves to another genus keeps its epithet, but the ending must agree with the new genus.

    Examples
    --------
    >>> stem("auratus") == stem("aurata"), stem("viridis") == stem("viride")
    (True, True)
    """
    key = scientific_key(epithet)
    return _ENDING.sub("", key) or key


def _begins_author(word: str) -> bool:
    return word[:1] in "(&" or word[:1].isupper() or word[:1].isdigit() or bool(re.match(r"d'[A-Z]", word))


def _without_accents(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
