"""Delivers what became of a job to the chat that asked for it, part after part, each of them once.

Knows no chat network and no queue: it is told that a job has ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial

from bot import buttons, replies
from bot.assistant import Assistant
from bot.errors import EaselError
from bot.gate import Gate
from bot.messages import Delivery
from bot.posting import Notes, note_posted, post_once
from bot.showing import shown_files
from bot.texts import say
from bot.wire import Post, Refused, Wire, insist

log = logging.getLogger(__name__)


class Deliveries:
    """What chats are owed.

    Args:
        gate: asked again, since time has passed: who was shut out meanwhile is sent nothing.
        pause: waits; True when it is time to stop.
    """

    def __init__(self, assistant: Assistant, wire: Wire, gate: Gate, pause: Callable[[float], Awaitable[bool]]) -> None:
        self._assistant = assistant
        self._wire = wire
        self._gate = gate
        self._pause = pause

    async def delivery(self, job_id: int) -> Delivery | None:
        """None for a job that is owed to no chat: the command line painted it."""
        try:
            return await asyncio.to_thread(self._assistant.delivery, job_id)
        except EaselError:
            return None

    async def _chat(self, job_id: int) -> str:
        delivery = await self.delivery(job_id)
        return delivery.chat if delivery else ""

    async def notes(self, job_id: int) -> Notes:
        """What was posted already of the outcome of a job."""
        delivery = await self.delivery(job_id)
        return Notes(delivery.sent if delivery else {}, partial(self._assistant.mark_sent, job_id))

    async def deliver(self, job_id: int, *, in_turn: bool = False) -> None:
        """Send what a chat has not received of an ended job, as often as it takes.

        Args:
            in_turn: whether the chat's turn is held already.

        Raises:
            Moved: the chat has another name.
        """
        try:
            chat = await insist(partial(self._chat, job_id), self._pause)
            async with nullcontext() if in_turn else self._wire.turn(chat or ""):
                if chat is None or await insist(partial(self._send_parts, job_id), self._pause) is None:
                    return  # it is time to stop; the next start goes on
        except Refused as error:
            log.warning("Job %s cannot be delivered: %s", job_id, error)
        await insist(partial(asyncio.to_thread, self._assistant.delivered, job_id), self._pause)

    async def _send_parts(self, job_id: int) -> bool:
        delivery = await self.delivery(job_id)
        if delivery is None:
            return True
        job, notes = delivery.job, await self.notes(job_id)
        await self.settle_status(_some_status(delivery), notes)
        if await asyncio.to_thread(self._gate.admits, job.owner, delivery.place):
            await self._send_outcome(delivery, notes)
        if "status" in notes:
            try:
                await self._wire.remove(delivery.chat, notes["status"])
            except Refused as error:
                log.debug("A status was gone already: %s", error)
        return True

    async def settle_status(self, post: Post, notes: Notes) -> bool:
        """Find a status of which only its mark is known, before anything else is posted in its chat.

        It stands there, or it does not; if it stayed unsure, whatever is looked for later could be taken for it.

        Args:
            post: what it says; a found one says so from then on.

        Raises:
            WireError: trying again is safe.
        """
        if "status" not in notes and "status?" in notes:
            if messages := await self._wire.find(post, notes["status?"]):
                # Noted before it is removed, since what was found once is not found again.
                await note_posted(self._wire, post.chat, "status", messages, notes)
            await notes.write("status?", "")
        return True

    async def _send_outcome(self, delivery: Delivery, notes: Notes) -> None:
        job, language = delivery.job, delivery.language
        pictures = await asyncio.to_thread(self._assistant.pictures, job.id) if job.status == "done" else []
        if pictures and "pictures" not in notes:
            await post_once(self._wire, await self._pictures(delivery), "pictures", notes)
        if "," in notes["pictures"]:
            rows, text = buttons.under_picture(job.id, language), say("album", language, count=len(pictures))
            await post_once(self._wire, Post(delivery.chat, text, rows), "buttons", notes)
        if job.status == "failed":
            text = replies.outcome(job, language)
            await post_once(self._wire, Post(delivery.chat, text, (), delivery.message), "pictures", notes)

    async def _pictures(self, delivery: Delivery) -> Post:
        job, language = delivery.job, delivery.language
        try:
            files = await asyncio.to_thread(shown_files, self._assistant, job, delivery.chat)
        except EaselError as error:
            return Post(delivery.chat, replies.explain(error, language), (), delivery.message)
        rows = buttons.under_picture(job.id, language) if len(files) == 1 else ()
        return Post(delivery.chat, replies.caption(job, language), rows, delivery.message, files)

    async def recover_status(self, job_id: int) -> None:
        """Find what became of the status of a job that has not ended; the chat's turn is held."""
        delivery = await self.delivery(job_id)
        if delivery:
            notes = await self.notes(job_id)
            await insist(partial(self.settle_status, _some_status(delivery), notes), self._pause)


def _some_status(delivery: Delivery) -> Post:
    """What any status may be made into."""
    return Post(delivery.chat, say("painting", delivery.language), (), delivery.message)
