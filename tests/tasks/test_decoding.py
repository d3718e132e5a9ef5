"""Rules chosen from outside, fitted on images set aside: what every task does with them."""

from dataclasses import replace

import numpy as np
import pytest

from taxoeval import Taxonomy, metrics
from taxoeval.decoding import DECODERS, Climb, ClimbAt, Darts, DartsAt, Threshold, leaf_argmax, rank_sum, tempered
from taxoeval.errors import TaxoevalError
from taxoeval.metrics import statistics
from taxoeval.prompts import Prompts
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.answering import predict
from taxoeval.tasks.decoding import HIE_TRAINED, PARETO_SET, PER_RANK, Decoding
from taxoeval.tasks.few_shot import FewShot
from taxoeval.tasks.fitting import draw, fit_rules, share_right
from taxoeval.tasks.knn import Knn
from taxoeval.tasks.linear_probe import LinearProbe
from taxoeval.tasks.score_predictions import ScorePredictions
from taxoeval.tasks.scoring import score
from taxoeval.tasks.unknown_taxa import UnknownTaxa
from taxoeval.tasks.zero_shot import ZeroShot
from tests.tasks.clades import clade, value

HEDGED = Decoding((leaf_argmax, rank_sum, Threshold(0.5), DartsAt(0.8), ClimbAt(0.8)), calibration_share=0.4, seed=1)
NAMES = ["leaf_argmax", "rank_sum", "threshold_0.5", "darts_at_0.8", "climb_at_0.8"]


def blurred(**settings):
    """Images that are often taken for another species of the genus."""
    return replace(clade(**{"spread": 1.2, "per_species": 16} | settings), decoding=HEDGED)


def with_texts(subject):
    """A text tower that knows the mean of the images of each species."""
    units = subject.embeddings.vectors
    mean = {
        str(subject.taxonomy.names[t]): units[(subject.taxonomy.ancestor[subject.embeddings.taxon] == t).any(axis=1)]
        for t in range(len(subject.taxonomy))
    }

    def embed_texts(texts):
        return np.stack([mean[text].mean(axis=0) for text in texts]).astype(np.float32)

    return replace(subject, embed_texts=embed_texts, logit_scale=20.0)


def from_elsewhere(subject, folder):
    """Scores in a file, of all images but one."""
    taxonomy, images = subject.taxonomy, subject.embeddings
    candidates = np.unique(images.taxon)
    rng = np.random.default_rng(7)
    truth = np.eye(len(candidates))[np.searchsorted(candidates, images.taxon)]
    scores = rng.dirichlet(np.full(len(candidates), 0.2), size=len(truth)) * 0.8 + truth * 0.2
    np.save(folder / "scores.npy", scores[1:].astype(np.float32))
    (folder / "samples.txt").write_text("\n".join(images.sample[1:]) + "\n")
    rows = [",".join(taxonomy.lineage(int(taxon))) for taxon in candidates]
    (folder / "candidates.csv").write_text("\n".join(["family,genus,species", *rows]) + "\n")
    files = {"answers": "scores.npy", "samples": "samples.txt", "candidates": "candidates.csv"}
    return ScorePredictions(**{key: str(folder / name) for key, name in files.items()}, missing="wrong")


def task_of(name, subject, folder):
    tasks = {
        "knn": lambda: Knn(k=5),
        "few_shot": lambda: FewShot(shots=(1, 3), folds=2),
        "linear_probe": lambda: LinearProbe(solver="sklearn", validation=0),
        "unknown_taxa": lambda: UnknownTaxa(ranks=("species",)),
        "zero_shot": lambda: ZeroShot(Prompts(text_type="sci", templates="none")),
        "score_predictions": lambda: from_elsewhere(subject, folder),
    }
    return tasks[name]()


