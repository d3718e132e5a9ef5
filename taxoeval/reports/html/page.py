"""One page of HTML that opens from disk: everything a run found, with nothing to load from anywhere."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxoeval.reports.atomic import together
from taxoeval.reports.files import SavedRun, read_run
from taxoeval.reports.html.markup import text
from taxoeval.reports.html.sections import Tables, answers
from taxoeval.reports.html.space import every_number, quantities
from taxoeval.reports.html.words import summary

if TYPE_CHECKING:
    import pandas as pd

HEAVY = 300_000
"""Bytes of a drawing above which the page shows a picture of it; the drawing stays in the folder of figures."""


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into the folder of a finished run.

    Parameters
    ----------
    folder
        Of the run.

    Returns
    -------
    path
        Of the page.

    Raises
    ------
    TaxoevalError
        If there is no finished run, or the page cannot be written.
    """
    run = read_run(folder)
    with together(folder, "report.html") as staged:
        staged("report.html").write_text(page(run), encoding="utf-8")
    return folder / "report.html"


def page(run: SavedRun) -> str:
    """The page of a run, as text."""
    meta = run.meta
    scores = run.scores().to_pandas()
    tables = Tables(run)
    cells = [cell for cell in meta["cells"] if cell["role"] == "encoder"] or list(meta["cells"])
    sections = [_section(i, cell, scores, tables, run) for i, cell in enumerate(cells)]
    links = "".join(f'<a href="#task{i}">{text(cell["task"])}</a>' for i, cell in enumerate(cells))
    title = f"{meta['dataset']['name']}: how well does {_encoders(cells)} know its taxonomy?"
    body = [
        f"<header><h1>{text(title)}</h1>",
        f'<p class="quiet">{text(_about(meta))}</p>',
        "<ul>" + "".join(f"<li>{text(line)}</li>" for line in summary(meta, scores)) + "</ul></header>",
        f'<nav aria-label="Sections">{links}<a href="#provenance">provenance</a></nav><main>',
        *sections,
        _provenance(meta),
        "</main>",
    ]
    return document(title, "".join(body))


def document(title: str, body: str) -> str:
    """A whole page around a body, with its style and its script."""
    here = Path(__file__).parent
    style, script = ((here / name).read_text(encoding="utf-8") for name in ("report.css", "icicle.js"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # nothing may be fetched from anywhere, and only this file's own script may run
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:\">"
        f"<title>{text(title)}</title><style>{style}</style></head><body>{body}<script>{script}</script></body></html>\n"
    )


def _section(i: int, cell: Mapping[str, Any], scores: "pd.DataFrame", tables: Tables, run: SavedRun) -> str:
    head = f'<section id="task{i}"><h2>{text(cell["task"])}: {text(cell["encoder"])}</h2>'
    if cell["status"] != "ok":
        return f"{head}<p><strong>{text(cell['status'])}</strong>: {text(cell['reason'])}</p></section>"
    own = scores[(scores.encoder == cell["encoder"]) & (scores.role == cell["role"]) & (scores.task == cell["task"])]
    parts = [head, "".join(f'<p class="quiet">{text(note)}</p>' for note in cell["notes"])]
    order = list(run.meta["taxonomy"]["n_taxa"])
    folded = []
    for part in own["slice"].drop_duplicates():
        of_part = own[own["slice"] == part]
        hits = of_part[of_part.metric == "rank_hits"]
        if part != "all":
            parts.append(f"<h3>{text(part)}</h3>")
        if len(hits):
            parts += answers(cell, part, of_part, scores, tables, run)
        else:
            parts.append(quantities(of_part, order))
            folded.append((f"<h3>{text(part)}</h3>" if part != "all" else "") + every_number(of_part))
    parts += _figures(cell, run)
    return "".join([*parts, *folded, "</section>"])


def _about(meta: Mapping[str, Any]) -> str:
    taxa = sum(meta["taxonomy"]["n_taxa"].values())
    return f"{meta['dataset']['n_images']:,} images, {taxa:,} taxa; run {meta['name']}, {meta['started']}"


def _encoders(cells: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(dict.fromkeys(cell["encoder"] for cell in cells))


def _figures(cell: Mapping[str, Any], run: SavedRun) -> Iterator[str]:
    start = f"figures/{cell['role']}_{cell['encoder']}_{cell['task']}_"
    for name in run.meta["files"]:
        if name.endswith(".svg") and name.startswith(start):
            kind, content = _lighter(run.folder / name)
            caption = name[len(start) : -4].replace("_", " ")
            yield (
                f'<figure><img class="drawn" alt="{text(caption)}" src="data:image/{kind};base64,{content}">'
                f"<figcaption>{text(caption)}</figcaption></figure>"
            )


def _lighter(drawing: Path) -> tuple[str, str]:
    """Kind and content of a figure: the drawing, or its picture where thousands of points make the drawing heavy."""
    picture = drawing.with_suffix(".png")
    heavy = drawing.stat().st_size > HEAVY and picture.is_file()
    kind, file = ("png", picture) if heavy else ("svg+xml", drawing)
    return kind, base64.b64encode(file.read_bytes()).decode()


def _provenance(meta: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in meta.items() if key not in ("cells",)}
    record = json.dumps(kept, indent=1, ensure_ascii=False)
    notes = "".join(f"<li>{text(note)}</li>" for note in meta["dataset"]["notes"])
    return (
        '<section id="provenance"><h2>Provenance</h2>'
        + (f"<p>What the reader of the dataset noticed:</p><ul>{notes}</ul>" if notes else "")
        + f"<details><summary>Settings, hashes, versions, timings</summary><pre>{text(record)}</pre></details>"
        + "</section>"
    )
