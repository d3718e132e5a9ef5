"""`ScorePredictions` against answers whose scores are known, from every kind of file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taxoeval import Taxonomy
from taxoeval.datasets import table
from taxoeval.errors import TaxoevalError
from taxoeval.metrics import rank_height, rank_hits, statistics
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.answers import blocks
from taxoeval.tasks.score_predictions import ScorePredictions
from tests.tasks.clades import clade, value

RANKS = ("family", "genus", "species")
SPECIES = ["Corvus corax", "Corvus corone", "Pica pica", "Parus major"]
LINEAGES = [
    ("Corvidae", "Corvus", "Corvus corax"),
    ("Corvidae", "Corvus", "Corvus corone"),
    ("Corvidae", "Pica", "Pica pica"),
    ("Paridae", "Parus", "Parus major"),
]


def subject(taxa=SPECIES):
    taxonomy = Taxonomy.from_lineages(LINEAGES, ranks=RANKS)
    taxon = taxonomy.ids(list(taxa))
    sample = np.array([f"images/{i}.jpg" for i in range(len(taxon))])
    vectors = np.zeros((len(taxon), 2), dtype=np.float32)
    return Subject(Embeddings(vectors, taxon, sample, "test"), taxonomy, [""] * len(taxonomy), np.array(taxa))


def written(folder, text, name="answers.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def species(result, decoder="leaf_argmax", **where):
    return value(result, "rank_hits", "species", decoder=decoder, **where).value


def answers_of(result, decoder="leaf_argmax"):
    """The paths of the first answers, image by image and rank by rank."""
    (told,) = [p for p in result.predictions if p.decoder == decoder]
    tree = result.taxonomy
    return [[tree.path(i) if i >= 0 else "" for i in row] for row in told.taxon[:, :, 0].tolist()]


def one_name_each(folder, names, column="prediction"):
    rows = "\n".join(f"images/{i}.jpg,{name}" for i, name in enumerate(names))
    return written(folder, f"filename,{column}\n{rows}\n")


def test_one_name_a_row_at_any_rank_and_in_any_spelling(tmp_path):
    names = ["corvus_corax", "CORVUS", "Pica pica (L.)", "Larus canus"]
    result = ScorePredictions(one_name_each(tmp_path, names))(subject())
    assert [value(result, "rank_hits", r).value for r in RANKS] == [0.75, 0.75, 0.5]
    assert [value(result, "coverage", r).value for r in RANKS] == [0.75, 0.75, 0.5]
    # the genus is one rank off, as a wrong species of it would be; "no answer" shares nothing, 3 ranks
    distance = value(result, "average_hierarchical_distance", "")
    assert (distance.value, distance.n) == (pytest.approx((0 + 0 + 1 + 3) / 4), 4)
    assert result.details["names"] == {"author": 1, "spelling": 2, "unresolved": 1}
    assert result.details["n_images_without_answer"] == 1
    assert "1 of 4 names (first answer of 1 images) is unresolved and counts as no answer (Larus canus)" in result.notes
    assert np.isnan(value(result, "calibration_error", "family").value)
    assert "no probabilities were stated: none are reported, and calibration is undefined" in result.notes
    assert np.isnan(result.predictions[0].probability).all()


def test_the_candidates_of_names_are_the_answers_given_and_the_labels(tmp_path):
    result = ScorePredictions(one_name_each(tmp_path, ["Corvus corax"] * 4))(subject())
    assert result.predictions[0].n_candidates == 4
    assert value(result, "rank_hits", "species").chance == 0.25
    assert {s.slice for s in result.scores} == {"all"}


@pytest.mark.parametrize("decoder", ["leaf_argmax", "rank_sum"])
def test_several_names_are_places_in_every_decoder(tmp_path, decoder):
    path = written(
        tmp_path,
        "sample,prediction_1,prediction_2,prediction_3\n"
        "images/0.jpg,Parus major,Corvus corone,Corvus corax\n"
        "images/1.jpg,Corvus corone,Parus major,Pica pica\n"
        "images/2.jpg,Corvus corax,,Pica pica\n"
        "images/3.jpg,,Parus major,\n",
    )
    result = ScorePredictions(path)(subject())
    first = {p.decoder: p.taxon[:, :, 0] for p in result.predictions}[decoder]
    tree = subject().taxonomy
    assert [str(tree.names[i]) for i in first[:, 2]] == ["Parus major", "Corvus corone", "Corvus corax", "Parus major"]
    assert [str(tree.names[i]) for i in first[:, 0]] == ["Paridae", "Corvidae", "Corvidae", "Paridae"]
    assert species(result, decoder) == 0.5
    assert species(result, decoder, k=4) == 1.0
    assert value(result, "rank_hits", "genus", decoder=decoder, k=4).value == 1.0


def test_several_rows_of_one_sample_are_its_answers(tmp_path):
    long = "file_name,family,genus,species,score\n"
    long += "images/0.jpg,Corvidae,Corvus,corone,0.3\nimages/0.jpg,Corvidae,Corvus,corax,0.6\n"
    long += (
        "images/1.jpg,Corvidae,Corvus,corone,0.9\nimages/2.jpg,Corvidae,,,0.8\nimages/3.jpg,Paridae,Parus,ater,0.5\n"
    )
    result = ScorePredictions(written(tmp_path, long))(subject())
    assert [value(result, "rank_hits", r).value for r in RANKS] == [1.0, 0.75, 0.5]
    assert "answers: the species column holds epithets: read as genus + epithet" in result.notes
    best = result.predictions[0].probability[:, :, 0]
    np.testing.assert_allclose(best[0], [0.9, 0.9, 0.6], rtol=1e-6)
    np.testing.assert_allclose(best[3], [0.5, 0.5, 0.5], rtol=1e-6)
    assert answers_of(result)[3] == ["Paridae", "Paridae > Parus", "Paridae > Parus > Parus ater"]


def scores_of(rng, n, c):
    logits = rng.normal(size=(n, c)).astype(np.float32) * 3
    return logits, (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("kind", ["npy", "columns", "lists", "logits"])
def test_a_matrix_of_scores_equals_the_argmax_by_hand(tmp_path, kind):
    clades = clade(n_species=12, per_species=8)
    tree, images = clades.taxonomy, clades.embeddings
    candidates = np.random.default_rng(1).permutation(np.unique(images.taxon))
    logits, probability = scores_of(np.random.default_rng(0), len(images.sample), len(candidates))
    shuffled = np.random.default_rng(2).permutation(len(images.sample))
    names = written(tmp_path, "\n".join(str(tree.names[i]) for i in candidates) + "\n", "candidates.txt")
    task = {"candidates": names}
    if kind in ("npy", "logits"):
        np.save(tmp_path / "scores.npy", (logits if kind == "logits" else probability)[shuffled])
        task["samples"] = written(tmp_path, "\n".join(images.sample[shuffled]) + "\n", "samples.txt")
        task |= {"answers": str(tmp_path / "scores.npy"), "softmax": 1.0 if kind == "logits" else None}
    else:
        columns = {"sample": images.sample[shuffled].tolist()}
        if kind == "columns":
            columns |= {f"c{k}": probability[shuffled, k] for k in range(len(candidates))}
        else:
            columns["scores"] = probability[shuffled].tolist()
        pq.write_table(pa.table(columns), tmp_path / "scores.parquet")
        task["answers"] = str(tmp_path / "scores.parquet")
    result = ScorePredictions(**task)(clades)
    by_hand = candidates[logits.argmax(axis=1)]
    hits = rank_hits(images.taxon, by_hand, tree)
    for r, rank in enumerate(tree.ranks):
        assert value(result, "rank_hits", rank).value == pytest.approx(statistics.mean(hits)[r])
    np.testing.assert_array_equal(result.predictions[0].taxon[:, -1, 0], by_hand)
    np.testing.assert_allclose(result.predictions[0].probability[:, -1, 0], probability.max(axis=1), rtol=1e-5)
    wrong = rank_height(images.taxon, by_hand, tree)
    assert value(result, "mistake_severity", "").value == pytest.approx(wrong[wrong > 0].mean())


def matrix(tmp_path, scores, candidates, **more):
    np.save(tmp_path / "scores.npy", np.array(scores, dtype=np.float32))
    samples = written(tmp_path, "\n".join(f"images/{i}.jpg" for i in range(len(scores))), "samples.txt")
    table = written(tmp_path, "family,genus,species\n" + "\n".join(candidates) + "\n", "candidates.csv")
    return ScorePredictions(str(tmp_path / "scores.npy"), candidates=table, samples=samples, **more)


CLASSES = [
    "Corvidae,Corvus,Corvus corax",
    "Corvidae,Corvus,Corvus corax varius",
    "Corvidae,Corvus,Corvus albus",
    "Corvidae,Nucifraga,Nucifraga caryocatactes",
    ",,",
    "Laridae,Larus,Larus canus",
]


def test_candidates_beyond_the_taxonomy_answer_wrongly_but_with_a_place(tmp_path):
    scores = [
        [0.3, 0.3, 0.4, 0.0, 0.0, 0.0],  # the two classes of the raven together beat the pied crow
        [0.1, 0.0, 0.8, 0.1, 0.0, 0.0],  # right genus and family
        [0.0, 0.0, 0.0, 0.9, 0.1, 0.0],  # right family
        [0.0, 0.0, 0.0, 0.1, 0.9, 0.0],  # "background": no answer
    ]
    result = matrix(tmp_path, scores, CLASSES)(subject())
    assert [value(result, "rank_hits", r).value for r in RANKS] == [0.75, 0.5, 0.25]
    assert [value(result, "coverage", r).value for r in RANKS] == [0.75] * 3
    assert value(result, "mistake_severity", "").value == pytest.approx((1 + 2 + 3) / 3)  # the last has no answer
    assert value(result, "rank_hits", "species").chance == pytest.approx(1 / 4 / 5)  # one of five taxa, for one in four
    assert result.details["n_candidates"] == 5
    assert result.details["names"] == {"exact": 1, "placed": 3, "subspecies": 1, "unresolved": 1}
    assert [answer[2] for answer in answers_of(result)] == [
        "Corvidae > Corvus > Corvus corax",
        "Corvidae > Corvus > Corvus albus",
        "Corvidae > Nucifraga > Nucifraga caryocatactes",
        "",
    ]
    told = result.predictions[0]
    assert [result.taxonomy.path(i).split(" > ")[-1] for i in told.target] == SPECIES
    assert (told.taxon[3, :, 0] == -1).all()


def test_images_that_could_be_right_are_scored_apart(tmp_path):
    result = matrix(tmp_path, np.eye(6)[[0, 0, 0, 0]], CLASSES)(subject())
    assert (species(result), species(result, part="covered")) == (0.25, 1.0)
    assert value(result, "rank_hits", "species", part="covered").n == 1
    assert result.details["n_images_covered"] == 1
    assert any(note.startswith("the candidates hold the taxon of 1 of 4 images") for note in result.notes)
    # a label that stops at the genus is covered by any of its species
    partial = matrix(tmp_path, np.eye(6)[[0, 0]], CLASSES)(subject(["Corvus", "Corvidae"]))
    assert partial.details["n_images_covered"] == 2
    assert {s.slice for s in partial.scores} == {"all"}


def test_blocks_do_not_change_the_numbers(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    _, probability = scores_of(rng, 4, 6)
    whole = matrix(tmp_path, probability, CLASSES)(subject())
    monkeypatch.setattr(blocks, "_BLOCK", 1)
    pieces = matrix(tmp_path, probability, CLASSES)(subject())
    for a, b in zip(whole.predictions, pieces.predictions, strict=True):
        np.testing.assert_array_equal(a.taxon, b.taxon)
    assert [s.value for s in whole.scores if s.metric == "rank_hits"] == [
        s.value for s in pieces.scores if s.metric == "rank_hits"
    ]
    assert whole.tables["names"]["n_first"].tolist() == pieces.tables["names"]["n_first"].tolist()


def test_missing_and_surplus_samples(tmp_path):
    rows = "images/0.jpg,Corvus corax\nimages/2.jpg,Corvus corone\nimages/77.jpg,Pica pica\n"
    path = written(tmp_path, f"filename,prediction\n{rows}")
    with pytest.raises(TaxoevalError, match=r"answers.csv: no row for 2 of 4 images, such as 'images/1.jpg'"):
        ScorePredictions(path)(subject())
    wrong = ScorePredictions(path, missing="wrong")(subject())
    assert (species(wrong), value(wrong, "coverage", "species").value) == (0.25, 0.5)
    assert wrong.predictions[0].sample.tolist() == [f"images/{i}.jpg" for i in range(4)]
    assert "2 of 4 images have no row in the file of answers: they count as not answered" in wrong.notes
    left = ScorePredictions(path, missing="leave_out")(subject())
    assert (species(left), value(left, "rank_hits", "species").n) == (0.5, 2)
    assert "1 rows of the file of answers are of images that the dataset lacks: left out" in left.notes
    assert left.details["n_rows_of_other_images"] == 1
    with pytest.raises(TaxoevalError, match="missing is error, wrong or leave_out; got 'maybe'"):
        ScorePredictions(path, missing="maybe")(subject())


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("filename,prediction\na.jpg,Pica pica\n", {}, r"none of its 1 sample ids .* like 'a.jpg', .* 'images/0.jpg'"),
        ("filename,guess\na.jpg,Pica pica\n", {}, r"no column of answers; the columns are filename, guess"),
        ("picture,prediction\na.jpg,Pica pica\n", {}, r"no column of sample ids; the columns are picture, prediction"),
        ("filename,guess\na.jpg,Pica pica\n", {"names": ["gues"]}, r"no column 'gues' \(nearest: 'guess'\)"),
        ("filename,pred_1,pred_2,score\nimages/0.jpg,a,b,1\n", {}, r"2 columns of answers .* and 1 of probabilities"),
        ("filename,pred,score\nimages/0.jpg,a,high\n", {}, r"a probability is no number: .*'high'"),
        ("filename,pred,score\nimages/0.jpg,a,-1\n", {}, r"row 1 below the header has the probability -1.0"),
        ("filename,pred,score\nimages/0.jpg,a,\n", {}, r"1 names have no probability"),
        ("filename,pred\n,a\n", {}, r"row 1 below the header has no sample id"),
        ("filename,pred\nimages/0.jpg,\n", {"missing": "wrong"}, r"has no answer for any image"),
        ("filename,pred\nimages/0.jpg,a\n", {"softmax": 1.0}, r"give candidates=FILE"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, settings, message):
    with pytest.raises(TaxoevalError, match=message):
        ScorePredictions(written(tmp_path, text), **settings)(subject())


def test_what_is_wrong_with_a_matrix_is_said(tmp_path):
    with pytest.raises(TaxoevalError, match=r"score of 'images/2.jpg' for 'Corvus albus' is -1.0.*softmax=1"):
        matrix(tmp_path, [[1, 0, 0, 0, 0, 0]] * 2 + [[0, 0, -1, 1, 0, 0]] * 2, CLASSES)(subject())
    with pytest.raises(TaxoevalError, match="is nan, which is no probability"):
        matrix(tmp_path, [[np.nan, 0, 0, 0, 0, 0]] * 4, CLASSES, softmax=1.0)(subject())
    with pytest.raises(TaxoevalError, match=r"scores \(4, 5\) do not fit 4 samples and 6 candidates"):
        matrix(tmp_path, np.ones((4, 5)), CLASSES)(subject())
    task = matrix(tmp_path, np.ones((4, 6)), CLASSES)
    (tmp_path / "samples.txt").write_text("images/0.jpg\n" * 4)
    with pytest.raises(TaxoevalError, match="3 samples have several rows of scores"):
        task(subject())
    with pytest.raises(TaxoevalError, match="file names no samples"):
        ScorePredictions(task.answers, candidates=task.candidates)(subject())
    with pytest.raises(TaxoevalError, match="what do its columns stand for"):
        ScorePredictions(task.answers)(subject())
    np.save(tmp_path / "scores.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(TaxoevalError, match=r"cannot be read as \.npy"):
        task(subject())
    with pytest.raises(TaxoevalError, match="no such file"):
        ScorePredictions(str(tmp_path / "absent.csv"))(subject())


def test_real_labels_that_stop_at_every_rank(shared_data, tmp_path):
    """A right answer that stops at the family is asked at every rank that the label reaches, and no further."""
    traps = table.load(shared_data / "annotations" / "camera_trap_island-balanced.csv", annotations_only=True)
    vectors = np.zeros((len(traps), 0), dtype=np.float32)
    real = Subject(
        Embeddings(vectors, traps.taxon, traps.sample, "none"), traps.taxonomy, traps.common_name, traps.label
    )
    lineages = [traps.taxonomy.lineage(int(i)) for i in traps.taxon]
    rows = [",".join([sample, *lineage[:5]]) for sample, lineage in zip(traps.sample, lineages, strict=True)]
    result = ScorePredictions(written(tmp_path, "\n".join(["id,kingdom,phylum,class,order,family", *rows])))(real)
    hits = [value(result, "rank_hits", rank) for rank in traps.taxonomy.ranks]
    assert [hit.n for hit in hits] == [310, 310, 310, 290, 270, 200, 160]
    assert [hit.value for hit in hits] == [1.0] * 5 + [0.0] * 2
    assert value(result, "coverage", "species").value == 0.0
    assert value(result, "average_hierarchical_distance", "").value == 2.0
    by_label = ScorePredictions(one_name(tmp_path, traps))(real)
    assert all(value(by_label, "rank_hits", rank).value == 1.0 for rank in traps.taxonomy.ranks)


def one_name(folder, dataset):
    """The label of each image, as it stands, as its answer."""
    rows = "\n".join(f"{sample},{label}" for sample, label in zip(dataset.sample, dataset.label, strict=True))
    return written(folder, f"id,prediction\n{rows}\n", "names.csv")


def test_real_classes_of_another_taxonomy_meet_the_birds(shared_data, tmp_path):
    """Every image answered with its own source name, as another system would, and the iNat classes as candidates."""
    birds = table.load(shared_data / "images" / "birds" / "labels.csv")
    vectors = np.zeros((len(birds), 1), dtype=np.float32)
    real = Subject(
        Embeddings(vectors, birds.taxon, birds.sample, "test"), birds.taxonomy, birds.common_name, birds.label
    )
    names = [str(birds.taxonomy.names[i]).upper().replace(" ", "_") for i in birds.taxon]
    rows = "\n".join(f"./{sample},{name}" for sample, name in zip(birds.sample, names, strict=True))
    result = ScorePredictions(written(tmp_path, f"filename,prediction\n{rows}\n"))(real)
    assert species(result) == 1.0
    labels = shared_data / "weights" / "mobilenetv2_inat_bird" / "labels_taxonomy.csv"
    uniform = np.full((len(birds), 965), 1 / 965, dtype=np.float32)
    np.save(tmp_path / "scores.npy", uniform)
    samples = written(tmp_path, "\n".join(birds.sample), "samples.txt")
    blind = ScorePredictions(str(tmp_path / "scores.npy"), candidates=str(labels), samples=samples)(real)
    assert blind.details["names"] == {"exact": 133, "placed": 826, "subspecies": 5, "unresolved": 1}
    assert value(blind, "rank_hits", "species", part="covered").n == 133 * 5
    assert blind.details["n_images_covered"] == 133 * 5 + 50  # and labels at genus or family that have a class below
    suggested = dict(zip(blind.tables["names"]["name"], blind.tables["names"]["suggestion"], strict=True))
    assert suggested["Picoides pubescens"] == "Dryobates pubescens"
    assert suggested["Anas americana"] == "Aythya americana or Mareca americana"
