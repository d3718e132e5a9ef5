"""Variance by rank of several encoders in one figure, from the scores of their runs.

python experiments/latent_structure/figures.py outputs/sweeps/… experiments/latent_structure/birds_variance.png
"""

import sys
from pathlib import Path

from taxoeval.compare import find_runs
from taxoeval.reports.figures.style import rendered
from taxoeval.reports.figures.variance_bars import variance_bars

NAN = float("nan")


def shares(folder: Path) -> tuple[dict[str, list[float]], list[str]]:
    found: dict[str, list[float]] = {}
    ranks: list[str] = []
    for run in find_runs([folder]).runs:
        ranks = list(run.meta["taxonomy"]["n_taxa"])
        rows = [r for r in run.scores().to_pylist() if r["slice"] == "images"]
        for encoder in dict.fromkeys(r["encoder"] for r in rows):
            of = {(r["metric"], r["rank"]): r["value"] for r in rows if r["encoder"] == encoder}
            values = [of.get(("variance", rank)) for rank in ranks] + [of.get(("variance_within_species", ""))]
            found[encoder] = [NAN if value is None else value for value in values]
    used = [i for i in range(len(ranks)) if any(of[i] == of[i] for of in found.values())]
    return {name: [of[i] for i in [*used, -1]] for name, of in found.items()}, [ranks[i] for i in used]


if __name__ == "__main__":
    of, ranks = shares(Path(sys.argv[1]))
    Path(sys.argv[2]).write_bytes(rendered(variance_bars(of, (*ranks, "within species")), "png"))
