"""How the tree of life is laid out in a latent space: vectors and taxon ids in, a small record per question out."""

from taxoeval.structure.alignment import Alignment, alignment_by_rank
from taxoeval.structure.centroids import Centroids, centroids
from taxoeval.structure.clusters import Clusters, clusters
from taxoeval.structure.intrinsic_dimension import IntrinsicDimension, intrinsic_dimension, two_nn
from taxoeval.structure.knn_graph import KnnGraph, knn_graph
from taxoeval.structure.mantel import Mantel, mantel
from taxoeval.structure.neighbours import Neighbours, neighbours
from taxoeval.structure.record import ByRank
from taxoeval.structure.silhouette import Silhouette, silhouette
from taxoeval.structure.similarity import SimilarityByLca, similarity_by_lca
from taxoeval.structure.spread import Spread, spread
from taxoeval.structure.sums import Rows, TaxonSums, taxon_sums
from taxoeval.structure.triplets import Triplets, triplets
from taxoeval.structure.variance import VarianceByRank, variance_by_rank

__all__ = [
    "Alignment",
    "ByRank",
    "Centroids",
    "Clusters",
    "IntrinsicDimension",
    "KnnGraph",
    "Mantel",
    "Neighbours",
    "Rows",
    "Silhouette",
    "SimilarityByLca",
    "Spread",
    "TaxonSums",
    "Triplets",
    "VarianceByRank",
    "alignment_by_rank",
    "centroids",
    "clusters",
    "intrinsic_dimension",
    "knn_graph",
    "mantel",
    "neighbours",
    "silhouette",
    "similarity_by_lca",
    "spread",
    "taxon_sums",
    "triplets",
    "two_nn",
    "variance_by_rank",
]
