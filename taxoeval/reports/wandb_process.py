"""The child process that talks to W&B: reads one message from its standard input, logs one run, says what became of it.

A process of its own, because wandb 0.31 may wait for ever in ``finish`` when its server dies at the wrong moment,
whatever its timeouts say; because its settings are those of a whole process (its data folder, its mode, the one global
run); and because it writes to the terminal. The parent kills this process when time is up and loses nothing.

It imports the standard library and wandb only, and is started as a file, so that it starts quickly.
"""

import gc
import json
import netrc
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Say = Callable[..., None]

SETTINGS: Mapping[str, Any] = {
    "silent": True,
    "console": "off",
    "host": "",  # nobody needs to know the computer's name
    "disable_git": True,  # the configuration holds commit and state; W&B would add the repository's address and changes
    "disable_code": True,
    "finish_timeout_raises": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
    "x_transaction_log_flush_interval": 1,
}
"""Settings of every run; those this version of wandb does not know are left out."""


REFUSALS: Mapping[int, str] = {
    401: "the server does not accept the key",
    402: "the account is over its quota",
    403: "the key may not write there",
    404: "the server knows no such entity or project",
}
"""What a server means that will not have a run."""


def main() -> None:
    """Log the run that standard input describes; lines of JSON on standard output tell how far it came."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever wandb prints must not mix with the answers

    def say(**facts: Any) -> None:
        answers.write(json.dumps(facts) + "\n")
        answers.flush()

    try:
        get_ready()
        log(json.load(sys.stdin), say)
    except Exception as error:
        say(reason=f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}")
        sys.stderr.flush()
        os._exit(1)  # the usual way out would wait for the server once more


def get_ready() -> None:
    """What can be done before the message is there: import wandb, start its service."""
    gc.disable()  # so short a life needs no collection, which takes a tenth of it
    # Without pandas, wandb does not import it (0.3 s) to find out that no table of ours is a data frame.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    # With this in place it does not import its job launcher (0.2 s) to find out that nobody staged inputs for a job.
    launcher = types.ModuleType("wandb.sdk.launch.inputs.internal")
    launcher.StagedLaunchInputs = _NoLaunchInputs  # type: ignore[attr-defined]
    sys.modules[launcher.__name__] = launcher
    import wandb

    wandb.setup(settings=wandb.Settings(silent=True))


class _NoLaunchInputs:
    """Inputs for a job of W&B's launcher, of which there are none."""

    def apply(self, run: Any) -> None:
        """Leave the run as it is."""


def log(message: Mapping[str, Any], say: Say) -> None:
    """Log one run: configuration, summary, charts, tables, figures, artifacts.

    Parameters
    ----------
    message
        ``init`` (arguments of ``wandb.init``, its mode perhaps ``auto``), ``timeout``, ``summary``, ``by_rank`` (rows
        of a line over ``rank_depth``), ``charts`` (``key, title, xname, x, y, names``), ``tables`` (``columns``,
        ``data``, ``image``: a column of paths, or None), ``figures`` (paths by name), ``page`` (of HTML, or None),
        ``artifacts`` (by name: ``kept`` files, which stay where they are, and ``copied`` ones), ``exit_code``.
    say
        Called with what is known so far: ``run_id, mode, path, url`` once the run exists, ``done`` at the end,
        ``reason`` if something did not arrive.
    """
    import wandb

    half = message["timeout"] / 2
    wanted = {**SETTINGS, "init_timeout": min(half, 30.0), "finish_timeout": half}
    settings = {key: value for key, value in wanted.items() if key in wandb.Settings.model_fields}
    init = dict(message["init"])
    if init["mode"] == "auto":
        init["mode"] = "online" if has_credentials(wandb.setup().settings) else "offline"
    try:
        run = wandb.init(**init, settings=wandb.Settings(**settings), reinit="finish_previous")
    except wandb.errors.CommError as error:
        if refusal := refused(Path(init["dir"]) / "wandb"):
            raise ConnectionError(refusal) from error
        raise
    folder = Path(run.dir).parent
    say(run_id=run.id, mode=init["mode"], path=str(folder), url=run.url or "")
    exit_code = 1
    try:
        run.summary.update(message["summary"])
        _draw(run, message)
        for name, files in message["artifacts"].items():
            run.log_artifact(_artifact(f"{name}-{run.id}", name, files))
        exit_code = message["exit_code"]
    finally:
        run.finish(exit_code=exit_code)
    reason = upload_fault(folder) if init["mode"] == "online" else ""
    say(done=True, **({"reason": reason} if reason else {}))


