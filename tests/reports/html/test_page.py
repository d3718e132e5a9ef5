"""The page of a run: its numbers are the run's, names stay text, and it works in a browser without a network."""

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taxoeval import Taxonomy, report
from taxoeval.reports import Cell, Run, write_run
from taxoeval.reports.html import write_report
from taxoeval.reports.html.clade_tree import clade_tree
from taxoeval.reports.html.curves import reliability, risk_coverage
from taxoeval.reports.html.page import HEAVY
from taxoeval.reports.mistakes import write_mistakes
from taxoeval.reports.thumbnails import write_thumbnails
from tests.compare import make

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    answers = make.predictions(0.7, seed=1)
    answers = replace(answers, probability=np.linspace(0.2, 0.99, 240)[:, None, None] * np.ones((240, 2, 1)))
    rows = make.cell("x", 0.7, seed=1).scores
    cells = (
        Cell("good <script>alert(1)</script>", "encoder", "knn", "ok", scores=rows, predictions=(answers,)),
        Cell("good <script>alert(1)</script>", "encoder", "zero_shot", "unsupported", "no text <tower>"),
        make.cell("colours", 0.2, seed=3, role="control"),
    )
    names = [name if name != "G1" else "G1 </script><b>" for name in make.TAXONOMY.names]
    taxonomy = Taxonomy(make.TAXONOMY.parent, names, make.TAXONOMY.rank, make.TAXONOMY.ranks)
    run = Run(
        name="n", started="2026-11-21T10:00:00+00:00", dataset="a&b", n_images=240, taxonomy=taxonomy, cells=cells
    )
    write_run(run, tmp_path)
    write_mistakes(run, tmp_path)
    write_thumbnails(run, answers.sample.tolist(), lambda i: Image.new("RGB", (400, 300), (i, 0, 0)), tmp_path)
    return tmp_path


def test_names_stay_text_and_nothing_is_fetched(folder: Path):
    page = write_report(folder).read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "G1 </script>" not in page
    assert "G1 \\u003c/script>" in page
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "default-src 'none'" in page
    assert page.count("data:image/jpeg") == 12


def test_the_numbers_are_those_of_the_run(folder: Path):
    page = write_report(folder).read_text()
    value = next(
        s.value for s in make.cell("x", 0.7, seed=1).scores if (s.metric, s.rank, s.k) == ("rank_hits", "species", 1)
    )
    assert f"the right species for {100 * value:.1f} % of 240 images" in page
    assert f"<title>species: {100 * value:.1f} %" in page
    assert "no text &lt;tower&gt;" in page


def test_a_heavy_drawing_is_shown_as_its_picture(folder: Path):
    light, heavy = b"<svg>light</svg>", b"<svg>" + b" " * HEAVY + b"</svg>"
    cell = make.cell("x", 0.7, seed=1)
    figures = {"light.svg": light, "light.png": b"not shown", "heavy.svg": heavy, "heavy.png": b"picture"}
    run = Run(
        name="n",
        started="2026-11-21T10:00:00+00:00",
        dataset="d",
        n_images=240,
        taxonomy=make.TAXONOMY,
        cells=(replace(cell, figures=figures),),
    )
    write_run(run, folder)
    page = write_report(folder).read_text()
    shown = {caption: source for source, caption in re.findall(r'src="data:image/(\S+)"><figcaption>(\w+)<', page)}
    assert shown == {
        "light": f"svg+xml;base64,{base64.b64encode(light).decode()}",
        "heavy": f"png;base64,{base64.b64encode(b'picture').decode()}",
    }
    assert (folder / "figures" / "encoder_x_knn_heavy.svg").read_bytes() == heavy


def test_the_command(folder: Path, tmp_path: Path, capsys):
    assert report.main([str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    (tmp_path / "empty").mkdir()
    assert report.main([str(tmp_path / "empty")]) == 1
    assert "no finished run is here" in capsys.readouterr().err


def test_clades_come_with_their_parents():
    columns = {
        "path": np.array(["A > B > C", "A", "A > B", "A > D"]),
        "taxon": np.array(["C", "A", "B", "D"]),
        "rank": np.array(["s", "f", "g", "s"]),
        "n": np.array([2, 5, 2, 3]),
        "n_taxa": np.array([1, 2, 1, 1]),
        "accuracy": np.array([0.5, 0.4, 0.5, np.nan]),
        "recall": np.array([0.5, 1.0, 1.0, 0.12346]),
    }
    tree = clade_tree(columns)
    assert tree["name"] == ["A", "B", "C", "D"]
    assert tree["parent"] == [-1, 0, 1, 0]
    assert tree["accuracy"] == [0.4, 0.5, 0.5, None]
    assert tree["recall"][-1] == 0.1235


def test_curves_against_their_definitions():
    rng = np.random.default_rng(0)
    sure, right = rng.integers(1, 9, 200) / 10, (rng.random(200) < 0.5).astype(float)
    risk = risk_coverage(sure, right)
    for x, y in zip(risk.x, risk.y, strict=True):
        kept = sure >= np.sort(sure)[::-1][round(x * 200) - 1]
        assert (kept.mean(), 1 - right[kept].mean()) == (pytest.approx(x), pytest.approx(y))
    assert len(risk.x) == len(set(sure.tolist()))
    curve = reliability(sure, right, bins=4)
    assert curve.y.mean() == pytest.approx(right.mean())
    assert (np.diff(curve.x) >= 0).all()


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium browser on this machine")
def test_in_a_browser(folder: Path, tmp_path: Path):
    page = write_report(folder).read_text()
    probe = """<script>window.onload = () => {
      const canvas = document.querySelector("canvas"), told = document.querySelector(".told"), seen = [];
      const note = () => seen.push([canvas.dataset.root, told.textContent, +canvas.dataset.drawn]);
      const box = canvas.getBoundingClientRect();
      const at = (x, y) => ({clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true});
      note();
      canvas.dispatchEvent(new MouseEvent("click", at(0.1, 0.1))); note();
      canvas.dispatchEvent(new MouseEvent("click", at(0.1, 0.5))); note();
      const key = (name) => canvas.dispatchEvent(new KeyboardEvent("keydown", {key: name}));
      key("ArrowDown"); key("ArrowRight"); note(); key("Enter"); note(); key("Escape"); note();
      const search = document.querySelector("input");
      search.value = "G2"; search.dispatchEvent(new Event("change")); note();
      document.querySelectorAll("button.sort")[4].click();
      document.body.innerHTML = "<pre id=seen></pre>"; document.querySelector("pre").textContent = JSON.stringify(seen);
    };</script>"""
    copy = tmp_path / "probed.html"
    copy.write_text(page.replace("</body>", f"{probe}</body>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    seen = json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert seen[0][1:] == ["240 images", 16]
    assert seen[1][0] == "G0"
    assert seen[1][1].startswith("G0 (genus): ")
    assert seen[1][1].endswith(
        "of 60 images at the finest rank, 3 taxa; found as such: " + seen[1][1].rsplit(": ", 1)[1]
    )
    assert seen[1][2] == 4
    assert seen[2][0] == ""
    assert "s3" in seen[3][1]
    assert seen[5][0] == "G1 </script><b>"
    assert seen[6][0] == "G2"
