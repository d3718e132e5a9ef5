"""What is written under a photograph: five ways of the BioCLIP family, and lineages that are wrong on purpose."""

from collections.abc import Callable

import numpy as np

from taxoeval.datasets.base import ImageDataset
from taxoeval.prompts import COUNTERFACTUALS, TEXT_TYPES, counterfactual_texts, texts
from taxoeval.prompts.writing import scientific_name

ABOVE_GENUS = 5  # kingdom, phylum, class, order, family


def write(dataset: ImageDataset, species: np.ndarray, kind: str, seed: int = 0) -> list[str]:
    """A caption for each species. Besides the text types, of ``taxon``:

    * ``shuffled``, ``dropped``, ``wrong_clade``, ``nonsense``: the library's counterfactuals;
    * ``exchanged``: all genera hand their ancestors on at random, so that words, lengths and how often each ancestor
      is written stay what they were, and only what they say is lost.
    """
    taxonomy = dataset.taxonomy
    if kind in TEXT_TYPES:
        return texts(taxonomy, species.tolist(), dataset.common_name, kind)
    if kind in COUNTERFACTUALS:
        return counterfactual_texts(taxonomy, species.tolist(), dataset.common_name, "taxon", kind, seed=seed)
    assert kind == "exchanged", kind
    genus = taxonomy.at("genus")
    genera = np.unique(genus[dataset.taxon[taxonomy.rank[dataset.taxon] == taxonomy.n_ranks - 1]])
    giver = dict(zip(genera.tolist(), np.random.default_rng(seed).permutation(genera).tolist(), strict=True))
    return [
        " ".join([*filter(None, taxonomy.lineage(giver[int(genus[s])])[:ABOVE_GENUS]), scientific_name(taxonomy, s)])
        for s in species.tolist()
    ]


def made_up(captions: list[str], known: Callable[[str], bool], seed: int = 0) -> list[str]:
    """Captions of the kind ``taxon`` whose ancestors are made-up words in which every token was met in training.

    One word stands for the same ancestor everywhere. Words are drawn, about as long as the name, until the tokens do.
    """
    rng = np.random.default_rng(seed)
    words: dict[str, str] = {}

    def word(name: str) -> str:
        while name not in words:
            length = max(4, len(name) + int(rng.integers(-2, 3)))
            letters = "".join(str(rng.choice(list("aeiou" if i % 2 else "bcdfglmnprstvz"))) for i in range(length))
            if known(letters) and letters.capitalize() not in words.values():
                words[name] = letters.capitalize()
        return words[name]

    parts = [caption.split(" ") for caption in captions]
    return [" ".join([*map(word, part[:-2]), *part[-2:]]) for part in parts]
