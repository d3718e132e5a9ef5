"""The command line: compose the configuration, build what it names, run it. The only file that knows Hydra."""

import difflib
import inspect
import json
import logging
import math
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from taxoeval.embedding import processes
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    from taxoeval.reports.run import Status

KEYS = ("encoder", "control", "dataset", "task", "prompts", "decoding", "logger", "runtime", "name")
"""What a configuration may hold at its top level."""

_ended: "list[Status]" = []  # how each job of this process ended

_SWEEP = "TAXOEVAL_SWEEP"  # folder and number of jobs of the sweep that this process began


def config_folder() -> Path:
    """Where the configuration lives: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "configs", here.parent / "configs"):
        if (folder / "config.yaml").is_file():
            return folder
    raise TaxoevalError(
        f"the configs folder is neither inside nor beside {here.name}/: the installation is incomplete; install again"
    )


def main() -> None:
    """Run ``taxoeval``; the exit status is 0 if every job gave results, 1 if one failed, 2 if one had only refusals."""
    _ended.clear()
    os.environ.pop(_SWEEP, None)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us instead of being printed with advice that does not apply
    if processes.is_first():
        _launch()
    else:
        _assist()
    if _SWEEP in os.environ:
        sys.exit(_end_of_sweep(*os.environ.pop(_SWEEP).rsplit("\t", 1)))
    if "failed" in _ended:
        sys.exit(1)
    if "unsupported" in _ended:
        sys.exit(2)


def _launch() -> None:
    """Hand over to Hydra; of a sweep that has begun, the files of its jobs tell the end, whatever is raised."""
    try:
        hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="config")(_job)()
    except (HydraException, OmegaConfBaseException, TaxoevalError) as error:
        for line in list(_hints(sys.argv[1:])) or [f"taxoeval: {_one_line(error)}"]:
            print(line, file=sys.stderr)
        if _SWEEP not in os.environ:
            sys.exit(1)
    except OSError as error:
        if _ended:
            raise
        sys.exit(f"taxoeval: the folder for the results cannot be made: {error}; choose another with hydra.run.dir=...")
    except Exception as error:
        if _SWEEP not in os.environ:
            raise
        # a scheduler's word for a job that was killed or ran out of time
        print(f"taxoeval: the launcher gave up: {type(error).__name__}: {_one_line(error)[:300]}", file=sys.stderr)


def _assist() -> None:
    """Compute vectors with the first process of a launch; what else this one would write goes where nobody looks."""
    overrides = [i for i, a in enumerate(sys.argv) if i and a[0] != "-" and ("=" in a or a[0] in "~+")]
    after = max(overrides, default=0) + 1
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[after:after] = [f"hydra.run.dir={folder}", f"hydra.sweep.dir={folder}"]
        _launch()
        logging.shutdown()
    os.environ.pop(_SWEEP, None)


class SweepBegins:
    """Notes where a sweep writes and how many jobs it has, for its end: jobs may run in other processes."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda **_: None  # the other events
        raise AttributeError(name)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra in the process that launches the jobs."""
        params = config.hydra.sweeper.get("params") or {}  # of an experiment that is a sweep of its own
        given = [f"{key}={value}" for key, value in params.items()] + list(config.hydra.overrides.task)
        overrides = OverridesParser.create().parse_overrides(given)
        swept = {o.get_key_element(): len(list(o.sweep_iterator())) if o.is_sweep_override() else 1 for o in overrides}
        jobs = math.prod(swept.values())
        os.environ[_SWEEP] = f"{Path(config.hydra.sweep.dir).resolve()}\t{jobs}"


def _end_of_sweep(folder: str, jobs: str) -> int:
    """Say how the jobs ended and put their numbers side by side; what counts is the files they left."""
    from taxoeval.compare.__main__ import compare
    from taxoeval.compare.sweep import exit_code, job_ends, told

    place = Path(folder)
    ends = job_ends(place, int(jobs)) if place.is_dir() else []
    if any(end.status == "ok" for end in ends):
        try:
            compare([place], outputs=[place / f"comparison.{kind}" for kind in ("html", "csv", "md")])
        except TaxoevalError as error:
            print(f"taxoeval: {_one_line(error)}", file=sys.stderr)
    print()
    for line in told(ends):
        print(line)
    return exit_code(ends)


def _job(cfg: DictConfig) -> None:
    """One evaluation; an error ends it with one line and a note on disk, and the other jobs of a sweep go on."""
    if "SLURM_JOB_ID" in os.environ:
        # a scheduler that takes the job back ends all its processes at once; to go on would be to report as a failure
        # that those which read images died. What is stored by then is found again when the job runs anew.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    try:
        _ended.append(_evaluate(cfg))
    except (TaxoevalError, OmegaConfBaseException) as error:
        _ended.append("failed")
        _note_failure(_one_line(error))
        print(f"taxoeval: {_one_line(error)}", file=sys.stderr)
    except BaseException as error:
        _ended.append("failed")
        _note_failure(f"{type(error).__name__}: {_one_line(error)}")
        raise


def _note_failure(reason: str) -> None:
    """Leave the reason where the end of a sweep looks for it; without a folder there is nowhere to."""
    with suppress(OSError):
        folder = Path(HydraConfig.get().runtime.output_dir)
        (folder / "failed.json").write_text(json.dumps({"reason": reason}) + "\n", encoding="utf-8")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _evaluate(cfg: DictConfig) -> "Status":
    from taxoeval.evaluation import evaluate

    _refuse_unknown("", cfg, KEYS)
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise TaxoevalError(f"the configuration lacks {', '.join(missing)}: give {missing[0]}=...")
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)  # noqa: S101 - the primary configuration is a mapping
    hydra_config = HydraConfig.get()
    sweep = hydra_config.sweep.dir if hydra_config.mode == RunMode.MULTIRUN else None
    return evaluate(
        encoders={role: _Maker(role, cfg[role]) for role in ("encoder", "control") if cfg.get(role)},
        dataset=_Maker("dataset", cfg.dataset),
        decoding=_build("decoding", cfg.decoding),
        tasks={str(key): _build(f"task.{key}", node) for key, node in cfg.task.items()},
        logger=_build("logger", cfg.logger),
        runtime=_build("runtime", cfg.runtime),
        folder=Path(hydra_config.runtime.output_dir),
        name=cfg.name,
        group=Path(sweep).name if sweep else None,
        config={str(key): value for key, value in config.items()},
    )


class _Maker:
    """A part of the configuration, built when called; wrong keys are refused at once."""

    def __init__(self, where: str, node: DictConfig) -> None:
        self.where, self.node = where, node
        _check_call(where, node)

    def __call__(self) -> Any:
        return _build(self.where, self.node)


def _build(where: str, node: DictConfig) -> Any:
    _check_call(where, node)
    try:
        return hydra.utils.instantiate(node, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, TaxoevalError):
            raise error.__cause__ from None
        raise


def _check_call(where: str, node: Any) -> None:
    """Refuse keys that are no argument of the target, with the nearest right one; also those below it."""
    if not isinstance(node, DictConfig):
        raise TaxoevalError(f"{where}={node!r} is not one of its configurations; see `python -m taxoeval --help`")
    if "_target_" in node:
        try:
            target = hydra.utils.get_object(node["_target_"])
        except ImportError as error:
            raise TaxoevalError(f"{where}._target_={node['_target_']!r} cannot be imported: {error}") from None
        _refuse_unknown(f"{where}.", node, (*inspect.signature(target).parameters, "_target_"))
    for key in map(str, node):
        if not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
            _check_call(f"{where}.{key}", node[key])


def _refuse_unknown(prefix: str, node: DictConfig, known: tuple[str, ...]) -> None:
    for key in map(str, node):
        if key not in known:
            listed = ", ".join(sorted(k for k in known if not k.startswith("_")))
            raise TaxoevalError(f"{prefix}{key} is no setting{_nearest(key, known, prefix)} (there are {listed})")


def _nearest(key: str, known: Mapping[str, Any] | tuple[str, ...], prefix: str = "") -> str:
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def _hints(arguments: list[str]) -> Iterator[str]:
    """For each override that names no group option and no key, the nearest one that exists."""
    folders = [config_folder()] + [Path(folder) for folder in _option(arguments, "--config-dir", "-cd")]
    options = {
        group: sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
        for group in (*(key for key in KEYS if key not in ("control", "name")), "experiment")
    }
    overrides = [
        argument.lstrip("+~").split("=", 1) for argument in arguments if "=" in argument and argument[0] != "-"
    ]
    chosen = [
        f"{key}={value}"
        for key, value in overrides
        if key in options and all(choice in options[key] for choice in _choices(value))
    ]
    try:
        with hydra.initialize_config_dir(str(config_folder()), version_base="1.3"):
            keys = list(_flat(OmegaConf.to_container(hydra.compose("config", chosen), resolve=False)))
    except HydraException:
        return  # Hydra has said what is wrong; a guess would only hide it
    for key, value in overrides:
        group = key.split("@")[0]
        if group in options:
            for choice in _choices(value):
                if choice not in (*options[group], "null"):
                    near = _nearest(choice, tuple(options[group]), f"{group}=")
                    yield f"taxoeval: there is no {group}={choice}{near}"
        elif key.split(".")[0] != "hydra" and key not in keys:
            yield f"taxoeval: {key} is no setting{_nearest(key, tuple(keys))}"


def _choices(value: str) -> list[str]:
    return [choice.strip() for choice in value.strip("[]").split(",") if choice.strip()]


def _option(arguments: list[str], *names: str) -> Iterator[str]:
    for name, value in pairwise(arguments):
        if name in names:
            yield value


def _flat(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from _flat(value, f"{prefix}{key}.")


if __name__ == "__main__":
    main()