TASKS = ["knn", "few_shot", "linear_probe", "unknown_taxa", "zero_shot", "score_predictions"]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_fits_on_some_images_and_scores_all_rules_on_the_others(name, tmp_path):
    subject = with_texts(blurred())
    result = task_of(name, subject, tmp_path)(subject)
    for part, fitted in result.details["decoding"]["fitted"].items():
        of_part = [p for p in result.predictions if p.slice == part or p.slice.startswith(f"{part} ")]
        assert [p.decoder for p in of_part][:5] == NAMES
        assert len({tuple(p.sample) for p in of_part if p.slice == of_part[0].slice}) == 1
        assert all(0.05 < temperature < 20 for temperature in fitted["temperature"])
        assert all(
            b <= a for a, b in zip(fitted["log_loss_set_aside"], fitted["log_loss_set_aside_fitted"], strict=True)
        )
    table = result.tables["fitted_rules"]
    assert set(table["decoder"]) == {"darts_at_0.8", "climb_at_0.8"}
    for i in range(len(table["part"])):
        part = table["part"][i]
        pieces = [p for p in result.predictions if p.decoder == table["decoder"][i]]
        (one,) = [p for p in pieces if p.slice == part or p.slice == f"{part} fold {table['repeat'][i]}"]
        assert table["scored"][i] == share_right(one.target, one.taxon[:, :, 0], subject.taxonomy)
        assert (table["asked"][i], table["n_scored"][i]) == (0.8, len(one.sample))
    assert any("set aside to fit on" in note and "scored" in note for note in result.notes)
    assert any("darts_at_0.8" in note and "asked 80" in note for note in result.notes)
    fitted = [s for s in result.scores if s.metric == "calibration_error_fitted" and s.decoder in NAMES and s.n]
    assert fitted
    assert all(0 <= s.value <= 1 for s in fitted)


@pytest.mark.parametrize("name", TASKS)
def test_nothing_set_aside_nothing_changed(name, tmp_path):
    """The default gives the five rules on all images; rules to be fitted are not dropped in silence."""
    plain = replace(with_texts(blurred()), decoding=Decoding())
    result = task_of(name, plain, tmp_path)(plain)
    more = replace(plain, decoding=Decoding((*DECODERS, DartsAt(0.9), HIE_TRAINED, PARETO_SET)))
    again = task_of(name, more, tmp_path)(more)
    assert [repr(s) for s in again.scores] == [repr(s) for s in result.scores]
    assert "decoding" not in result.details
    assert "fitted_rules" not in result.tables
    assert not any("not applied" in note for note in result.notes)
    told = " ".join(again.notes)
    assert "not applied: darts_at_0.9, to be fitted" in told
    assert "decoding.calibration_share=0.3" in told
    assert "hie_trained (needs" in told
    assert "pareto_set (needs" in told


def test_the_scored_images_of_knn_are_those_it_would_score_anyway():
    """Setting images aside changes which are scored, not what is answered."""
    subject = blurred()
    whole = Knn(k=5)(replace(subject, decoding=Decoding()))
    part = Knn(k=5)(subject)
    assert part.details["decoding"]["fitted"]["all"]["n_set_aside"] == [77]
    rows = np.isin(whole.predictions[0].sample, part.predictions[0].sample)
    assert rows.sum() == 192 - 77
    for before, after in zip(whole.predictions[:2], part.predictions[:2], strict=True):
        np.testing.assert_array_equal(before.taxon[rows], after.taxon)
        np.testing.assert_allclose(before.probability[rows], after.probability, rtol=1e-4)


def test_rules_and_temperature_come_from_the_images_set_aside_alone():
    subject = blurred()
    images, taxonomy = subject.embeddings, subject.taxonomy
    candidates = np.unique(images.taxon)
    truth = np.eye(12)[np.searchsorted(candidates, images.taxon)]
    scores = (np.random.default_rng(3).dirichlet(np.full(12, 0.5), size=192) * 0.8 + truth * 0.2).astype(np.float32)
    asked = []

    def blocks(rows):
        asked.append(rows)
        for piece in np.array_split(rows, 3):
            yield piece, scores[piece]

    rules = fit_rules(subject, blocks, np.arange(192), candidates, images.taxon, taxonomy)
    (rows,) = asked
    np.testing.assert_array_equal(rows, rules.set_aside)
    np.testing.assert_array_equal(np.sort(np.r_[rules.rest, rows]), np.arange(192))
    darts, climb = rules.decoders[3:]
    assert isinstance(darts, Darts)
    assert isinstance(climb, Climb)
    assert darts == DartsAt(0.8).fit(scores[rows], candidates, taxonomy, images.taxon[rows])
    assert climb == ClimbAt(0.8).fit(scores[rows], candidates, taxonomy, images.taxon[rows])
    reached = share_right(images.taxon[rows], climb(scores[rows], candidates, taxonomy).taxon[:, :, 0], taxonomy)
    assert rules.promises["climb_at_0.8"] == (0.8, reached)
    flat = tempered(scores, rules.temperature.value)
    found = predict(blocks(rules.rest), candidates, images.taxon, images.sample, taxonomy, rules=rules)
    leaf = found[0]
    np.testing.assert_allclose(leaf.fitted[:, 2], flat[rules.rest].max(axis=1), rtol=1e-12)
    hits = metrics.rank_hits(leaf.target, leaf.taxon[:, :, :1], taxonomy)[:, 2]
    rows = {(s.metric, s.rank): s for s in score((leaf,), taxonomy, task="t") if s.k == 1}
    stated = flat[rules.rest].max(axis=1)
    assert rows["calibration_error_fitted", "species"].value == pytest.approx(metrics.calibration_error(hits, stated))
    expected = statistics.bootstrap(-np.log(np.where(hits > 0, stated, 1 - stated)), groups=leaf.target)
    loss = rows["log_loss_fitted", "species"]
    assert (loss.value, loss.n) == (pytest.approx(expected.estimate), len(leaf.target))
    width = float(expected.high - expected.low)  # the same but for what was drawn
    np.testing.assert_allclose([loss.low, loss.high], [expected.low, expected.high], rtol=0, atol=0.15 * width)
    assert np.isnan(rows["calibration_error_fitted", "species"].low)  # see `score`


