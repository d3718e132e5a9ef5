"""How the tree of life is laid out in a latent space: vectors and taxon ids in, a small record per question out."""

from taxoeval.structure.alignment import Alignment, alignment_by_rank
from taxoeval.structure.centroids import Centroids, centroids
from taxoeval.structure.cka import SpacesAgree, cka, spaces_agree
from taxoeval.structure.clade_recall import CladeRecall, clade_recall
from taxoeval.structure.clade_support import CladeSupport, clade_support
from taxoeval.structure.clusters import Clusters, clusters
from taxoeval.structure.cophenetic import Cophenetic, cophenetic
from taxoeval.structure.dendrogram import Dendrogram, dendrogram
from taxoeval.structure.dendrogram_purity import DendrogramPurity, dendrogram_purity
from taxoeval.structure.fisher import fisher_ratio
from taxoeval.structure.hyperbolicity import Hyperbolicity, hyperbolicity
from taxoeval.structure.intrinsic_dimension import IntrinsicDimension, intrinsic_dimension, two_nn
from taxoeval.structure.itol import write_itol
from taxoeval.structure.knn_graph import KnnGraph, knn_graph
from taxoeval.structure.mantel import Mantel, mantel
from taxoeval.structure.maps import METHODS, SpaceMap, space_map
from taxoeval.structure.modality_gap import ModalityGap, modality_gap
from taxoeval.structure.neighbours import Neighbours, neighbours
from taxoeval.structure.neural_collapse import NeuralCollapse, neural_collapse
from taxoeval.structure.record import ByRank
from taxoeval.structure.silhouette import Silhouette, silhouette
from taxoeval.structure.similarity import SimilarityByLca, similarity_by_lca
from taxoeval.structure.spread import Spread, spread
from taxoeval.structure.sums import Rows, TaxonSums, taxon_sums
from taxoeval.structure.tree_agreement import TreeAgreement, tree_agreement
from taxoeval.structure.triplets import Triplets, triplets
from taxoeval.structure.variance import VarianceByRank, variance_by_rank
from taxoeval.structure.within_between import WithinBetween, within_between

__all__ = [
    "METHODS",
    "Alignment",
    "ByRank",
    "Centroids",
    "CladeRecall",
    "CladeSupport",
    "Clusters",
    "Cophenetic",
    "Dendrogram",
    "DendrogramPurity",
    "Hyperbolicity",
    "IntrinsicDimension",
    "KnnGraph",
    "Mantel",
    "ModalityGap",
    "Neighbours",
    "NeuralCollapse",
    "Rows",
    "Silhouette",
    "SimilarityByLca",
    "SpaceMap",
    "SpacesAgree",
    "Spread",
    "TaxonSums",
    "TreeAgreement",
    "Triplets",
    "VarianceByRank",
    "WithinBetween",
    "alignment_by_rank",
    "centroids",
    "cka",
    "clade_recall",
    "clade_support",
    "clusters",
    "cophenetic",
    "dendrogram",
    "dendrogram_purity",
    "fisher_ratio",
    "hyperbolicity",
    "intrinsic_dimension",
    "knn_graph",
    "mantel",
    "modality_gap",
    "neighbours",
    "neural_collapse",
    "silhouette",
    "similarity_by_lca",
    "space_map",
    "spaces_agree",
    "spread",
    "taxon_sums",
    "tree_agreement",
    "triplets",
    "two_nn",
    "variance_by_rank",
    "within_between",
    "write_itol",
]
