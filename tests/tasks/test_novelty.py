"""Areas under ROC curves against scikit-learn; their intervals hold the truth as often as they say."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from taxoeval.tasks.novelty import auroc


@pytest.mark.parametrize("seed", range(10))
def test_equals_scikit_learn_with_ties(seed):
    rng = np.random.default_rng(seed)
    unknown = rng.random(60) < 0.3
    score = np.round(rng.normal(size=60) + unknown, 1)
    area = auroc(score, unknown, np.arange(60))
    assert area.value == pytest.approx(roc_auc_score(unknown, score))
    assert area.low < area.value < area.high
    assert area.n == 60


def test_without_groups_the_variance_is_delongs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, size=40), rng.normal(size=50)
    area = auroc(np.r_[x, y], np.r_[np.ones(40), np.zeros(50)], np.arange(90))
    wins = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    variance = wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 50
    assert (area.high - area.low) / 2 == pytest.approx(norm.ppf(0.975) * np.sqrt(variance))


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_coverage(spread):
    """400 data sets of 20 unknown and 40 known taxa with 6 images each, alike within a taxon by ``spread``."""
    rng = np.random.default_rng(1)
    unknown, groups = np.repeat(np.arange(60) < 20, 6), np.repeat(np.arange(60), 6)
    truth = norm.cdf(1 / np.sqrt(2 * (1 + spread**2)))
    inside = 0
    for _ in range(400):
        score = unknown + spread * np.repeat(rng.normal(size=60), 6) + rng.normal(size=360)
        area = auroc(score, unknown, groups)
        inside += area.low <= truth <= area.high
    assert 0.92 <= inside / 400 <= 0.975


def test_undefined():
    assert np.isnan(auroc([1, 2], [True, True], [0, 1]).value)
    assert auroc([1, 2], [False, False], [0, 1]).n == 0
    one_group = auroc([1, 2, 3], [True, True, False], [0, 0, 1])
    assert one_group.value == 0
    assert np.isnan(one_group.low)
    with pytest.raises(ValueError, match="no score NaN"):
        auroc([np.nan, 1], [True, False], [0, 1])
