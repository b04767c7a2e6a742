"""What goes between a front and the assistant: plain data without any chat library's objects."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.jobs import Job


@dataclass(frozen=True)
class Incoming:
    """One message of a person.

    Args:
        key: identifies the message for ever, such as ``telegram:<update_id>``; the same key is answered once.
        chat: where to answer, such as ``telegram:<chat_id>``.
        user: who wrote, such as ``telegram:<user_id>``.
        text: what they wrote.
        language: ``zh`` or ``en``, as far as the front knows; the text itself decides where it can.
        message: the front's id of the message, to reply to.
    """

    key: str
    chat: str
    user: str
    text: str
    language: str = "en"
    message: str = ""


@dataclass(frozen=True)
class Answer:
    """What to say at once. With a `job`, its pictures come later; `position` is its place in the queue (1 = next)."""

    text: str
    language: str
    job: Job | None = None
    position: int = 0


@dataclass(frozen=True)
class Delivery:
    """A finished (done or failed) job whose outcome a chat has not fully received.

    `sent` maps what was sent already to the front's message ids, such as ``{"pictures": "17"}``.
    """

    job: Job
    chat: str
    message: str
    language: str
    sent: dict[str, str]


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