def _draw(run: Any, message: Mapping[str, Any]) -> None:
    """Everything that W&B shows: lines over ranks first, which need a row of the history for each rank."""
    import wandb

    # hidden: a panel of its own for each would be hundreds; ours are the charts, and the dashboard lays runs over runs
    run.define_metric("rank_depth", hidden=True, summary="none")
    run.define_metric("by_rank/*", step_metric="rank_depth", hidden=True, summary="none")
    for row in message["by_rank"]:
        run.log(row)
    shown: dict[str, Any] = {}
    for chart in message["charts"]:
        shown[chart["key"]] = wandb.plot.line_series(
            chart["x"], chart["y"], keys=chart["names"], title=chart["title"], xname=chart["xname"]
        )
    shown |= {name: _table(table) for name, table in message["tables"].items()}
    shown |= {name: wandb.Image(file) for name, file in message["figures"].items()}
    if message["page"]:
        shown["report"] = wandb.Html(message["page"], inject=False)
    run.log(shown)


def _table(message: Mapping[str, Any]) -> Any:
    """A table; its types are found from rows that show every kind of value, as all rows would take a second."""
    import wandb

    rows = [list(row) for row in message["data"]]
    if message["image"] is not None:
        column = message["columns"].index(message["image"])
        pictures = {file: wandb.Image(file) for file in dict.fromkeys(row[column] for row in rows)}
        for row in rows:
            row[column] = pictures[row[column]]
    seen: set[tuple[int, type]] = set()
    telling = []
    for row in rows:
        kinds = {(i, type(value)) for i, value in enumerate(row)}
        if not kinds <= seen:
            telling.append(row)
            seen |= kinds
    table = wandb.Table(columns=message["columns"], data=telling)
    table.data = rows
    return table


def _artifact(name: str, kind: str, files: Mapping[str, Mapping[str, str]]) -> Any:
    import wandb

    artifact = wandb.Artifact(name, type=kind)
    for path, file in files["kept"].items():
        artifact.add_file(file, name=path, policy="immutable")
    for path, file in files["copied"].items():
        artifact.add_file(file, name=path, policy="mutable")
    return artifact


def key_is_set() -> bool:
    """Whether wandb would find a key here; see `has_credentials`."""
    import wandb

    return has_credentials(wandb.setup(settings=wandb.Settings(silent=True)).settings)


def has_credentials(settings: Any) -> bool:
    """Whether wandb would find a key: in the environment, in a settings file, or in a netrc file for its server."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE") or settings.api_key:
        return True
    places = [os.environ.get("NETRC", ""), "~/.netrc", "~/_netrc"]
    file = next((path for place in places if place and (path := Path(place).expanduser()).is_file()), None)
    try:
        found = netrc.netrc(file).authenticators(urlsplit(settings.base_url).netloc) if file else None
    except (OSError, netrc.NetrcParseError):
        return False
    return bool(found and found[2])


def refused(folder: Path) -> str:
    """Why the server would not take a run, by the log of the newest one; ``""`` if the log tells nothing of the kind.

    The exception alone has no message.
    """
    newest = max(folder.glob("run-*"), key=lambda run: run.stat().st_mtime_ns, default=folder)
    for record in _log(newest):
        if record.get("status") in REFUSALS:
            return f"{REFUSALS[record['status']]} (HTTP {record['status']})"
    return ""


def upload_fault(folder: Path) -> str:
    """The first upload that was given up, by the log of wandb's service; ``""`` if all arrived.

    A server that refuses a file for good (quota, permission) makes ``finish`` neither wait nor fail: only the log
    tells.
    """
    for record in _log(folder):
        told = str(record.get("msg", ""))
        # a failed request alone may have been repeated with success
        if told and str(record.get("level", "")).startswith("ERROR") and not told.startswith("api: "):
            return f"not everything was uploaded: {' '.join(told.split())}"
    return ""


def _log(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Records of the log of wandb's service; what is no record is passed over."""
    try:
        lines = (folder / "logs" / "debug-internal.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


if __name__ == "__main__":
    main()
