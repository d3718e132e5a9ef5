"""The balanced distance is a macro mean over target taxa."""

import numpy as np
import pytest

from taxoeval.metrics import lca_distance
from taxoeval.metrics.balanced import balanced_hierarchical_distance
from tests.metrics.test_hits import BIRDS, CROW, RAVEN, TIT


def test_every_target_taxon_weighs_the_same():
    target = np.array([RAVEN, RAVEN, RAVEN, TIT])
    distance = lca_distance(target, [RAVEN, RAVEN, CROW, CROW], BIRDS, convention="edge")
    assert balanced_hierarchical_distance(distance, target) == pytest.approx((2 / 3 + 6) / 2)


def test_undefined_is_left_out():
    assert np.isnan(balanced_hierarchical_distance([np.nan, 1], [RAVEN, -1]))
