"""Options that are names: an unknown one lists the known ones."""

from enum import StrEnum


class Name(StrEnum):
    """A `StrEnum` whose error says what may be written instead."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"unknown {cls.__name__.lower()} {value!r}; it must be one of {', '.join(cls)}")
