"""The tables of mistakes against loops over images, on random trees, and as files."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest

from taxoeval import metrics
from taxoeval.decoding import leaf_argmax, rank_sum
from taxoeval.errors import TaxoevalError
from taxoeval.metrics import statistics
from taxoeval.records import Predictions
from taxoeval.reports import Cell
from taxoeval.reports.mistakes import (
    clades,
    confusions,
    extremes,
    hardest,
    mistake_tables,
    mistakes_by_rank,
    write_mistakes,
)
from taxoeval.tasks.scoring import deepest
from taxoeval.taxonomy import Taxonomy
from tests.reports.fake import run

RANKS = ("order", "family", "genus", "species")


def predictions(seed=0, n=200, decoder=leaf_argmax, silent=0, k=3):
    """Random answers over a random tree with holes; some labels stop above the species."""
    rng = np.random.default_rng(seed)
    lineages = []
    for s in range(30):
        genus, family, order = s // 2, s // 5, s // 12
        row = [f"O{order}", f"F{family}", f"G{genus}.{family}", f"G{genus}.{family} s{s}"]
        row[1] = "" if s % 11 == 3 else row[1]
        lineages.append(tuple(row))
    labels = [lineages[i] for i in rng.integers(30, size=n)]
    for i in rng.choice(n, size=n // 8, replace=False):
        labels[i] = (*labels[i][: 1 + int(rng.integers(3))], *[""] * 4)[:4]
    taxonomy = Taxonomy.from_lineages([*lineages, *labels], ranks=RANKS)
    target = taxonomy.ids(labels)
    candidates = taxonomy.ids(lineages)
    logits = rng.normal(size=(n, 30))
    logits += 2.5 * (taxonomy.ancestor[target][:, None, 2] == taxonomy.ancestor[candidates][None, :, 2])
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    taxon, sure = decoder(probability, candidates, taxonomy, k=k)
    taxon[:silent], sure[:silent] = -1, np.nan
    sample = np.array([f"images/{i}.jpg" for i in range(n)])
    return Predictions(sample, target, taxon, sure, decoder.__name__, candidates), taxonomy


def rows(table, *keys):
    return list(zip(*(table[key].tolist() for key in keys), strict=True))


@pytest.mark.parametrize("decoder", [leaf_argmax, rank_sum])
@pytest.mark.parametrize("silent", [0, 7])
def test_mistakes_by_rank_equal_the_loop(decoder, silent):
    answers, tree = predictions(decoder=decoder, silent=silent)
    expected = Counter()
    for target, pred in zip(answers.target, deepest(answers.taxon[:, :, 0]), strict=True):
        lineage = tree.ancestor[target]
        if lineage[-1] < 0:
            continue
        if pred < 0:
            expected["no answer"] += 1
        elif pred != target:
            shared = [r for r in range(4) if lineage[r] >= 0 and lineage[r] == tree.ancestor[pred, r]]
            expected[RANKS[max(shared, default=-1) + 1]] += 1
    table = mistakes_by_rank(answers, tree)
    assert table["wrong_from"].tolist() == ["species", "genus", "family", "order", "no answer"]
    assert table["shared"].tolist() == ["genus", "family", "order", "", ""]
    assert dict(rows(table, "wrong_from", "n")) == {key: expected[key] for key in [*RANKS, "no answer"]}
    assert table["share"].sum() == pytest.approx(1)
    assert expected["no answer"] == (answers.target[:silent] != -1)[tree.rank[answers.target[:silent]] == 3].sum()
    height = metrics.rank_height(answers.target, deepest(answers.taxon[:, :, 0]), tree)
    severity = (table["height"][:-1] * table["n"][:-1]).sum() / table["n"][:-1].sum()
    assert severity == pytest.approx(metrics.mistake_severity(height))


def test_the_chance_of_each_height_equals_all_guesses_tried():
    answers, tree = predictions()
    known = answers.target[tree.rank[answers.target] == 3]
    heights = np.concatenate([metrics.rank_height(known, np.full(len(known), c), tree) for c in answers.candidates])
    wrong = heights[heights > 0]
    table = mistakes_by_rank(answers, tree)
    np.testing.assert_allclose(table["chance"], [*[(wrong == h).mean() for h in (1, 2, 3, 4)], 0.0])


def test_no_mistakes_and_nothing_known_are_undefined():
    answers, tree = predictions(n=20)
    answers.taxon[:, :, 0] = tree.ancestor[answers.target]
    table = mistakes_by_rank(answers, tree)
    assert table["n"].tolist() == [0] * 5
    assert np.isnan(table["share"]).all()
    assert len(confusions(answers, tree)["rank"]) == 0
    families = Predictions(
        answers.sample[:1], tree.ids(["F5"]), answers.taxon[:1], answers.probability[:1], "x", answers.candidates
    )
    assert np.isnan(mistakes_by_rank(families, tree)["chance"]).all()
    assert np.isnan(clades(families, tree)["accuracy"]).all()


@pytest.mark.parametrize("decoder", [leaf_argmax, rank_sum])
def test_confusions_equal_the_loop(decoder):
    answers, tree = predictions(decoder=decoder, silent=3)
    table = confusions(answers, tree)
    for r, rank in enumerate(RANKS):
        pairs, members, of = Counter(), defaultdict(list), Counter()
        for i, target in enumerate(tree.ancestor[answers.target, r].tolist()):
            answer = int(answers.taxon[i, r, 0])
            of[target] += 1
            if target >= 0 and answer >= 0 and answer != target:
                pairs[target, answer] += 1
                members[target, answer].append(i)
        here = {key: column[table["rank"] == rank] for key, column in table.items()}
        found = dict(
            zip(zip(here["target_path"], here["predicted_path"], strict=True), range(len(here["n"])), strict=True)
        )
        assert len(found) == len(pairs)
        for (a, b), n in pairs.items():
            row = found[tree.path(a), tree.path(b)]
            assert (here["n"][row], here["n_reverse"][row], here["n_target"][row]) == (n, pairs[b, a], of[a])
            assert here["n_either"][row] == n + pairs[b, a]
            assert here["share"][row] == pytest.approx(n / of[a])
            sure = answers.probability[members[a, b], r, 0]
            assert here["probability"][row] == pytest.approx(sure.mean())
            best = sorted(members[a, b], key=lambda i: -answers.probability[i, r, 0])[:3]
            assert here["samples"][row] == " | ".join(answers.sample[best])
            common = [q for q in range(4) if tree.ancestor[a, q] == tree.ancestor[b, q] >= 0]
            assert here["shared"][row] == (RANKS[common[-1]] if common else "")
        assert (np.diff(here["n_either"]) <= 0).all()


@pytest.mark.parametrize("decoder", [leaf_argmax, rank_sum])
def test_clades_equal_the_loop(decoder):
    answers, tree = predictions(decoder=decoder, silent=5)
    hits = metrics.rank_hits(answers.target, answers.taxon[:, :, :1], tree)
    height = metrics.rank_height(answers.target, deepest(answers.taxon[:, :, 0]), tree)
    table = clades(answers, tree)
    present = np.unique(tree.ancestor[answers.target])
    assert sorted(table["path"].tolist()) == sorted(tree.path(int(i)) for i in present if i >= 0)
    place = dict(zip(table["path"], range(len(table["n"])), strict=True))
    for taxon in present[present >= 0].tolist():
        r = int(tree.rank[taxon])
        mine = np.flatnonzero(tree.ancestor[answers.target, r] == taxon)
        fine = mine[tree.ancestor[answers.target[mine], -1] >= 0]
        known = tree.ancestor[answers.target, r] >= 0
        row = {key: column[place[tree.path(taxon)]] for key, column in table.items()}
        assert (row["rank"], row["n"], row["n_finest"]) == (RANKS[r], len(mine), len(fine))
        assert row["n_taxa"] == len(np.unique(answers.target[fine]))
        assert row["recall"] == pytest.approx(hits[mine, r].mean())
        given = known & (answers.taxon[:, r, 0] == taxon)
        precise = hits[given, r].mean() if given.any() else np.nan
        assert row["precision"] == pytest.approx(precise, nan_ok=True)
        if not len(fine):
            assert np.isnan([row["accuracy"], row["low"], row["high"], row["macro"]]).all()
            continue
        assert row["accuracy"] == pytest.approx(hits[fine, -1].mean())
        assert row["macro"] == pytest.approx(float(statistics.taxon_mean(hits[fine, -1], answers.target[fine])))
        assert row["severity"] == pytest.approx(metrics.mistake_severity(height[mine]), nan_ok=True)
        assert row["distance"] == pytest.approx(float(statistics.mean(height[mine])), nan_ok=True)
        groups = answers.target[fine] if row["n_taxa"] > 1 else None
        interval = statistics.wilson(hits[fine, -1], groups=groups)
        assert (row["low"], row["high"]) == (pytest.approx(float(interval.low)), pytest.approx(float(interval.high)))


def test_worst_and_best_clades_need_enough_images():
    answers, tree = predictions(n=600)
    table = clades(answers, tree)
    worst, best = extremes(table, rank="species", most=4, least=15)
    assert len(worst["taxon"]) == len(best["taxon"]) == 4
    enough = (table["rank"] == "species") & (table["n_finest"] >= 15)
    assert worst["high"][0] == table["high"][enough].min()
    assert best["low"][0] == table["low"][enough].max()
    assert (np.diff(worst["high"]) >= 0).all()
    assert (np.diff(best["low"]) <= 0).all()
    assert len(extremes(table, rank="species", least=10_000)[0]["taxon"]) == 0


def test_hardest_images_are_ordered_and_judged_at_their_own_rank():
    answers, tree = predictions(n=300, silent=4, k=3)
    table = hardest(answers, tree, most=25)
    assert Counter(table["kind"].tolist()) == {"truth unlikely": 25, "confident mistake": 25}
    first = {key: column[:25] for key, column in table.items()}
    second = {key: column[25:] for key, column in table.items()}
    assert first["place"].tolist() == second["place"].tolist() == list(range(1, 26))
    assert (np.diff(first["truth_at_most"]) >= 0).all()
    assert (np.diff(second["probability"]) <= 0).all()
    assert (second["truth_place"] != 1).all()
    assert (second["height"] > 0).all()
    where = dict(zip(answers.sample, range(300), strict=True))
    truths = []
    for i in range(4, 300):
        r = int(tree.rank[answers.target[i]])
        kept = answers.taxon[i, r].tolist()
        target = int(answers.target[i])
        if kept[0] < 0:
            continue
        sure = answers.probability[i, r]
        left = 1 - np.nansum(sure)  # an answer may be worth more than a kept one where these are not in order
        bound = min(left, np.nanmin(sure)) if (np.diff(np.nan_to_num(sure)) <= 0).all() else left
        truths.append(sure[kept.index(target)] if target in kept else bound)
    assert first["truth_at_most"].tolist() == pytest.approx(sorted(max(t, 0) for t in truths)[:25])
    for sample, rank, height, shared, place, truth in rows(
        table, "sample", "rank", "height", "shared", "truth_place", "truth_probability"
    ):
        i = where[sample]
        r = RANKS.index(rank)
        assert r == tree.rank[answers.target[i]]
        assert (place > 0) == (answers.target[i] in answers.taxon[i, r].tolist())
        if place:
            assert truth == answers.probability[i, r, place - 1]
        pred = deepest(answers.taxon[i : i + 1, :, 0])[0]
        common = [q for q in range(r + 1) if tree.ancestor[answers.target[i], q] == tree.ancestor[pred, q] >= 0]
        assert (height, shared) == (r - max(common, default=-1), RANKS[common[-1]] if common else "")


def test_without_probabilities_no_image_is_harder_than_another():
    answers, tree = predictions(n=50)
    answers.probability[:] = np.nan
    assert len(hardest(answers, tree)["sample"]) == 0
    assert np.isnan(confusions(answers, tree)["probability"]).all()


def test_the_files_hold_every_decoder_of_every_cell(tmp_path):
    answers, tree = predictions(n=80)
    other, _ = predictions(n=80, decoder=rank_sum)
    cells = (
        Cell("mini_clip", "encoder", "knn", "ok", predictions=(answers, other)),
        Cell("pixels", "control", "knn", "ok", predictions=(answers,)),
        Cell("pixels", "control", "zero_shot", "unsupported", "no text tower"),
    )
    whole = run(taxonomy=tree, cells=cells)
    write_mistakes(whole, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["clades.parquet", "confusions.parquet", "hardest.parquet", "mistake_ranks.parquet"]
    for name, table in mistake_tables(whole).items():
        saved = pq.read_table(tmp_path / "out" / f"{name}.parquet")
        assert saved.num_rows == table.num_rows > 0
        found = set(zip(*(saved[key].to_pylist() for key in ("encoder", "role", "decoder")), strict=True))
        assert found == {
            ("mini_clip", "encoder", "leaf_argmax"),
            ("mini_clip", "encoder", "rank_sum"),
            ("pixels", "control", "leaf_argmax"),
        }
    saved = pq.read_table(tmp_path / "out" / "clades.parquet").to_pylist()
    mine = [row for row in saved if (row["encoder"], row["decoder"]) == ("mini_clip", "rank_sum")]
    expected = clades(other, tree)
    assert [row["path"] for row in mine] == expected["path"].tolist()
    assert [row["severity"] is None for row in mine] == np.isnan(expected["severity"]).tolist()
    assert {row["run"] for row in saved} == {whole.name}


def test_nothing_predicted_writes_nothing_and_a_bad_folder_is_told(tmp_path):
    answers, tree = predictions(n=20)
    write_mistakes(
        run(cells=(Cell("pixels", "encoder", "zero_shot", "unsupported", "no text tower"),)), tmp_path / "no"
    )
    assert not (tmp_path / "no").exists()
    (tmp_path / "file").write_text("")
    whole = run(taxonomy=tree, cells=(Cell("pixels", "encoder", "knn", "ok", predictions=(answers,)),))
    with pytest.raises(TaxoevalError, match="the results cannot be written"):
        write_mistakes(whole, tmp_path / "file" / "out")
