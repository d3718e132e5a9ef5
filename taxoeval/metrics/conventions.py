"""Names of the ways to count how far a prediction is from its target, and how like it is."""

from enum import StrEnum


class Convention(StrEnum):
    """Ways to count the distance from a target y to a prediction p through their lowest common ancestor a.

    d is the depth (root 0), D the depth of the deepest leaf, H(v) the longest way from v down to a leaf, and I(v) is
    -log2 of the share of all leaves that lie below v. All are 0 when p is y, except ``hycoclip_lca``, which is then 1.
    Values of different conventions must never be compared: on unequal trees they rank mistakes differently.

    ========================  =========================  ==========================================================
    name                      formula                    used by, or why
    ========================  =========================  ==========================================================
    ``rank_height``           ranks above the finest     taxoeval's default; counts slots, skipped ones too
    ``padded_height``         D - d(a)                   the matrices of "Making Better Mistakes", CRM, HAF, HiE
    ``padded_height_proper``  D - d(a), a a *proper*     the same files where target or prediction is an inner node
                              ancestor of both
    ``height``                H(a)                       what the papers' words say
    ``edge``                  d(y) + d(p) - 2 d(a)       tree-induced error, hops
    ``target_leg``            d(y) - d(a)                depth not recovered (deficient)
    ``pred_leg``              d(p) - d(a)                depth wrongly claimed (excess)
    ``max_leg``               the longer of both legs    HAF's and Hier-COS's own files
    ``information``           I(y) - I(a)                bits not recovered; "LCA on the line"
    ``information_excess``    I(p) - I(a)                bits wrongly claimed
    ``hycoclip_lca``          d(p) - d(a) + 1            HyCoCLIP; 1 when right
    ========================  =========================  ==========================================================
    """

    RANK_HEIGHT = "rank_height"
    PADDED_HEIGHT = "padded_height"
    PADDED_HEIGHT_PROPER = "padded_height_proper"
    HEIGHT = "height"
    EDGE = "edge"
    TARGET_LEG = "target_leg"
    PRED_LEG = "pred_leg"
    MAX_LEG = "max_leg"
    INFORMATION = "information"
    INFORMATION_EXCESS = "information_excess"
    HYCOCLIP_LCA = "hycoclip_lca"


class Similarity(StrEnum):
    """Ways to count how alike a target y and a prediction p are, from 0 to 1, in the notation of `Convention`.

    A(v) are the ancestors of v with v itself.

    ====================  ==========================  =====================================================
    name                  formula                     note
    ====================  ==========================  =====================================================
    ``wu_palmer_root0``   2 d(a) / (d(y) + d(p))      root at depth 0: 0 if only the root is shared
    ``wu_palmer_root1``   the same, root at depth 1   never 0; up to 0.4 above the former
    ``lin``               2 I(a) / (I(y) + I(p))      Lin 1998, Zhao 2017
    ``jaccard_root_out``  |A(y)∩A(p)| / |A(y)∪A(p)|   the root is not counted
    ``jaccard_root_in``   the same, root counted
    ====================  ==========================  =====================================================
    """

    WU_PALMER_ROOT0 = "wu_palmer_root0"
    WU_PALMER_ROOT1 = "wu_palmer_root1"
    LIN = "lin"
    JACCARD_ROOT_OUT = "jaccard_root_out"
    JACCARD_ROOT_IN = "jaccard_root_in"
