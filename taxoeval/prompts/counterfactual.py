"""Lineages that are wrong on purpose: does a text tower use the hierarchy, or only the name at its end?

The scientific name and the common name of a taxon stay; what changes are the ancestors written in front of them. If
accuracy falls when they are out of order, from elsewhere or meaningless, the text tower reads them.
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.prompts.writing import scientific_name, with_common_name
from taxoeval.taxonomy import Taxonomy

COUNTERFACTUALS = ("shuffled", "dropped", "wrong_clade", "nonsense")

_CONSONANTS, _VOWELS = "bcdfglmnprstvz", "aeiou"


def counterfactual_texts(
    taxonomy: Taxonomy, taxa: Sequence[int], common_name: Sequence[str], text_type: str, kind: str, *, seed: int = 0
) -> list[str]:
    """Write each taxon as `taxon` or `taxon_com` do, with other ancestors.

    ===============  ===============================================================================
    kind             ancestors
    ===============  ===============================================================================
    `shuffled`       its own, in another order
    `dropped`        none: what `sci` or `sci_com` write
    `wrong_clade`    those of a taxon drawn among the ones furthest away, to the same rank
    `nonsense`       made-up words, one and the same for each ancestor's name, about as long
    ===============  ===============================================================================

    Parameters
    ----------
    taxonomy
        The tree. Ancestors are the taxa above the genus; of a taxon above species, all above it.
    taxa
        ``(m,)`` ids.
    common_name
        One name for each id of the taxonomy, ``""`` where there is none.
    text_type
        ``taxon`` or ``taxon_com``: the others have no ancestors to change.
    kind
        One of the above.
    seed
        Of the draws. The text of a taxon depends on it, the taxonomy and the taxon, not on the other taxa asked for.

    Returns
    -------
    list of str
        ``m`` texts. A taxon with less than two ancestors cannot be shuffled, one without any not be changed, nor one
        whose ancestors are the only ones of their ranks (``wrong_clade``): these keep their own.

    Raises
    ------
    TaxoevalError
        If there is no such kind, the text type has no lineage, or nobody's ancestors are elsewhere (``wrong_clade``).

    Examples
    --------
    >>> ranks = ("order", "family", "genus", "species")
    >>> tree = Taxonomy.from_lineages(
    ...     [("Passeriformes", "Corvidae", "Corvus", "Corvus corax"), ("Anura", "Ranidae", "Rana", "Rana arvalis")],
    ...     ranks=ranks)
    >>> raven, none = tree.ids(["Corvus corax"]), [""] * len(tree)
    >>> [counterfactual_texts(tree, raven, none, "taxon", kind)[0] for kind in ("shuffled", "dropped", "wrong_clade")]
    ['Corvidae Passeriformes Corvus corax', 'Corvus corax', 'Anura Ranidae Corvus corax']
    """
    refuse_unfit(kind, text_type)
    elsewhere = _Elsewhere(taxonomy)
    written, alone = [], []
    for taxon in map(int, taxa):
        above = _ancestors(taxonomy, taxon)
        names = [str(taxonomy.names[i]) for i in above]
        rng = _generator(seed, taxonomy.path(taxon))
        if kind == "shuffled":
            names = _another_order(names, rng)
        elif kind == "dropped":
            names = []
        elif kind == "wrong_clade" and above:
            other = elsewhere.lineage(above, rng)
            alone.append(not other)
            names = [str(taxonomy.names[i]) for i in other] or names
        elif kind == "nonsense":
            names = [_word(_generator(seed, name), len(name)) for name in names]
        text = " ".join([*(name.capitalize() for name in names), scientific_name(taxonomy, taxon)])
        written.append(with_common_name(text, str(common_name[taxon])) if text_type == "taxon_com" else text)
    if alone and all(alone) and not any(elsewhere.lineage(_ancestors(taxonomy, leaf), rng) for leaf in taxonomy.leaves):
        raise TaxoevalError(
            f"counterfactual 'wrong_clade': like all here, {taxonomy.path(int(taxa[0]))} has the only ancestors "
            "of their ranks; use nonsense, or a dataset with more than one clade"
        )
    return written


def refuse_unfit(kind: str, text_type: str) -> None:
    """Raise a `TaxoevalError` unless there is such a kind and the text type has ancestors to change.

    Examples
    --------
    >>> refuse_unfit("nonsense", "taxon_com")
    """
    if kind not in COUNTERFACTUALS:
        raise TaxoevalError(f"counterfactual {kind!r} is not one of {', '.join(COUNTERFACTUALS)}")
    if text_type not in ("taxon", "taxon_com"):
        raise TaxoevalError(
            f"counterfactual {kind!r} changes the ancestors in a text, and text type {text_type!r} has none; use taxon "
            "or taxon_com"
        )


def _ancestors(taxonomy: Taxonomy, taxon: int) -> list[int]:
    """The taxa above one, coarse to fine, without the genus that its scientific name begins with."""
    genus = taxonomy.ranks.index("genus") if "genus" in taxonomy.ranks else -1
    below = int(taxonomy.rank[taxon])
    return [int(i) for r, i in enumerate(taxonomy.ancestor[taxon][:below]) if i >= 0 and r != genus]


def _generator(seed: int, text: str) -> np.random.Generator:
    return np.random.default_rng([seed, int.from_bytes(sha256(text.encode()).digest()[:8], "little")])


def _another_order(names: list[str], rng: np.random.Generator) -> list[str]:
    """The names in an order that is not the given one, where there is another."""
    while len(set(names)) > 1:
        order = [names[i] for i in rng.permutation(len(names))]
        if order != names:
            return order
    return names


def _word(rng: np.random.Generator, length: int) -> str:
    letters = [str(rng.choice(list(_VOWELS if i % 2 else _CONSONANTS))) for i in range(max(length, 3))]
    return "".join(letters)


class _Elsewhere:
    """Draws lineages that have as little as possible in common with a given one."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.pools: dict[tuple[int, int], NDArray[np.int64]] = {}

    def lineage(self, above: list[int], rng: np.random.Generator) -> list[int]:
        """Ancestors of another taxon of the rank of the last of ``above``, from outside the coarsest clade it can.

        Empty where there is no other.
        """
        for clade in above:
            pool = self._pool(clade, int(self.taxonomy.rank[above[-1]]))
            if len(pool):
                other = int(pool[rng.integers(len(pool))])
                return [int(i) for i in self.taxonomy.ancestor[other] if i >= 0]
        return []

    def _pool(self, clade: int, rank: int) -> NDArray[np.int64]:
        """Taxa of a rank whose taxon at the clade's rank is known and another."""
        if (clade, rank) not in self.pools:
            other = self.taxonomy.ancestor[:, int(self.taxonomy.rank[clade])]
            self.pools[clade, rank] = np.flatnonzero((self.taxonomy.rank == rank) & (other >= 0) & (other != clade))
        return self.pools[clade, rank]