def test_a_stated_impossibility_has_no_finite_log_loss_and_says_so():
    subject = replace(clade(), decoding=Decoding())
    images = subject.embeddings
    candidates = np.unique(images.taxon)
    sure = np.eye(12, dtype=np.float32)[np.zeros(96, dtype=int)]
    leaf, *_ = predict([(np.arange(96), sure)], candidates, images.taxon, images.sample, subject.taxonomy)
    rows = {(s.metric, s.rank): s for s in score((leaf,), subject.taxonomy, task="t") if s.k == 1}
    assert np.isnan(rows["log_loss", "species"].value)
    assert rows["log_loss", "species"].reason == "infinite: 88 of 96 answers turned out what was given no chance"
    assert rows["log_loss", "species"].n == 96


def test_images_tested_twice_count_once():
    subject = clade()
    images, taxonomy = subject.embeddings, subject.taxonomy
    candidates = np.unique(images.taxon)
    rng = np.random.default_rng(0)
    folds = [rng.dirichlet(np.ones(len(candidates)), size=len(images.taxon)).astype(np.float32) for _ in range(2)]
    rows = np.arange(len(images.taxon))
    leaves = tuple(predict([(rows, fold)], candidates, images.taxon, images.sample, taxonomy)[0] for fold in folds)
    found = {(s.metric, s.rank): s for s in score(leaves, taxonomy, task="t") if s.k == 1}
    one, other = ({(s.metric, s.rank): s for s in score((leaf,), taxonomy, task="t") if s.k == 1} for leaf in leaves)
    loss = "log_loss", "species"
    assert found[loss].value == pytest.approx((one[loss].value + other[loss].value) / 2)
    for metric in ("rank_hits", "log_loss", "calibration_error"):
        assert found[metric, "species"].n == len(rows)


def test_images_are_drawn_evenly_over_taxa_and_groups_stay_together():
    taxon = np.repeat(np.arange(20), 10)
    alone = np.arange(200)
    drawn = draw(Decoding(calibration_share=0.3, seed=5), alone, taxon, alone)
    np.testing.assert_array_equal(np.bincount(taxon[drawn]), 3)
    group = alone // 4  # some groups hold images of two taxa
    drawn = draw(Decoding(calibration_share=0.3, seed=5), alone[20:], taxon, group)
    assert drawn.min() >= 20
    inside = np.isin(alone[20:], drawn)
    for number in np.unique(group[20:]):
        assert len(set(inside[group[20:] == number])) == 1
    assert inside.sum() == pytest.approx(54, abs=8)
    again = draw(Decoding(calibration_share=0.3, seed=6), alone[20:], taxon, group)
    assert set(drawn) != set(again)


def test_every_image_is_drawn_with_the_same_chance():
    """Also the only one of its taxon: sparing these would make the scored images harder than the ones fitted on."""
    taxon = np.array([0, 1, 1, 1, 1, 2, 3, 3])
    times = np.zeros(8)
    for seed in range(2000):
        times[draw(Decoding(calibration_share=0.25, seed=seed), np.arange(8), taxon, np.arange(8))] += 1
    np.testing.assert_allclose(times / 2000, 0.25, atol=0.04)


def test_groups_of_the_dataset_are_set_aside_whole():
    subject = blurred()
    group = np.array([f"burst {i // 4}" for i in range(192)])
    result = Knn(k=5)(replace(subject, group=group))
    scored = np.isin(subject.embeddings.sample, result.predictions[0].sample).reshape(-1, 4)
    assert set(scored.sum(axis=1)) == {0, 4}


