"""How long do the comparisons of trees take, and the peers that do part of it? `python .../structure_trees.py`.

20,000 vectors of 768 numbers, 1,000 species of iNat21 with their lineages, an effect for each taxon; and centroids
alone of 1,000 and 10,000 species. One thread unless OPENBLAS_NUM_THREADS says otherwise; wall and processor time of one
run, libraries imported before; the last line is the largest memory that the process ever held.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import skbio.stats.distance
import skbio.tree
from scipy.cluster.hierarchy import cophenet, linkage

from taxoeval import Taxonomy
from taxoeval.structure.centroids import Centroids, centroids, tree_distance, upper
from taxoeval.structure.clade_recall import clade_recall
from taxoeval.structure.clade_sets import CladeSets, best_fit
from taxoeval.structure.clade_support import clade_support
from taxoeval.structure.cophenetic import cophenetic
from taxoeval.structure.dendrogram import join
from taxoeval.structure.dendrogram_purity import dendrogram_purity, purities
from taxoeval.structure.mantel import mantel
from taxoeval.structure.robinson_foulds import robinson_foulds
from taxoeval.structure.triplet_draw import draw_triplets
from taxoeval.structure.triplets import triplets
from taxoeval.taxonomy import Tree

ROOT = Path(__file__).resolve().parents[2]
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def timed(label: str, who: str, action: Callable[[], Any]) -> Any:
    """Run, print, and give what came back."""
    wall, processor = time.perf_counter(), time.process_time()
    result = action()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{label:<54}{who:<12}{wall:>9.3f}{processor:>9.3f}", flush=True)
    return result


def images(data: Path, species: int, n: int, dimension: int) -> tuple[np.ndarray, np.ndarray, Taxonomy]:
    """Vectors that sum an effect of each taxon of their lineage, and noise."""
    rng = np.random.default_rng(0)
    whole = Taxonomy.from_table(data / "taxonomies" / "inat21_7rank.csv", ranks=RANKS)
    taxonomy, _ = whole.restrict(np.sort(rng.choice(whole.leaves, species, replace=False)))
    finest = np.flatnonzero(taxonomy.rank == 6)
    effect = rng.normal(size=(len(taxonomy), dimension)).astype(np.float32)
    centre = effect[taxonomy.ancestor[finest]].sum(axis=1)
    code = np.concatenate([np.arange(species), rng.integers(species, size=n - species)])
    return centre[code] + 2 * rng.normal(size=(n, dimension)).astype(np.float32), finest[code], taxonomy


def analyses(data: Path) -> None:
    """Each function whole, as a table of results needs it: value, interval, null and p."""
    x, taxon, taxonomy = images(data, 1000, 20_000, 768)
    jobs: dict[str, Callable[[], Any]] = {
        "centroids": lambda: centroids(x, taxon, taxonomy),
        "mantel, 999 permutations, and within clades": lambda: mantel(x, taxon, taxonomy),
        "triplets, 199 permutations": lambda: triplets(x, taxon, taxonomy),
        "clade recall, 199 permutations": lambda: clade_recall(x, taxon, taxonomy),
        "the same, neighbour joining": lambda: clade_recall(x, taxon, taxonomy, method="neighbour_joining"),
        "clade support, 50 resamples": lambda: clade_support(x, taxon, taxonomy),
        "cophenetic, 999 permutations, 39 clouds": lambda: cophenetic(x, taxon, taxonomy),
        "purity of species, 199 permutations": lambda: dendrogram_purity(x, taxon, taxonomy),
        "purity of 2,000 images, 199 permutations": lambda: dendrogram_purity(x, taxon, taxonomy, of="images"),
    }
    for label, job in jobs.items():
        timed(f"20k images: {label}", "ours", job)


def newick(tree: Tree, place: np.ndarray) -> Any:
    """A tree for scikit-bio, its leaves named by the number of the species."""
    names = np.full(len(tree), "", dtype=object)
    names[tree.leaves] = [f"s{s}" for s in np.argsort(place)]
    return skbio.TreeNode.read(StringIO(Tree(tree.parent, names).to_newick()))


def every_clade(sets: CladeSets, tree: Tree, place: np.ndarray) -> np.ndarray:
    """Best Jaccard by counting the members below every node, a taxon at a time."""
    start = np.searchsorted(tree.leaves, np.arange(len(tree)))
    stop = start + tree.n_leaves_below
    best = np.empty(len(sets.size))
    for s in range(len(best)):
        inside = np.zeros(len(place) + 1, dtype=np.int32)
        inside[1 + place[sets.species[sets.of == s]]] = 1
        below = np.cumsum(inside)
        both = below[stop] - below[start]
        best[s] = (both / (stop - start + sets.size[s] - both)).max()
    return best


def parts(data: Path, species: int) -> None:
    """The steps beside those of peers, on centroids alone."""
    x, taxon, taxonomy = images(data, species, species, 128)
    found: Centroids = centroids(x, taxon, taxonomy)
    label = f"{species:,} species: "
    lineage = found.lineage
    distance = found.distance
    far = timed(label + "tree distance", "ours", lambda: tree_distance(lineage))
    timed(label + "triplets drawn, 10,000 a pair of ranks", "ours",
          lambda: draw_triplets(lineage, 10_000, np.random.default_rng(0)))  # fmt: skip
    tree = timed(label + "linkage and tree", "ours", lambda: join(distance, found.species))
    merges = timed(label + "linkage", "scipy", lambda: linkage(upper(distance), "average"))
    along = timed(label + "ways along the branches", "ours", tree.distance)
    assert np.allclose(upper(along), timed(label + "cophenetic distances", "scipy", lambda: cophenet(merges)))
    del along
    sets = CladeSets.of_lineage(lineage)
    fit = timed(label + "best Jaccard of all taxa", "ours", lambda: best_fit(sets, tree.tree, tree.place))
    assert np.allclose(
        fit.jaccard,
        timed(label + "best Jaccard of all taxa", "every node", lambda: every_clade(sets, tree.tree, tree.place)),
    )
    timed(label + "purity of all taxa", "ours", lambda: purities(sets, tree.tree, tree.place))
    taxa, _ = taxonomy.restrict(found.species)
    own = np.arange(species)
    rf = timed(label + "Robinson-Foulds", "ours", lambda: robinson_foulds(taxa, own, tree.tree, np.argsort(tree.place)))
    a, b = newick(taxa, own), newick(tree.tree, tree.place)
    a.prune()
    assert rf.plain == timed(label + "Robinson-Foulds", "scikit-bio", lambda: a.compare_rfd(b, rooted=True))
    if species <= 1000:
        timed(label + "neighbour joining and tree", "ours",
              lambda: join(distance, found.species, "neighbour_joining"))  # fmt: skip
        matrix = skbio.DistanceMatrix(distance, [str(i) for i in range(species)])
        timed(label + "neighbour joining", "scikit-bio", lambda: skbio.tree.nj(matrix))
        timed(label + "Mantel, 999 permutations", "scikit-bio",
              lambda: skbio.stats.distance.mantel(distance, far.astype(float), seed=0))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--species", type=int, nargs="*", default=[1000, 10_000])
    options = parser.parse_args()
    print(f"{'job':<54}{'who':<12}{'wall s':>9}{'cpu s':>9}")
    for species in options.species:
        parts(options.data, species)
    analyses(options.data)
    print(f"largest memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MiB")


if __name__ == "__main__":
    main()
