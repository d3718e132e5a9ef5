"""Invented names for a simulated clade: pronounceable, Latin-like, with an ending that tells the rank.

Real names would suggest real organisms, and an encoder that has read about them; invented ones cannot. Each rank has
its own ending (``-idae`` for families, ``-iformes`` for orders, ...), as in real nomenclature. Names above species are
unique. Epithets are drawn from a short list on purpose, so that some return in several genera, as they do in nature.
"""

from collections.abc import Callable, Sequence

import numpy as np

RANKS: tuple[str, ...] = ("kingdom", "phylum", "class", "order", "family", "genus", "species")

_ONSETS = "b c d f g l m n p r s t v z br cr dr gl pl tr st ph th qu"
_VOWELS = "a e i o u ae ia eo"
_CODAS = "l m n r s nd rt lv mb st x nth"
_ENDINGS = {"kingdom": "obia", "phylum": "ophyla", "class": "opsida", "order": "iformes", "family": "idae"}
_GENDERS = (("us", "us"), ("a", "a"), ("um", "um"), ("is", "a"), ("ops", "us"))  # of a genus and of its epithets
_ADJECTIVES = (
    "ashen banded bright common crested dusky eastern fen giant golden greater hill island lesser little long marsh "
    "northern pale plain river royal sand scarce shore slender southern stone swift tawny western wood"
)
_NOUN_STARTS = "bar bram cor dab fen gar hob jes kel lin mar nub pod quill rus sed tam tol ver wil"
_NOUN_ENDS = "bit by dle ker kin let lock low ner ock per pin rel row ster tle wick wing"


def _pick(words: str, rng: np.random.Generator) -> str:
    options = words.split(" ")
    return options[int(rng.integers(len(options)))]


def _stem(syllables: int, rng: np.random.Generator) -> str:
    body = "".join(_pick(_ONSETS, rng) + _pick(_VOWELS, rng) for _ in range(syllables - 1))
    return body + _pick(_ONSETS, rng) + _pick(_VOWELS[:9], rng) + _pick(_CODAS, rng)


def _fresh(make: Callable[[int], str], used: set[str], template: str = "{}") -> str:
    """Fill ``template`` with ``make(1)`` until the name is new; after every 40 tries ``make`` may be longer by one."""
    attempt = 0
    while (name := template.format(make(1 + attempt // 40))) in used:
        attempt += 1
    used.add(name)
    return name


def taxon_names(parent: Sequence[int], rank: Sequence[int], rng: np.random.Generator) -> list[str]:
    """Name every taxon of a tree whose nodes are sorted parents first.

    Parameters
    ----------
    parent, rank
        Parent of each node (``-1`` at a root) and its index into `RANKS`.
    rng
        Where the randomness comes from.

    Returns
    -------
    list of str
        One name a node. A species is named by its binomial.

    Examples
    --------
    >>> names = taxon_names([-1, 0, 1, 2, 3, 4, 5], list(range(7)), np.random.default_rng(0))
    >>> names[6].split()[0] == names[5]
    True
    >>> names[4].endswith("idae")
    True
    """
    epithets = " ".join(_stem(1 + int(rng.integers(2)), rng) for _ in range(max(3, len(rank) // 4)))

    def stem(n: int) -> str:
        return _stem(1 + n, rng)

    def epithet(n: int) -> str:
        return _pick(epithets, rng) if n == 1 else _stem(n, rng)

    used: set[str] = set()
    agreement: dict[int, str] = {}
    names: list[str] = []
    for node, r in enumerate(rank):
        if RANKS[r] == "species":
            genus = parent[node]
            names.append(_fresh(epithet, used, names[genus] + " {}" + agreement[genus]))
        elif RANKS[r] == "genus":
            ending, agreement[node] = _GENDERS[int(rng.integers(len(_GENDERS)))]
            names.append(_fresh(stem, used, "{}" + ending).capitalize())
        else:
            names.append(_fresh(stem, used, "{}" + _ENDINGS[RANKS[r]]).capitalize())
    return names


def common_names(parent: Sequence[int], rank: Sequence[int], rng: np.random.Generator) -> list[str]:
    """English-sounding names of the species: a noun per genus and an adjective that tells its species apart.

    Returns
    -------
    list of str
        One name a node, ``""`` for every node that is not a species.

    Examples
    --------
    >>> common_names([-1, 0, 0], [5, 6, 6], np.random.default_rng(0))
    ['', 'marsh tolpin', 'giant tolpin']
    """

    def noun(n: int) -> str:
        return _pick(_NOUN_STARTS, rng) + "".join(_pick(_NOUN_ENDS, rng) for _ in range(n))

    def adjectives(n: int) -> str:
        return " ".join(_pick(_ADJECTIVES, rng) for _ in range(n))

    used: set[str] = set()
    nouns: dict[int, str] = {}
    names: list[str] = []
    for node, r in enumerate(rank):
        if RANKS[r] != "species":
            names.append("")
            continue
        genus = parent[node]
        if genus not in nouns:
            nouns[genus] = _fresh(noun, used)
        names.append(_fresh(adjectives, used, "{} " + nouns[genus]))
    return names
