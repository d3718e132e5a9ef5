"""``python -m taxoeval.embedding``: what the store of vectors holds, whether it is whole; out of it, and less of it."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from taxoeval.datasets import folder, table
from taxoeval.embedding.export import export, stored
from taxoeval.embedding.upkeep import Held, chosen, damaged_parts, holdings, remove, set_aside
from taxoeval.errors import TaxoevalError

DEFAULT = "~/.cache/taxoeval/embeddings"


def main(arguments: Sequence[str] | None = None) -> int:
    """List, verify, export or prune a store; the status is 1 if a part is damaged or something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m taxoeval.embedding", description=__doc__.partition(": ")[2])
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument("--store", type=Path, help=f"its folder; default: TAXOEVAL_STORE, or {DEFAULT}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[store], help="every encoder with every set of options")
    verify = commands.add_parser("verify", parents=[store], help="read everything; set aside what is damaged")
    prune = commands.add_parser("prune", parents=[store], help="delete vectors; without --yes only says which")
    out = commands.add_parser("export", parents=[store], help="vectors of a dataset as a file of Parquet or npy")
    out.add_argument("name", metavar="NAME", help="of an encoder, or the beginning of its key")
    out.add_argument("images", metavar="IMAGES", type=Path, help="a table of labels, or a folder of folders")
    out.add_argument("file", metavar="FILE", type=Path, help="vectors.parquet, or vectors.npy with a table beside it")
    for command in (verify, prune):
        command.add_argument("names", nargs="*", metavar="NAME", help="of an encoder, or the beginning of its key")
    prune.add_argument("--older-than", type=float, metavar="DAYS", help="only what was last written longer ago")
    prune.add_argument("--damaged", action="store_true", help="only parts that were set aside")
    prune.add_argument("--yes", action="store_true", help="delete")
    own = parser.parse_args(arguments)
    root = (own.store or Path(os.environ.get("TAXOEVAL_STORE") or DEFAULT)).expanduser()
    try:
        every = holdings(root)
        if own.command == "list":
            return _list(every, root)
        if own.command == "verify":
            return _verify(chosen(every, own.names, None))
        if own.command == "export":
            return _export(chosen(every, [own.name], None), own.images, own.file)
        if not (own.names or own.older_than is not None or own.damaged):
            raise TaxoevalError("prune: say what: NAME, --older-than DAYS, or --damaged")
        return _prune(chosen(every, own.names, own.older_than), root, damaged=own.damaged, yes=own.yes)
    except TaxoevalError as error:
        print(f"taxoeval: {error}", file=sys.stderr)
        return 1


def _list(every: Sequence[Held], root: Path) -> int:
    rows = [("encoder", "key", "options", "dimension", "images", "texts", "MiB", "last written", "")]
    for held in every:
        written = time.strftime("%Y-%m-%d %H:%M", time.localtime(held.written))
        remark = f"{held.damaged} damaged parts set aside" if held.damaged else ""
        numbers = (str(held.dimension), f"{held.images:,}", f"{held.texts:,}", f"{held.size / 2**20:,.1f}")
        rows.append((held.encoder, held.key[:12], held.options, *numbers, written, remark))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [c.rjust(w) if 3 <= i <= 6 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())
    print(f"\n{root}: {len(every)} sets of vectors, {sum(held.size for held in every) / 2**20:,.1f} MiB")
    return 0


def _verify(every: Sequence[Held]) -> int:
    bad = 0
    for held in every:
        found = 0
        for path, reason in damaged_parts(held):
            found += 1
            print(f"{path}: damaged ({reason}); set aside as {set_aside(path).name}, encoded again when needed")
        print(f"{held.encoder} {held.key[:12]}: {f'{found} parts damaged' if found else 'ok'}")
        bad += found
    return 1 if bad else 0


def _export(found: Sequence[Held], images: Path, file: Path) -> int:
    if len(found) > 1:
        told = ", ".join(f"{held.key[:12]} ({held.options})" for held in found)
        raise TaxoevalError(f"export: {found[0].encoder} has {len(found)} sets of vectors; name one by its key: {told}")
    dataset = folder.load(images) if images.is_dir() else table.load(images)
    embeddings = stored(found[0].folder, dataset)
    export(embeddings, dataset.taxonomy, file)
    n, dimension = embeddings.vectors.shape
    print(f"{file}: {n:,} vectors of {dimension} from {found[0].encoder} {found[0].key[:12]}")
    return 0


def _prune(every: Sequence[Held], root: Path, *, damaged: bool, yes: bool) -> int:
    paths = [path for held in every for path in held.folder.rglob("_*.corrupt")] if damaged else []
    paths = paths if damaged else [held.folder for held in every]
    size = sum(
        f.stat().st_size for path in paths for f in (path.rglob("*") if path.is_dir() else [path]) if f.is_file()
    )
    for path in paths:
        print(path)
    if yes:
        remove(paths, root)
    done = "deleted" if yes else "would be deleted; --yes deletes"
    print(f"{len(paths)} {'files' if damaged else 'sets of vectors'}, {size / 2**20:,.1f} MiB {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
