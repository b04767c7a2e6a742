"""What a command is and what it answers with, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.buttons import Rows
from bot.wire import File


@dataclass(frozen=True)
class Typed:
    """A command: who, where, in which language, and the words behind it.

    Args:
        replied: the message it replies to and who wrote that one, as in `bot.messages.Incoming`.
        key: of the message.
    """

    user: str
    chat: str
    language: str
    words: tuple[str, ...] = ()
    replied: str = ""
    key: str = ""

    @property
    def replied_message(self) -> str:
        return self.replied.partition(" ")[0]

    @property
    def replied_person(self) -> str:
        return self.replied.partition(" ")[2]


@dataclass(frozen=True)
class Said:
    """The answer, with buttons and files."""

    text: str
    rows: Rows = ()
    files: Sequence[File] = ()
