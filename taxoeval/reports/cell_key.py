"""What the numbers of a cell depend on: vectors, labels, taxonomy, and the settings of its task with their files."""

import hashlib
import json
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taxoeval.reports.cell_store import content_of_files
from taxoeval.reports.provenance import host
from taxoeval.tasks import Subject, Task

if TYPE_CHECKING:
    from taxoeval.encoders import Encoder


def task_settings(config: Mapping[str, Any], key: str, asked: Task) -> dict[str, Any]:
    """What the numbers of a task depend on besides vectors and labels; nothing where that is not on record."""
    task = config.get("task", {}).get(key)
    if task is None:
        return {}
    settings = {"task": task, "decoding": config.get("decoding")}
    if getattr(asked, "of_this_machine", False):
        settings["machine"] = {"name": platform.node(), **host()}
    return {**settings, "files": content_of_files(settings)}


def given(subject: Subject, encoder: "Encoder") -> dict[str, Any]:
    """What identifies the vectors and the labels that the tasks are given."""
    hasher = hashlib.sha256()
    images = subject.embeddings
    groups = [] if subject.group is None else subject.group.tolist()
    for part in (
        images.sample.tolist(),
        images.taxon.tolist(),
        list(subject.common_name),
        subject.label.tolist(),
        groups,
    ):
        hasher.update(json.dumps(part).encode() + b"\n")
    return {
        "vectors": images.source,
        "encoder": dict(encoder.fingerprint),
        "labels": hasher.hexdigest(),
        "taxonomy": subject.taxonomy.digest,
    }
