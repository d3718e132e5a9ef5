"""The comparison page in a browser: names stay text, nothing is fetched, every column sorts both ways."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from taxoeval.compare import blocks, compared, find_runs
from taxoeval.compare.page import to_html
from tests.compare import make

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

PROBE = """<pre id="seen"></pre><script>window.onload = () => {
  const table = document.querySelector("#block0 table"), seen = [];
  const cells = (at) => Array.from(table.tBodies[0].rows, (row) => row.cells[at].textContent.trim());
  for (const [at, button] of table.querySelectorAll("button.sort").entries()) {
    button.click(); const once = cells(at); button.click(); seen.push([button.textContent, once, cells(at)]);
  }
  document.getElementById("seen").textContent = JSON.stringify(seen);
};</script>"""


@pytest.fixture
def page(tmp_path: Path) -> str:
    for i, right in enumerate((0.9, 0.2, 0.5)):
        make.write(tmp_path / str(i), make.cell(f"e{i} <script>alert(1)</script>", right, seed=i))
    return to_html([(block, compared(block)) for block in blocks(find_runs([tmp_path]).runs)])


def test_names_stay_text_and_nothing_is_fetched(page: str):
    assert "<script>alert" not in page
    assert "e0 &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "default-src 'none'" in page


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium browser on this machine")
def test_every_column_sorts_both_ways(page: str, tmp_path: Path):
    copy = tmp_path / "page.html"
    copy.write_text(page.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'<pre id="seen">(\[.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    seen = {name: (once, twice) for name, once, twice in json.loads(found.group(1).replace("&lt;", "<"))}
    assert list(seen) == ["encoder", "genus", "species", "severity", "distance", "difference (95 %)", "p"]
    for column in ("genus", "species", "severity", "distance"):
        once = [float(cell.split()[0]) for cell in seen[column][0]]
        assert once == sorted(once, reverse=True)
        assert seen[column][1] == seen[column][0][::-1]
    assert [name[:2] for name in seen["encoder"][0]] == ["e0", "e1", "e2"]
    assert [name[:2] for name in seen["encoder"][1]] == ["e2", "e1", "e0"]
    assert seen["difference (95 %)"][0][-1] == "–"
    assert seen["difference (95 %)"][1][-1] == "–"  # gaps stay last