def test_calibration_improves_under_the_fitted_temperature():
    subject = blurred(per_species=40)
    result = LinearProbe(solver="sklearn", validation=0, test=0.7)(subject)
    for rank in ("genus", "species"):
        before, after = (value(result, f"calibration_error{suffix}", rank).value for suffix in ("", "_fitted"))
        assert after < 0.7 * before
        assert value(result, "log_loss_fitted", rank).value < value(result, "log_loss", rank).value


def test_promises_hold_for_new_images_of_the_same_taxa_not_for_unknown_ones():
    subject = blurred(per_species=60, spread=0.9)
    result = UnknownTaxa(ranks=("species",))(subject)
    table = result.tables["fitted_rules"]
    scored = {(p, d): s for p, d, s in zip(table["part"], table["decoder"], table["scored"], strict=True)}
    assert scored["species seen", "darts_at_0.8"] >= 0.8
    assert scored["species unseen", "darts_at_0.8"] < 0.6


def test_heads_of_all_ranks_answer_for_themselves_and_amend_each_other():
    subject = replace(blurred(), decoding=Decoding((leaf_argmax, PER_RANK, HIE_TRAINED)))
    result = LinearProbe(heads="ranks", solver="sklearn", validation=0)(subject)
    assert [p.decoder for p in result.predictions] == ["leaf_argmax", "per_rank", "hie_trained"]
    assert not any("not applied" in note for note in result.notes)
    leaf, alone, amended = result.predictions
    assert value(result, "tice", "", decoder="hie_trained").value == 0
    np.testing.assert_array_equal(alone.taxon[:, 2, 0], leaf.taxon[:, 2, 0])
    assert (amended.taxon[:, 1, 0] != leaf.taxon[:, 1, 0]).any()
    single = LinearProbe(heads="leaf", solver="sklearn", validation=0)(subject)
    assert any("per_rank (needs" in note and "hie_trained (needs" in note for note in single.notes)


def test_zero_shot_scores_its_rank_answers_on_the_same_images_and_streaming_fits_nothing():
    subject = with_texts(blurred())
    prompts = Prompts(text_type="sci", templates="none")
    result = ZeroShot(prompts)(subject)
    assert [p.decoder for p in result.predictions] == [*NAMES, "per_rank"]
    assert len({tuple(p.sample) for p in result.predictions}) == 1
    assert result.details["decoding"]["logit_scale"] == 20.0
    assert result.predictions[-1].fitted is None
    streamed = ZeroShot(prompts, streaming=True, device="cpu")(subject)
    assert {len(p.sample) for p in streamed.predictions} == {192}
    assert any("nothing was fitted" in note for note in streamed.notes)


def test_one_candidate_or_too_few_images_are_refused_with_the_remedy():
    taxonomy = Taxonomy.from_lineages([("Corvus",)], ranks=("genus",))
    images = Embeddings(np.ones((4, 2), np.float32), np.zeros(4, dtype=np.int64), np.array(list("abcd")), "example")
    one = Subject(images, taxonomy, [""], np.array([""] * 4), decoding=HEDGED)
    with pytest.raises(TaxoevalError, match=r"one candidate only.*set decoding.calibration_share to 0"):
        Knn()(one)
    few = replace(clade(n_species=2, per_species=2), decoding=Decoding(calibration_share=0.01))
    with pytest.raises(TaxoevalError, match=r"calibration split of 4 images with .*=0.01 is empty: raise it"):
        Knn()(few)
    few = replace(few, decoding=Decoding(calibration_share=0.999), group=np.array(["a", "a", "b", "b"]))
    with pytest.raises(TaxoevalError, match=r"of 2 groups with .*=0.999 leaves none to score: lower it"):
        Knn()(few)


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(TaxoevalError, match=r"decoding.calibration_share=.* must be at least 0 and below 1"):
        Decoding(calibration_share=share)


def test_rules_that_cannot_be_kept_apart_or_leave_nothing_to_apply_are_refused():
    with pytest.raises(TaxoevalError, match="holds leaf_argmax twice"):
        Decoding((leaf_argmax, leaf_argmax))
    with pytest.raises(TaxoevalError, match=r"holds darts_at_0\.9 twice"):
        Decoding((leaf_argmax, DartsAt(0.9), DartsAt(0.9, confidence=0.5)))
    for none in ((), (DartsAt(0.9),), (PER_RANK,)):
        with pytest.raises(TaxoevalError, match="needs a rule that can be applied without being fitted"):
            Decoding(none)
    assert Decoding({"a": leaf_argmax, "b": None}).rules == (leaf_argmax,)
