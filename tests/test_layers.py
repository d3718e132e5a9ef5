"""The floors of the house: a file imports only what lies below it, and rooms of one floor leave each other alone."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "taxoeval"

FLOOR = {
    "errors": -1,
    "parallel": -1,
    "taxonomy": 0,
    "metrics": 1,
    "decoding": 1,
    "structure": 1.5,  # its intervals over images come from metrics.statistics
    "records": 2,
    "resume": 1,
    "downloads": 2,
    "datasets": 3,
    "encoders": 3,
    "prompts": 3,
    "embedding": 4,
    "tasks": 5,
    "subject": 5.5,
    "reports": 6,
    "subjects": 6.5,
    "evaluation": 7,
    "compare": 7,
    "report": 7,
    "__main__": 8,
}


def room(module: str) -> str:
    """The room of a module such as ``taxoeval.metrics.hits``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports():
    """Each (file, its room, room it imports), also those inside functions."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.parent == PACKAGE and file.stem == "__init__":
            continue
        own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "taxoeval":
                names = (
                    [f"taxoeval.{alias.name}" for alias in node.names] if node.module == "taxoeval" else [node.module]
                )
                yield from ((file, own, room(name)) for name in names)
            elif isinstance(node, ast.Import):
                yield from ((file, own, room(a.name)) for a in node.names if a.name.startswith("taxoeval."))


def test_every_import_goes_down():
    seen = list(imports())
    assert len(seen) > 100
    wrong = [
        f"{file.relative_to(PACKAGE)} ({own}) imports {other}"
        for file, own, other in seen
        if other not in (own, "Taxonomy", "Tree", "TaxoevalError", "__version__", "__init__")
        and FLOOR[other] >= FLOOR[own]
    ]
    assert wrong == []


def test_one_file_knows_hydra_and_one_knows_wandb():
    def importers(library):
        return {
            file.relative_to(PACKAGE).as_posix()
            for file in PACKAGE.rglob("*.py")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if (isinstance(node, ast.Import) and any(a.name.split(".")[0] == library for a in node.names))
            or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library)
        }

    assert importers("hydra") == {"__main__.py"}
    assert importers("wandb") == {"reports/wandb_process.py"}
