"""What to call the entries of a block, so that no two have one name."""

from collections.abc import Callable

from taxoeval.compare.blocks import Block, Entry

_TOLD: tuple[Callable[[Entry], str], ...] = (
    lambda entry: entry.name,
    lambda entry: f"{entry.name}, {entry.started}",
    lambda entry: f"{entry.name}, {entry.run.folder}",
)
"""What tells two encoders of one name apart: the first of these that does."""


def labels(block: Block) -> list[str]:
    """One name per entry: the encoder's, with its prompts or its run where that is needed to tell two apart.

    Parameters
    ----------
    block
        Of a comparison.
    """
    own = [_with(entry, block.variants.get(i, "")) for i, entry in enumerate(block.entries)]
    for told in _TOLD:
        twice = {name for name in own if own.count(name) > 1}
        if not twice:
            break
        new = [
            _with(entry, ", ".join(part for part in (block.variants.get(i, ""), told(entry)) if part))
            for i, entry in enumerate(block.entries)
        ]
        own = [long if short in twice else short for short, long in zip(own, new, strict=True)]
    return own


def _with(entry: Entry, told: str) -> str:
    name = f"{entry.encoder} (control)" if entry.role == "control" else entry.encoder
    return f"{name}, {told}" if told else name
