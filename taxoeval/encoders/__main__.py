"""``python -m taxoeval.encoders``: the encoders there are; and whether one of them does what it should."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from taxoeval.encoders.catalogue import as_table, catalogue, configs
from taxoeval.encoders.hub import nearest
from taxoeval.errors import TaxoevalError

MARKS = {True: "ok", False: "WRONG", None: "-"}


def main(arguments: Sequence[str] | None = None) -> int:
    """List the encoders, or check one; the status is 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m taxoeval.encoders", description="List the encoders, or check one.")
    parser.add_argument("--config-dir", type=Path, help="a folder of configurations of your own, with encoder/ in it")
    commands = parser.add_subparsers(dest="command")
    checking = commands.add_parser("check", help="preprocessing, tokenizer, modes, invariances of one encoder")
    checking.add_argument(
        "words", nargs="+", metavar="encoder=NAME", help="and encoder.KEY=VALUE, as for an evaluation"
    )
    checking.add_argument("--save", type=Path, metavar="FILE", help="keep reference values, as JSON")
    checking.add_argument("--against", type=Path, metavar="FILE", help="compare with values kept before")
    own = parser.parse_args(arguments)
    try:
        folders = [configs(), *([own.config_dir / "encoder"] if own.config_dir else [])]
        if own.config_dir is not None and not folders[-1].is_dir():
            raise TaxoevalError(
                f"{own.config_dir}: has no folder encoder/; your own encoders are {folders[-1]}/NAME.yaml"
            )
        if own.command == "check":
            return _check(_maker(own.words, folders), own.save, own.against)
        print(as_table(catalogue(folders)))
    except TaxoevalError as error:
        print(f"taxoeval: {error}", file=sys.stderr)
        return 1
    print("\ndim: length of a vector; px: side of the picture; size: number of weights; text: its tokenizer")
    print("One of them: python -m taxoeval encoder=NAME ...; what else is known: configs/encoder/NAME.yaml")
    return 0


def _check(make: Callable[..., Any], save: Path | None, against_file: Path | None) -> int:
    from taxoeval.encoders.check import against, check, reference

    encoder = make()
    print(f"{encoder.name}: {encoder.dimension} dimensions")
    findings = list(check(encoder, make))
    if against_file is not None:
        findings.append(against(encoder, against_file))
    for finding in findings:
        print(f"{MARKS[finding.ok]:<6}{finding.question}: {finding.told}")
    if save is not None:
        part = save.with_name(f".{save.name}.part")
        try:
            part.write_text(json.dumps(reference(encoder), indent=1) + "\n", encoding="utf-8")
            part.replace(save)
        except OSError as error:
            raise TaxoevalError(f"{save}: cannot be written ({error.strerror}); choose another place") from None
        print(f"kept: {save}")
    return 1 if any(finding.ok is False for finding in findings) else 0


def _maker(words: Sequence[str], folders: Sequence[Path]) -> Callable[..., Any]:
    """What makes the encoder that is meant, with keywords that come before its configuration."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    chosen = [word.partition("=")[2] for word in words if word.startswith("encoder=")]
    if len(chosen) != 1:
        raise TaxoevalError("check: name one encoder, as encoder=NAME")
    files = {file.stem: file for folder in folders for file in folder.glob("*.yaml")}
    if chosen[0] not in files:
        raise TaxoevalError(f"encoder={chosen[0]}: there is none of that name{_near(chosen[0], files)}")
    rest = [word for word in words if not word.startswith("encoder=")]
    wrong = [word for word in rest if not (word.startswith("encoder.") and "=" in word)]
    if wrong:
        raise TaxoevalError(f"{wrong[0]}: settings of the encoder are written encoder.KEY=VALUE")
    try:
        read = OmegaConf.load(files[chosen[0]])
        given = OmegaConf.from_dotlist([word.removeprefix("encoder.") for word in rest])
        known = list(read.keys())  # one without a value counts, too
        unknown = [str(key) for key in given if key not in known]
        if unknown:
            raise TaxoevalError(f"encoder.{unknown[0]}: {chosen[0]} has no such setting{_near(unknown[0], known)}")
        missing = OmegaConf.missing_keys(merged := OmegaConf.merge(read, given))
        if missing:
            raise TaxoevalError(f"encoder={chosen[0]} needs encoder.{min(missing)}=...")
        settings: Any = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        raise TaxoevalError(f"{files[chosen[0]]}: {' '.join(str(error).split())}") from None
    module, _, name = settings.pop("_target_").rpartition(".")
    maker: Callable[..., Any] = getattr(importlib.import_module(module), name)

    def make(**changes: Any) -> Any:
        if set(changes) - set(settings):
            raise TypeError(f"{chosen[0]} has no setting {min(set(changes) - set(settings))}")
        return maker(**{**settings, **changes})

    return make


def _near(name: str, known: Iterable[Any]) -> str:
    found = nearest(name, [str(one) for one in known if not str(one).startswith("_")])
    return f"; nearest: {found}" if found else ""


if __name__ == "__main__":
    sys.exit(main())
