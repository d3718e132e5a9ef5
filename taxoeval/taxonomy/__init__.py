"""Trees of taxa as read-only arrays, and the doors through which they come in and go out."""

from taxoeval.taxonomy.near_duplicates import NearDuplicate, NearDuplicates, near_duplicates
from taxoeval.taxonomy.parents import ParentList, tree_from_parents
from taxoeval.taxonomy.species import binomials
from taxoeval.taxonomy.table import LineageTable, read_table
from taxoeval.taxonomy.taxonomy import RANKS, Taxonomy
from taxoeval.taxonomy.tree import Tree

__all__ = [
    "RANKS",
    "LineageTable",
    "NearDuplicate",
    "NearDuplicates",
    "ParentList",
    "Taxonomy",
    "Tree",
    "binomials",
    "near_duplicates",
    "read_table",
    "tree_from_parents",
]
