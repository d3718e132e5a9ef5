"""``python -m taxoeval.encoders``: the encoders there are, with dimension, text tower, size and licence."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from taxoeval.encoders.catalogue import as_table, catalogue, configs
from taxoeval.errors import TaxoevalError


def main(arguments: Sequence[str] | None = None) -> int:
    """List the encoders; the status is 1 if a folder is missing."""
    parser = argparse.ArgumentParser(prog="python -m taxoeval.encoders", description="List the encoders there are.")
    parser.add_argument("--config-dir", type=Path, help="a folder of configurations of your own, with encoder/ in it")
    own = parser.parse_args(arguments).config_dir
    try:
        if own is not None and not (own / "encoder").is_dir():
            raise TaxoevalError(f"{own}: has no folder encoder/; your own encoders are {own / 'encoder'}/NAME.yaml")
        entries = catalogue([configs(), *([own / "encoder"] if own else [])])
    except TaxoevalError as error:
        print(f"taxoeval: {error}", file=sys.stderr)
        return 1
    print(as_table(entries))
    print(
        "\nOne of them: python -m taxoeval encoder=NAME ...; the rest of what is known of it: configs/encoder/NAME.yaml"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
