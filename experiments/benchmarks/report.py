"""Time and size of the HTML page: 100,000 predictions over 1,000 species, and a taxonomy of 50,000 taxa.

    python experiments/benchmarks/report.py [--browser]

Prints seconds from the finished run's files to the page, its size and, with ``--browser``, how long Chromium takes to
draw the taxonomy and to answer a click, as the page itself measures it.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from taxoeval import Taxonomy
from taxoeval.records import Predictions
from taxoeval.reports import Cell, Run, write_run
from taxoeval.reports.html import write_report
from taxoeval.reports.mistakes import write_mistakes
from taxoeval.tasks.scoring import score

PROBE = """<script>window.onload = () => {
  const canvas = document.querySelector("canvas"), box = canvas.getBoundingClientRect(), times = [];
  const click = (x, y) => {
    const t = performance.now(), where = {clientX: box.left + x * box.width, clientY: box.top + y * box.height};
    canvas.dispatchEvent(new MouseEvent("click", {...where, bubbles: true}));
    times.push(performance.now() - t);
  };
  for (const y of [0.2, 0.5, 0.8]) { click(0.2, y); click(0.05, 0.5); }
  document.body.innerHTML = "<pre id=t></pre>";
  document.querySelector("pre").textContent = times.map(Math.round).join(" ");
};</script>"""


def lineages(n: int) -> list[tuple[str, ...]]:
    """Species in genera of 5, families of 10 genera, orders of 8 families."""
    return [(f"O{i // 400}", f"F{i // 50}", f"G{i // 5}", f"G{i // 5} s{i}") for i in range(n)]


def run_of(n_species: int, n_images: int) -> Run:
    taxonomy = Taxonomy.from_lineages(lineages(n_species), ranks=("order", "family", "genus", "species"))
    species = np.flatnonzero(taxonomy.rank == 3)
    rng = np.random.default_rng(0)
    target = species[np.arange(n_images) % n_species]
    near = species[(np.arange(n_images) + rng.integers(-20, 20, n_images)) % n_species]
    answer = np.where(rng.random(n_images) < 0.7, target, near)
    taxon = taxonomy.ancestor[answer].astype(np.int64)[:, :, None]
    probability = np.repeat(rng.random((n_images, 1, 1)), 4, axis=1)
    sample = np.array([f"images/{i:06d}.jpg" for i in range(n_images)])
    answers = Predictions(sample, target, taxon, probability, "leaf_argmax", species)
    scores = tuple(score((answers,), taxonomy, task="knn"))
    cell = Cell("simulated", "encoder", "knn", "ok", scores=scores, predictions=(answers,))
    return Run(
        name="bench",
        started="2026-11-21T10:00:00+00:00",
        dataset="simulated",
        n_images=n_images,
        taxonomy=taxonomy,
        cells=(cell,),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--browser", action="store_true")
    browser = parser.parse_args().browser
    for n_species, n_images in ((1000, 100_000), (40_000, 100_000)):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            run = run_of(n_species, n_images)
            start = time.perf_counter()
            write_run(run, folder)
            write_mistakes(run, folder)
            files = time.perf_counter() - start
            start = time.perf_counter()
            path = write_report(folder)
            page = time.perf_counter() - start
            size = path.stat().st_size / 1e6
            print(
                f"{n_species:,} species, {len(run.taxonomy):,} taxa, {n_images:,} images: files {files:.1f} s,", end=" "
            )
            print(f"page {page:.1f} s, {size:.2f} MB", end="")
            if browser:
                print(f"; clicks in Chromium {clicks(path)} ms", end="")
            print()


def clicks(path: Path) -> str:
    path.write_text(path.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>"), encoding="utf-8")
    chromium = shutil.which("chromium") or "google-chrome"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
    found = re.search(r'<pre id="t">(.*?)</pre>', subprocess.run(command, capture_output=True, text=True).stdout)
    return found.group(1) if found else "not measured"


if __name__ == "__main__":
    main()
