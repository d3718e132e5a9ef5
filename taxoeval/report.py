"""``python -m taxoeval.report RUN...``: the HTML page of finished runs, made again."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from taxoeval.errors import TaxoevalError
from taxoeval.reports.html import write_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Write ``report.html`` into the folder of each run; the exit status is 1 if one could not be."""
    parser = argparse.ArgumentParser(
        prog="python -m taxoeval.report", description="Write report.html for finished runs."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run")
    status = 0
    for folder in parser.parse_args(arguments).runs:
        try:
            print(write_report(folder))
        except TaxoevalError as error:
            print(f"taxoeval: {error}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
