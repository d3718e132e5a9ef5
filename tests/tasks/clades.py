"""A small clade of points whose nearest neighbours are known: taxa are clusters at distances set by the tree."""

import numpy as np

from taxoeval import Taxonomy
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject

RANKS = ("family", "genus", "species")


def clade(seed=0, n_species=12, per_species=8, spread=0.3, dimension=16, partial=0):
    """Vectors that follow the tree: a family's direction, plus a genus's, plus a species', plus noise of the image."""
    rng = np.random.default_rng(seed)
    lineages = [(f"F{s // 6}", f"G{s // 3}", f"G{s // 3} s{s}") for s in range(n_species)]
    labels = [lineage for lineage in lineages for _ in range(per_species)]
    for i in rng.choice(len(labels), size=partial, replace=False):
        labels[i] = (*labels[i][:2], "")
    taxonomy = Taxonomy.from_lineages(labels, ranks=RANKS)
    centre = {name: rng.normal(size=dimension) for lineage in lineages for name in lineage}
    species = np.repeat(np.arange(n_species), per_species)
    vectors = np.stack([sum(centre[name] for name in lineages[s]) for s in species])
    vectors = (vectors + spread * rng.normal(size=vectors.shape)).astype(np.float32)
    taxon = taxonomy.ids(labels)
    sample = np.array([f"image{i:03d}" for i in range(len(labels))])
    return Subject(Embeddings(vectors, taxon, sample, "test"), taxonomy, [""] * len(taxonomy), sample)


def value(result, metric, rank, *, decoder="leaf_argmax", k=1, part="all"):
    """The one score of that name."""
    (found,) = [
        s for s in result.scores if (s.metric, s.rank, s.decoder, s.k, s.slice) == (metric, rank, decoder, k, part)
    ]
    return found
