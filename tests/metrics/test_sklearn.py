"""The scorer factory inside scikit-learn's own model selection."""

import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from taxoeval.metrics import lca_distance, mistake_severity, rank_height, rank_hits
from taxoeval.metrics.paths import micro_precision_recall_f, path_overlap
from taxoeval.metrics.sklearn import make_scorer
from taxoeval.taxonomy import Tree
from tests.metrics.test_hits import BIRDS, CROW, MAGPIE, RAVEN, TIT

SPECIES = np.array([RAVEN, CROW, MAGPIE, TIT])


def birds(n=80):
    """Species at 0, 1, 4 and 9 on a line: near in the tree, near in the data."""
    rng = np.random.default_rng(0)
    place = rng.integers(4, size=n)
    return (np.array([0, 1, 4, 9])[place] + rng.normal(0, 1.2, n))[:, None], SPECIES[place]


def severity(target, pred, taxonomy):
    return mistake_severity(rank_height(target, pred, taxonomy))


def micro_f(target, pred, taxonomy):
    return micro_precision_recall_f(path_overlap(target, pred, taxonomy)).f


def test_it_is_the_mean_of_the_metric_in_every_fold():
    x, y = birds()
    model, folds = KNeighborsClassifier(3), KFold(4)
    pred = cross_val_predict(model, x, y, cv=folds)
    scores = cross_val_score(model, x, y, cv=folds, scoring=make_scorer(rank_height, BIRDS, greater_is_better=False))
    expected = [-rank_height(y[test], pred[test], BIRDS).mean() for _, test in folds.split(x)]
    np.testing.assert_allclose(scores, expected)
    assert (scores < 0).any()


def test_several_scorers_at_once():
    x, y = birds()
    scoring = {
        "species": make_scorer(rank_hits, BIRDS, greater_is_better=True, rank="species"),
        "family": make_scorer(rank_hits, BIRDS, greater_is_better=True, rank="family"),
        "edge": make_scorer(partial(lca_distance, convention="edge"), BIRDS, greater_is_better=False),
        "severity": make_scorer(severity, BIRDS, greater_is_better=False),
        "f": make_scorer(micro_f, BIRDS, greater_is_better=True),
    }
    model, folds = KNeighborsClassifier(3), KFold(4)
    found = cross_validate(model, x, y, cv=folds, scoring=scoring)
    pred = cross_val_predict(model, x, y, cv=folds)
    for i, (_, test) in enumerate(folds.split(x)):
        assert found["test_species"][i] == pytest.approx(accuracy_score(y[test], pred[test]))
        assert found["test_severity"][i] == pytest.approx(-severity(y[test], pred[test], BIRDS))
        assert found["test_f"][i] == pytest.approx(micro_f(y[test], pred[test], BIRDS))
    assert (found["test_family"] >= found["test_species"]).all()


def test_a_search_finds_the_least_distance():
    x, y = birds()
    scorer = make_scorer(rank_height, BIRDS, greater_is_better=False)
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5, 40]}, scoring=scorer, cv=4).fit(x, y)
    height = -search.cv_results_["mean_test_score"]
    assert search.best_params_["n_neighbors"] == [1, 5, 40][height.argmin()]
    assert search.best_params_["n_neighbors"] != 40


def test_it_pickles_and_has_a_readable_name():
    x, y = birds()
    scorer = make_scorer(rank_height, BIRDS, greater_is_better=False)
    model = KNeighborsClassifier(3).fit(x, y)
    assert pickle.loads(pickle.dumps(scorer))(model, x, y) == scorer(model, x, y)  # noqa: S301
    assert "greater_is_better=False" in repr(scorer)


def test_undefined_samples_are_left_out():
    """A target known to genus only has no height; the mean is over the others."""

    class Fixed(KNeighborsClassifier):
        def predict(self, x):
            return np.array([CROW, MAGPIE])

    scorer = make_scorer(rank_height, BIRDS, greater_is_better=False)
    genus = BIRDS.ids(["Corvus"])[0]
    assert scorer(Fixed().fit([[0], [1]], [0, 1]), [[0], [1]], [genus, RAVEN]) == -2


def test_messages():
    x, y = birds()
    model = KNeighborsClassifier(3).fit(x, y)
    with pytest.raises(ValueError, match="gives a value for each of 3 ranks: name one with rank="):
        make_scorer(rank_hits, BIRDS, greater_is_better=True)(model, x, y)
    with pytest.raises(ValueError, match="no rank 'tribe'; the taxonomy has family, genus, species"):
        make_scorer(rank_hits, BIRDS, greater_is_better=True, rank="tribe")
    with pytest.raises(ValueError, match="no rank 'genus'; the taxonomy has none"):
        make_scorer(rank_hits, Tree([-1], ["life"]), greater_is_better=True, rank="genus")
    with pytest.raises(TypeError, match="greater_is_better"):
        make_scorer(rank_height, BIRDS)


def test_the_modules_named_like_libraries_do_not_load_them():
    """Neither torch nor scikit-learn comes with the metrics, nor does the one with the other's adapter."""
    code = (
        "import sys, taxoeval.metrics; assert not {'torch', 'sklearn', 'torchmetrics'} & set(sys.modules)\n"
        "import taxoeval.metrics.sklearn; assert not {'torch', 'sklearn', 'torchmetrics'} & set(sys.modules)\n"
        "import sklearn; assert hasattr(sklearn, '__version__') and sklearn is not taxoeval.metrics.sklearn"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
