"""The child process that talks to W&B: reads one message from its standard input, logs one run, says what became of it.

A process of its own, because wandb 0.31 may wait for ever in ``finish`` when its server dies at the wrong moment,
whatever its timeouts say; because its settings are those of a whole process (its data folder, its mode, the one global
run); and because it writes to the terminal. The parent kills this process when time is up and loses nothing.

It imports the standard library and wandb only, and is started as a file, so that it starts quickly.
"""

import json
import netrc
import os
import sys
from collections.abc import Callable, Mapping
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


def main() -> None:
    """Log the run that standard input describes; lines of JSON on standard output tell how far it came."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever wandb prints must not mix with the answers

    def say(**facts: Any) -> None:
        answers.write(json.dumps(facts) + "\n")
        answers.flush()

    try:
        log(json.load(sys.stdin), say)
    except Exception as error:
        say(reason=f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}")
        sys.stderr.flush()
        os._exit(1)  # the usual way out would wait for the server once more


def log(message: Mapping[str, Any], say: Say) -> None:
    """Log one run: configuration, summary, table, artifact.

    Parameters
    ----------
    message
        ``init`` (arguments of ``wandb.init``, its mode perhaps ``auto``), ``timeout``, ``summary``, ``table``
        (``columns`` and ``data``), ``artifact`` (``name``, ``kept`` files, which stay where they are, and ``copied``
        ones), ``exit_code``.
    say
        Called with what is known so far: ``run_id, mode, path, url`` once the run exists, ``done`` at the end,
        ``reason`` if something did not arrive.
    """
    import wandb

    half = message["timeout"] / 2
    wanted = {**SETTINGS, "init_timeout": min(half, 30.0), "finish_timeout": half}
    settings = {key: value for key, value in wanted.items() if key in wandb.Settings.model_fields}
    wandb.setup(settings=wandb.Settings(silent=True))
    init = dict(message["init"])
    if init["mode"] == "auto":
        init["mode"] = "online" if has_credentials(wandb.setup().settings) else "offline"
    run = wandb.init(**init, settings=wandb.Settings(**settings), reinit="finish_previous")
    folder = Path(run.dir).parent
    say(run_id=run.id, mode=init["mode"], path=str(folder), url=run.url or "")
    exit_code = 1
    try:
        run.summary.update(message["summary"])
        run.log({"scores": wandb.Table(columns=message["table"]["columns"], data=message["table"]["data"])})
        run.log_artifact(_artifact(message["artifact"], run.id))
        exit_code = message["exit_code"]
    finally:
        run.finish(exit_code=exit_code)
    reason = upload_fault(folder) if init["mode"] == "online" else ""
    say(done=True, **({"reason": reason} if reason else {}))


def _artifact(message: Mapping[str, Any], run_id: str) -> Any:
    import wandb

    artifact = wandb.Artifact(f"{message['name']}-{run_id}", type="results")
    for file in message["kept"]:
        artifact.add_file(file, policy="immutable")
    for file in message["copied"]:
        artifact.add_file(file, policy="mutable")
    return artifact


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


def upload_fault(folder: Path) -> str:
    """The first upload that was given up, by the log of wandb's service; ``""`` if all arrived.

    A server that refuses a file for good (quota, permission) makes ``finish`` neither wait nor fail: only the log
    tells.
    """
    try:
        lines = (folder / "logs" / "debug-internal.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        told = str(record.get("msg", "")) if isinstance(record, dict) else ""
        # a failed request alone may have been repeated with success
        if told and str(record.get("level", "")).startswith("ERROR") and not told.startswith("api: "):
            return f"not everything was uploaded: {' '.join(told.split())}"
    return ""


if __name__ == "__main__":
    main()
