"""Write the tables of README.md from the recorded figures: `python experiments/validity/tables.py`."""

import json
from pathlib import Path

HERE = Path(__file__).parent


def coverage() -> str:
    """Coverage at the three levels per design and interval; bold where it is more than 1.5 points off."""
    record = json.loads((HERE / "intervals.json").read_text())
    lines = [f"{record['datasets']} data sets each, {record['resamples']} resamples (two stages: half as many).", ""]
    lines += ["In % at 80 / 90 / 95 %, then the median width at 95 %; bold is more than 1.5 points off.", ""]
    lines += ["| data | interval | 80 | 90 | 95 | width |", "|---|---|---|---|---|---|"]
    for design, intervals in record["coverage"].items():
        for name, (*shares, width) in intervals.items():
            cells = [mark(s, abs(s - nominal) > 1.5) for s, nominal in zip(shares, (80, 90, 95), strict=True)]
            lines.append(f"| {design} | {name} | {' | '.join(cells)} | {width} |")
    return "\n".join(lines)


def false_positives() -> str:
    """False positives at the three levels per design and test; bold where it is more than 1 point above."""
    record = json.loads((HERE / "false_positives.json").read_text())
    lines = [
        f"{record['datasets']} data sets each, {record['resamples']} resamples. Bold: more than 1 point above.",
        "",
    ]
    lines += ["| data | test | 1 % | 5 % | 10 % |", "|---|---|---|---|---|"]
    for design, tests in record["false_positives"].items():
        for name, shares in tests.items():
            cells = [mark(s, s - nominal > 1) for s, nominal in zip(shares, (1, 5, 10), strict=True)]
            lines.append(f"| {design} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mark(share: float, off: bool) -> str:
    return f"**{share}**" if off else f"{share}"


def main() -> None:
    readme = HERE / "README.md"
    text = readme.read_text()
    for title, table in (("## Coverage", coverage()), ("## False positives", false_positives())):
        before, after = text.split(title + "\n", 1)
        rest = after[after.index("\n## ") :]
        text = f"{before}{title}\n\n{table}\n{rest}"
    readme.write_text(text)


if __name__ == "__main__":
    main()
