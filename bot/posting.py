"""Posts what people wait for once: noted before and after, and looked for where it is not known what became of it.

No chat network lets a sender name a message so that it can be sent twice and arrive once. Knows no chat library.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from bot.errors import PicturesGone
from bot.wire import File, Post, Unsure, Wire, WireError, insist, once
from pipeline.jobs import Job, Picture


class Notes:
    """What is known of the parts of one answer; outlives the process.

    Args:
        noted: parts and their messages, such as ``{"pictures": "17,18"}``. ``pictures?`` is the mark that was taken
            before a try whose outcome is not known, or the span of that try.
        keep: stores a part; blocks.
    """

    def __init__(self, noted: Mapping[str, str], keep: Callable[[str, str], None]) -> None:
        self._noted = dict(noted)
        self._keep = keep

    def __contains__(self, part: str) -> bool:
        return bool(self._noted.get(part))

    def __getitem__(self, part: str) -> str:
        return self._noted.get(part, "")

    async def write(self, part: str, value: str) -> None:
        await asyncio.to_thread(self._keep, part, value)
        self._noted[part] = value


async def post_once(wire: Wire, post: Post, part: str, notes: Notes) -> None:
    """Post a part that has not been posted, by an earlier try or before a crash.

    Raises:
        WireError: trying again is safe.
    """
    if part in notes:
        return
    begun = f"{part}?"
    earlier = notes[begun]
    messages = await wire.find(post, earlier) if earlier else []
    if not messages:
        mark = wire.mark(post)
        await notes.write(begun, mark)
        try:
            messages = await wire.send(post)
        except Unsure:
            await notes.write(begun, wire.mark(post, mark))
            raise
        except WireError:
            await notes.write(begun, "")
            raise
        if earlier:
            await once(wire.clear(post, earlier, messages))
    await note_posted(wire, post.chat, part, messages, notes)


async def note_posted(wire: Wire, chat: str, part: str, messages: Sequence[str], notes: Notes) -> None:
    """Note what a part became.

    Raises:
        sqlite3.OperationalError: that cannot be stored now, so the next try has to find it.
    """
    try:
        await notes.write(part, ",".join(messages))
    except sqlite3.OperationalError:
        wire.forget(chat, messages)
        raise


async def insist_once(
    wire: Wire, post: Post, part: str, notes: Notes, pause: Callable[[float], Awaitable[bool]], *, in_turn: bool = False
) -> bool:
    """Post a part as soon as it can be; False when it is time to stop.

    Args:
        in_turn: whether the chat's turn is held already.

    Raises:
        Refused, Moved: trying again would not help.
    """

    async def attempt() -> bool:
        await post_once(wire, post, part, notes)
        return True

    async with nullcontext() if in_turn else wire.turn(post.chat):
        return await insist(attempt, pause) is not None


def read_files(job: Job, pictures: Sequence[Picture]) -> list[File]:
    """The files of a job's pictures.

    Raises:
        PicturesGone: they were deleted.
    """
    try:
        return [
            File(f"easel-{job.id}-{picture.position}.png", Path(picture.path).read_bytes(), job.width, job.height)
            for picture in pictures
        ]
    except FileNotFoundError as error:
        raise PicturesGone(f"The pictures of job {job.id} were deleted; ask for them again.") from error
