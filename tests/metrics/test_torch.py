"""The torchmetrics adapters equal the functions, however samples are dealt to batches and processes."""

import copy
import os
import pickle
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torchmetrics import Metric, MetricCollection

from taxoeval import metrics
from taxoeval.metrics.paths import micro_precision_recall_f, path_overlap
from taxoeval.metrics.torch import (
    AverageHierarchicalDistance,
    HierarchicalFBeta,
    HierarchicalPrecision,
    HierarchicalRecall,
    MistakeSeverity,
    RankHits,
)
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import random_taxonomy, seeds

TARGET = np.array([RAVEN, CROW, CORVUS, MAGPIE, TIT, RAVEN, -1])
PRED = np.array([RAVEN, RAVEN, CROW, TIT, -1, CORVUS, RAVEN])


def every_metric(taxonomy) -> dict[str, Metric]:
    return {
        "hits": RankHits(taxonomy),
        "severity": MistakeSeverity(taxonomy),
        "distance": AverageHierarchicalDistance(taxonomy),
        "edge": AverageHierarchicalDistance(taxonomy, convention="edge"),
        "precision": HierarchicalPrecision(taxonomy),
        "recall": HierarchicalRecall(taxonomy),
        "f2": HierarchicalFBeta(taxonomy, beta=2),
    }


def by_function(target, pred, taxonomy):
    height = metrics.rank_height(target, pred, taxonomy)
    edge = metrics.lca_distance(target, pred, taxonomy, convention="edge")
    overlap = path_overlap(target, pred, taxonomy)
    return {
        "hits": metrics.statistics.mean(metrics.rank_hits(target, pred, taxonomy)),
        "severity": metrics.mistake_severity(height),
        "distance": metrics.average_hierarchical_distance(height),
        "edge": metrics.average_hierarchical_distance(edge),
        "precision": micro_precision_recall_f(overlap).precision,
        "recall": micro_precision_recall_f(overlap).recall,
        "f2": micro_precision_recall_f(overlap, beta=2).f,
    }


def fed(metric, target, pred, sizes):
    for t, p in zip(np.split(target, sizes), np.split(pred, sizes), strict=True):
        metric.update(target=torch.tensor(t), preds=torch.tensor(p))
    return metric.compute()


@settings(max_examples=30)
@given(seeds)
def test_equal_the_functions_over_uneven_batches(seed):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    target, pred = rng.integers(-1, len(taxonomy), size=(2, 23))
    sizes = np.sort(rng.integers(0, 24, size=3))  # an empty batch among them at times
    whole = by_function(target, pred, taxonomy)
    for name, metric in every_metric(taxonomy).items():
        np.testing.assert_allclose(fed(metric, target, pred, sizes), whole[name], rtol=1e-12, err_msg=name)


def test_the_mean_of_batch_means_would_be_wrong():
    target, pred = np.array([RAVEN] * 4 + [MAGPIE]), np.array([RAVEN] * 4 + [TIT])
    metric = RankHits(BIRDS, rank="species")
    batches = [metric(target=torch.tensor(target[s]), preds=torch.tensor(pred[s])) for s in (slice(4), slice(4, 5))]
    assert [float(batch) for batch in batches] == [1, 0]
    assert float(metric.compute()) == 0.8


def test_golden():
    found = {name: fed(metric, TARGET, PRED, [2, 6]) for name, metric in every_metric(BIRDS).items()}
    np.testing.assert_allclose(found["hits"], [4 / 6, 4 / 6, 1 / 5])
    assert float(found["severity"]) == pytest.approx((1 + 3 + 1) / 3)  # no answer has no distance
    assert float(found["distance"]) == pytest.approx((0 + 1 + 3 + 1) / 4)
    assert float(found["recall"]) == pytest.approx((3 + 2 + 2 + 0 + 0 + 2) / (3 + 3 + 2 + 3 + 3 + 3))
    assert float(found["precision"]) == pytest.approx((3 + 2 + 2 + 0 + 0 + 2) / (3 + 3 + 3 + 3 + 0 + 2))


def test_several_answers():
    target, preds = torch.tensor([RAVEN, TIT]), torch.tensor([[CROW, RAVEN], [TIT, MAGPIE]])
    hits, distance = RankHits(BIRDS), AverageHierarchicalDistance(BIRDS)
    hits.update(target=target, preds=preds)
    distance.update(target=target, preds=preds)
    np.testing.assert_array_equal(hits.compute(), [1, 1, 1])
    assert float(distance.compute()) == (1 + 0 + 0 + 3) / 4


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
def test_nothing_counted_is_nan_and_reset_forgets():
    for name, metric in every_metric(BIRDS).items():
        assert torch.isnan(metric.compute()).all(), name
        fed(metric, TARGET, PRED, [3])
        metric.reset()
        assert torch.isnan(metric.compute()).all(), name


