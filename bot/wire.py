"""What easel needs of a chat network, and how it may fail. A network's own file turns its ways into these.

Chats, people and messages are named by strings: ``telegram:123`` for a chat or a person, ``17`` for a message in it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bot import metrics
from bot.buttons import Rows
from bot.pace import waits

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Telegram's limits for a photo: bytes, width and height together, the longer side by the shorter.
PHOTO_BYTES, PHOTO_SIDES, PHOTO_RATIO = 10 << 20, 10_000, 20


class WireError(Exception):
    """Base of what can go wrong on the way to a chat."""


class Refused(WireError):
    """It cannot be done, now or later: blocked by the user, message gone, nothing to change."""


class Unchanged(Refused):
    """A message is already what it was to become."""


class Moved(WireError):
    """The chat has another name now."""

    def __init__(self, chat: str) -> None:
        super().__init__(f"The chat is now {chat}")
        self.chat = chat


class Unsent(WireError):
    """It may work later; `wait` seconds where the network says so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Unsure(Unsent):
    """It may have been done: the answer was lost on the way."""


@dataclass(frozen=True)
class File:
    """A picture to send; one with a `spoiler` is seen only when somebody taps on it."""

    name: str
    data: bytes
    width: int
    height: int
    spoiler: bool = False

    @property
    def fits_photo(self) -> bool:
        """Whether it can be shown as a picture; what cannot is sent as a file."""
        long, short = max(self.width, self.height), min(self.width, self.height)
        return len(self.data) <= PHOTO_BYTES and long + short <= PHOTO_SIDES and long <= PHOTO_RATIO * short


@dataclass(frozen=True)
class Post:
    """One thing to post: a text, or pictures with a caption.

    Args:
        rows: buttons; several pictures go without.
        reply: the message it stands under.
        original: send the files as they are, metadata and all, not as pictures to look at.
    """

    chat: str
    text: str
    rows: Rows = ()
    reply: str = ""
    files: Sequence[File] = ()
    original: bool = False

    @property
    def as_photos(self) -> bool:
        return not self.original and all(file.fits_photo for file in self.files)


class Wire(Protocol):
    """Every method raises a `WireError` when it fails."""

    async def send(self, post: Post) -> list[str]:
        """Post something. Returns the messages.

        Raises:
            Unsure: it may have been posted; `find` it before trying again.
        """

    async def say(self, chat: str, text: str, rows: Rows = (), reply: str = "") -> str:
        """Post a text that is not worth looking for. Returns the message."""

    def turn(self, chat: str) -> asyncio.Lock:
        """Held while something is posted in a chat, until it is known whether it was.

        So nothing else is on its way there while one looks for what arrived.
        """

    def know(self, chat: str, message: str) -> None:
        """Told of a message that was posted before this process began."""

    def forget(self, chat: str, messages: Sequence[str]) -> None:
        """Told that messages which were just posted could not be noted, so that `find` has to find them again."""

    def mark(self, post: Post, since: str = "") -> str:
        """A place in time, to be taken before something is sent; with an earlier one, the span from that until now."""

    async def find(self, post: Post, since: str) -> list[str]:
        """The messages that an earlier try to send, after a mark or in a span, has posted; empty when it has not."""

    async def clear(self, post: Post, since: str, messages: Sequence[str]) -> None:
        """Take away what an earlier try has posted after all, farther on than `find` had reason to look.

        Args:
            since: the mark, or the span, of that try.
            messages: what the post has become now; nothing of an earlier try comes after it.
        """

    async def rewrite(self, chat: str, message: str, text: str, rows: Rows = ()) -> None:
        """Change a text that was sent, and its buttons."""

    async def relabel(self, chat: str, message: str, rows: Rows) -> None:
        """Change the buttons of a message."""

    async def remove(self, chat: str, message: str) -> None:
        """Delete a message."""

    async def busy(self, chat: str) -> None:
        """Show for a few seconds that a picture is on its way."""


async def once(call: Awaitable[T]) -> T | None:
    """Something that is nice to have: tried once."""
    try:
        return await call
    except (WireError, sqlite3.OperationalError) as error:
        log.debug("Left out: %s", error)
        return None


async def insist(call: Callable[[], Awaitable[T]], pause: Callable[[float], Awaitable[bool]]) -> T | None:
    """Something people wait for: tried until it is done; None when `pause` says that it is time to stop.

    A full disk and a locked database pass as well as a network's trouble does.

    Raises:
        Refused, Moved: trying again would not help.
    """
    for wait in waits():
        try:
            return await call()
        except (Unsent, sqlite3.OperationalError) as error:
            seconds = (error.wait if isinstance(error, Unsent) else None) or wait
            metrics.RETRIES.inc()
            log.warning("Not done (%s); trying again in %.0f s", error, seconds)
            if await pause(seconds):
                break
    return None
