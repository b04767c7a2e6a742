"""What goes between a front and the assistant: plain data without any chat library's objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.buttons import Rows
from bot.wire import File
from pipeline.jobs import Job

#: What a person can send: words to answer, a pressed button, a command, something that is no text.
REQUEST, PRESS, COMMAND, OTHER = "request", "press", "command", "other"


@dataclass(frozen=True)
class Incoming:
    """One message of a person.

    Args:
        key: identifies the message for ever, such as ``telegram:<update_id>``; the same key is answered once.
        chat: where to answer, such as ``telegram:<chat_id>``.
        user: who wrote, such as ``telegram:<user_id>``.
        text: what they wrote, or what the button carries.
        language: ``zh`` or ``en``, as far as the front knows; the text itself decides where it can.
        message: the front's id of the message, to reply to; of a pressed button, the one it hangs on.
        kind: REQUEST, PRESS, COMMAND or OTHER.
        replied: the message it replies to and who wrote that one, such as ``17 telegram:1``.
    """

    key: str
    chat: str
    user: str
    text: str
    language: str = "en"
    message: str = ""
    kind: str = REQUEST
    replied: str = ""

    @property
    def private(self) -> bool:
        """Whether nobody else is in the chat."""
        return is_private(self.user, self.chat)

    @property
    def place(self) -> str:
        """The group it was written in; empty in private."""
        return "" if self.private else self.chat


def is_private(user: str, chat: str) -> bool:
    """Whether nobody else is in a chat: then it has its person's name.

    A group's own name, a negative number, stands for its anonymous admins: that is not private.
    """
    return chat == user and ":-" not in chat


@dataclass(frozen=True)
class Answer:
    """What to say at once, with buttons. With a `job`, its pictures come later; `position` is its
    place in the queue (1 = next).
    """

    text: str
    language: str
    job: Job | None = None
    position: int = 0
    rows: Rows = ()
    files: tuple[File, ...] = ()


def unsure(noted: Mapping[str, str]) -> bool:
    """Whether a part may have been posted, or not: its mark is noted, and no message."""
    begun = (part.removesuffix("?") for part, mark in noted.items() if part.endswith("?") and mark)
    return not all(noted.get(part) for part in begun)


@dataclass(frozen=True)
class Delivery:
    """A job whose outcome a chat has not fully received.

    `sent` maps what was sent already to the front's message ids, such as ``{"pictures": "17"}``.
    """

    job: Job
    chat: str
    message: str
    language: str
    sent: dict[str, str]

    @property
    def place(self) -> str:
        """The group it was asked for in; empty in private."""
        return "" if is_private(self.job.owner, self.chat) else self.chat

    @property
    def unsure(self) -> bool:
        """Whether something of it may have been posted, or not."""
        return unsure(self.sent)


@dataclass(frozen=True)
class Rated:
    """The state after a rating: this person's value (0 = withdrawn), all ratings of the prompt, its new score."""

    value: int
    ratings: int
    score: float


@dataclass(frozen=True)
class ChatSettings:
    """What a chat has chosen: model, whether its words are left alone, how much is borrowed from the library."""

    model: str
    raw: bool = False
    amount: str = "little"
    language: str = ""
