"""One vector per taxon from its texts, a record of the texts, and those that cannot tell taxa apart."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.prompts import Prompts
from taxoeval.tasks.base import normalised
from taxoeval.taxonomy import Taxonomy

_TEXTS = 1 << 14  # texts embedded at a time

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def class_vectors(texts: Sequence[str], prompts: Prompts, embed: Embed) -> NDArray[np.float32]:
    """One unit vector per text: each filled template divided by its length, their mean divided by its length again.

    Parameters
    ----------
    texts
        ``c`` texts.
    prompts
        The sentences around them.
    embed
        Texts to vectors; what it keeps makes an interrupted run go on where it stopped.

    Returns
    -------
    ndarray
        ``(c, d)`` float32, the only array of that size that is made.

    Examples
    --------
    >>> embed = lambda texts: np.array([[len(text), 0.0] for text in texts], dtype=np.float32)
    >>> class_vectors(["Pica", "Corvus"], Prompts("sci", "one"), embed)
    array([[1., 0.],
           [1., 0.]], dtype=float32)
    """
    per_text = len(prompts.fill(""))
    step = max(1, _TEXTS // per_text)
    vectors: NDArray[np.float32] | None = None
    for start in range(0, len(texts), step):
        some = texts[start : start + step]
        units = normalised(embed([filled for text in some for filled in prompts.fill(text)]), "texts")
        if vectors is None:
            vectors = np.empty((len(texts), units.shape[1]), dtype=np.float32)
        vectors[start : start + len(some)] = normalised(
            units.reshape(len(some), per_text, -1).mean(axis=1), "texts of candidates"
        )
    if vectors is None:
        raise ValueError("class_vectors needs at least one text")
    return vectors


def prompt_record(texts: Sequence[str], prompts: Prompts) -> dict[str, Any]:
    """What the record of a run says of its texts; equal hashes mean equal texts, so encoders were asked alike.

    Examples
    --------
    >>> prompt_record(["Pica pica"], Prompts("sci", "one"))["example"]
    'a photo of Pica pica.'
    """
    digest = sha256()
    for i, text in enumerate(texts):
        digest.update(("\n" * (i > 0) + "\n".join(prompts.fill(text))).encode())
    record: dict[str, Any] = {
        "text_type": prompts.text_type,
        "templates": prompts.templates,
        "n_templates": len(prompts.fill("")),
        "example": prompts.fill(texts[0])[0],
        "prompts_sha256": digest.hexdigest(),
    }
    if prompts.exact_holes:
        record["exact_holes"] = True
    if prompts.counterfactual is not None:
        record |= {"counterfactual": prompts.counterfactual, "seed": prompts.seed}
    return record


def same_texts(
    texts: Sequence[str], taxa: NDArray[np.int64], taxonomy: Taxonomy
) -> tuple[tuple[str, ...], Mapping[str, NDArray[Any]]]:
    """A note on candidates that share their text, and a table of them; both empty if there are none.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Porites a",), ("Porites b",)], ranks=("species",))
    >>> notes, table = same_texts(["finger coral", "finger coral"], np.array([0, 1]), taxonomy)
    >>> table["taxon"]
    array(['Porites a', 'Porites b'], dtype='<U9')
    """
    places = defaultdict(list)
    for i, text in enumerate(texts):
        places[text].append(i)
    shared = {text: rows for text, rows in places.items() if len(rows) > 1}
    if not shared:
        return (), {}
    n = sum(map(len, shared.values()))
    some = ", ".join(repr(text) for text in sorted(shared)[:3])
    note = (
        f"{n} candidates share their text with another ({some}): no encoder can tell them apart by this text type; "
        "each is a candidate of its own"
    )
    rows = [(text, taxonomy.path(int(taxa[i]))) for text in sorted(shared) for i in shared[text]]
    return (note,), {"text": np.array([text for text, _ in rows]), "taxon": np.array([path for _, path in rows])}
