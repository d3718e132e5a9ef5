"""The task hands out what the analyses find, on images, species and texts, and hides nothing."""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from taxoeval import structure
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.records import Embeddings
from taxoeval.tasks.structure import Structure
from taxoeval.tasks.structure_analyses import LATE
from tests.tasks import clades

QUICK = {"permutations": 19, "prompts": Prompts("sci", "none")}


def found(result, metric, rank, part):
    (row,) = [s for s in result.scores if (s.metric, s.rank, s.slice) == (metric, rank, part)]
    return row


def test_scores_are_the_rows_of_the_analyses():
    subject = clades.clade()
    result = Structure(analyses=["variance", "neighbours"], parts=["images"], k=5, **QUICK)(subject)
    direct = structure.variance_by_rank(
        subject.embeddings.vectors, subject.embeddings.taxon, subject.taxonomy, permutations=19, seed=0
    )
    row = direct.rows[0]
    for r, rank in enumerate(subject.taxonomy.ranks):
        score = found(result, "variance", rank, "images")
        told = [score.value, score.p, score.n, score.low, score.high, score.chance]
        np.testing.assert_array_equal(told, [row.value[r], row.p[r], row.n[r], row.low[r], row.high[r], row.null[r]])
    assert {s.k for s in result.scores if s.metric == "purity"} == {5}
    assert set(result.records) == {"images_variance", "images_neighbours"}
    assert result.predictions == ()
    assert result.details["n_images"] == 96


def test_the_parts_of_the_data():
    subject = clades.clade()
    angle = np.linspace(0, 3, 12)
    names = [str(subject.taxonomy.names[t]) for t in np.unique(subject.embeddings.taxon)]
    texts = {name: np.array([np.cos(a), np.sin(a)], np.float32) for name, a in zip(names, angle, strict=True)}
    subject = replace(subject, embed_texts=lambda asked: np.stack([texts[text] for text in asked]))
    result = Structure(analyses=["variance", "mantel"], **QUICK)(subject)
    assert {(s.slice, s.metric) for s in result.scores if s.metric.startswith("variance") and s.rank == "genus"} == {
        ("images", "variance"),
        ("images", "variance_raw"),
        ("species", "variance"),
        ("species", "variance_raw"),
        ("texts", "variance"),
        ("texts", "variance_raw"),
    }
    assert {s.slice for s in result.scores if s.metric == "Mantel_Spearman"} == {"images", "texts"}
    assert found(result, "variance", "species", "species").n == 12
    assert result.details["prompts_sha256"]


def test_a_table_of_taxa():
    subject = clades.clade()
    result = Structure(analyses=["silhouette", "neighbours"], parts=["images"], **QUICK)(subject)
    table = result.tables["taxa_images"]
    assert table["taxon"][0] == "F0"
    assert table["n"].tolist()[:3] == [48, 24, 8]
    record = result.records["images_silhouette"]
    np.testing.assert_array_equal(table["silhouette"], record.taxon)
    assert (table["purity"][table["rank"] == "species"] > 0.8).all()


def test_an_encoder_without_texts_is_told():
    result = Structure(analyses=["variance"], **QUICK)(clades.clade())
    assert result.notes == ("texts are left out: this encoder has no text tower",)
    assert {s.slice for s in result.scores} == {"images", "species"}


def test_what_is_undefined_has_a_reason():
    subject = clades.clade(n_species=1)
    result = Structure(analyses=["variance", "silhouette", "neighbours"], parts=["images"], k=3, **QUICK)(subject)
    missing = [s for s in result.scores if np.isnan(s.value)]
    assert len(missing) > 3
    assert all(s.reason for s in missing)


def test_wrong_settings_and_no_vectors():
    subject = clades.clade()
    with pytest.raises(
        TaxoevalError, match=r"task\.structure\.analyses: 'varience' is none of them; there are variance,"
    ):
        Structure(analyses=["varience"], **QUICK)(subject)
    with pytest.raises(TaxoevalError, match=r"task\.structure\.parts: none is given; there are images, species, texts"):
        Structure(parts=[], **QUICK)(subject)
    bad = subject.embeddings.vectors.copy()
    bad[3, 0] = np.nan
    broken = replace(subject, embeddings=replace(subject.embeddings, vectors=bad))
    with pytest.raises(TaxoevalError, match="vector 3 of 96 holds NaN"):
        Structure(analyses=["variance"], **QUICK)(broken)
    nothing = Embeddings(np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, str), "x")
    with pytest.raises(UnsupportedError, match="there are none"):
        Structure(**QUICK)(replace(subject, embeddings=nothing))


def test_what_analyses_import_late_is_imported_before_their_threads():
    """Two threads that import at once may end in a deadlock, which Python answers with an error in one of them."""
    folder = Path(structure.__file__).parent
    late = set()
    for file in sorted(folder.glob("*.py")):
        if file.name == "maps.py":
            continue  # alone, after the threads
        tree = ast.parse(file.read_text(encoding="utf-8"))
        inner = {node for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for node in ast.walk(f)}
        for node in inner:
            if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("taxoeval"):
                late.add(node.module)
            elif isinstance(node, ast.Import):
                late |= {alias.name for alias in node.names}
    assert {"sklearn.cluster", "skbio.tree"} <= late
    late -= {"skbio", "skbio.tree"}  # neighbour joining, which no analysis of the task asks for
    assert late <= set(LATE), sorted(late - set(LATE))


def test_no_analysis_of_the_task_needs_scikit_bio(monkeypatch):
    monkeypatch.setitem(sys.modules, "skbio", None)
    Structure(**QUICK)(clades.clade())


@pytest.mark.parametrize(("parts", "times"), [(["images"], 0), (["images", "species"], 1)])
def test_one_analysis_of_several_parts_runs_in_threads_too(monkeypatch, parts, times):
    asked = []
    monkeypatch.setattr("taxoeval.tasks.structure.import_late", lambda: asked.append(1))
    Structure(analyses=["variance"], parts=parts, **QUICK)(clades.clade())
    assert len(asked) == times
