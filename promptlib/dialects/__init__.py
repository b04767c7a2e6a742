"""The dialects: how families of models want to be spoken to. A new one is a small class in the registry."""

from __future__ import annotations

from promptlib.dialects.base import Dialect, Draft, Nearest
from promptlib.dialects.booru import Booru
from promptlib.dialects.chinese import Chinese
from promptlib.dialects.doodle import Doodle
from promptlib.dialects.sentence import Sentence
from promptlib.dialects.tags import Midjourney, Tags
from promptlib.errors import PromptlibError

__all__ = ["DIALECTS", "Dialect", "DialectError", "Draft", "Nearest", "dialect"]

DIALECTS: dict[str, Dialect] = {d.id: d for d in (Tags(), Booru(), Sentence(), Chinese(), Midjourney(), Doodle())}


class DialectError(PromptlibError):
    """A model profile asks for a dialect that does not exist."""


def dialect(name: str) -> Dialect:
    """The dialect of that name."""
    if name not in DIALECTS:
        raise DialectError(f"There is no dialect {name!r}; use one of {', '.join(DIALECTS)}.")
    return DIALECTS[name]