def test_copies_pickles_and_merges():
    half = len(TARGET) // 2
    for name, metric in every_metric(BIRDS).items():
        other = copy.deepcopy(metric)
        metric.update(target=torch.tensor(TARGET[:half]), preds=torch.tensor(PRED[:half]))
        other.update(target=torch.tensor(TARGET[half:]), preds=torch.tensor(PRED[half:]))
        metric.merge_state(pickle.loads(pickle.dumps(other)))  # noqa: S301
        np.testing.assert_allclose(metric.compute(), by_function(TARGET, PRED, BIRDS)[name])


def test_a_collection_shares_the_counts_of_precision_recall_and_f():
    collection = MetricCollection([HierarchicalPrecision(BIRDS), HierarchicalRecall(BIRDS), HierarchicalFBeta(BIRDS)])
    for part in (slice(3), slice(3, None)):
        collection.update(target=torch.tensor(TARGET[part]), preds=torch.tensor(PRED[part]))
    assert len(collection.compute_groups) == 1
    whole = micro_precision_recall_f(path_overlap(TARGET, PRED, BIRDS))
    np.testing.assert_allclose(
        [float(value) for value in collection.compute().values()], [whole.precision, whole.recall, whole.f]
    )


def test_in_a_lightning_loop(tmp_path):
    lightning = pytest.importorskip("pytorch_lightning")

    class Parrot(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.species, self.severity = RankHits(BIRDS, rank="species"), MistakeSeverity(BIRDS)

        def test_step(self, batch, index):
            self.species(target=batch[0], preds=batch[1])
            self.severity.update(target=batch[0], preds=batch[1])
            self.log_dict({"species": self.species, "severity": self.severity})

    pairs = torch.utils.data.TensorDataset(torch.tensor(TARGET), torch.tensor(PRED))
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
    )
    results = trainer.test(Parrot(), torch.utils.data.DataLoader(pairs, batch_size=3), verbose=False)[0]
    whole = by_function(TARGET, PRED, BIRDS)
    assert results["species"] == pytest.approx(whole["hits"][2])
    assert results["severity"] == pytest.approx(whole["severity"])


OTHER_PROCESS = """
import os, pickle, sys
from pathlib import Path
import torch
folder = Path(sys.argv[1])
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=1, world_size=2)
every, target, preds = pickle.loads((folder / "work").read_bytes())
for metric in every.values():
    metric.update(target=target, preds=preds)
(folder / "found").write_bytes(pickle.dumps({name: metric.compute() for name, metric in every.items()}))
torch.distributed.barrier()
os._exit(0)  # gloo's threads may still be closing the connection when Python tears down: that aborts now and then
"""


@pytest.mark.slow
def test_two_processes_with_unequal_shares(tmp_path):
    """Five samples here, two there: both processes give the figure of all seven."""
    if not torch.distributed.is_available() or torch.distributed.is_initialized():
        pytest.skip("needs torch.distributed, and no process group of someone else")
    here, there = slice(0, 5), slice(5, None)
    work = every_metric(BIRDS), torch.tensor(TARGET[there]), torch.tensor(PRED[there])
    (tmp_path / "work").write_bytes(pickle.dumps(work))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.Popen([sys.executable, "-c", OTHER_PROCESS, str(tmp_path)], env=environment)
    try:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=2, timeout=timedelta(minutes=2)
        )
        every = every_metric(BIRDS)
        for metric in every.values():
            metric.update(target=torch.tensor(TARGET[here]), preds=torch.tensor(PRED[here]))
        found = {name: metric.compute() for name, metric in every.items()}
        torch.distributed.barrier()
        assert other.wait(timeout=120) == 0
    finally:
        other.kill()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    found_there = pickle.loads((tmp_path / "found").read_bytes())  # noqa: S301
    whole = by_function(TARGET, PRED, BIRDS)
    for name in whole:
        np.testing.assert_allclose(found[name], whole[name], err_msg=name)
        np.testing.assert_allclose(found_there[name], whole[name], err_msg=name)


def test_messages():
    metric = RankHits(BIRDS)
    with pytest.raises(TypeError):
        metric.update(torch.tensor([RAVEN]), torch.tensor([RAVEN]))  # which is which?
    with pytest.raises(ValueError, match=r"target must hold taxon ids \(integers\), got float32"):
        metric.update(target=torch.tensor([1.0]), preds=torch.tensor([RAVEN]))
    with pytest.raises(ValueError, match="no rank 'tribe'; the taxonomy has family, genus, species"):
        RankHits(BIRDS, rank="tribe")
    with pytest.raises(ValueError, match="mistake severity is about the first answer"):
        MistakeSeverity(BIRDS).update(target=torch.tensor([RAVEN]), preds=torch.tensor([[RAVEN, CROW]]))
    with pytest.raises(ValueError, match="unknown convention 'hops'; it must be one of rank_height"):
        MistakeSeverity(BIRDS, convention="hops")
