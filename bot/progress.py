"""Tells those who wait how it goes: their places in the queue, a model being loaded, steps done. Knows no chat network.

All of it is nice to have: what fails is left out. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from bot import buttons, replies
from bot.assistant import Assistant
from bot.delivery import Deliveries
from bot.pace import Pace
from bot.texts import say
from bot.wire import Wire, once

#: Seconds between two edits of a message that tells how the painting goes: a group bears 20 messages a minute.
PROGRESS_SECONDS = 3.0
#: A model that is loaded within this many seconds is loaded without a word.
LOADING_SECONDS = 1.5
#: Seconds between two rounds of telling people their places in the queue, and how many are told in one.
PLACES_SECONDS, PLACES_AT_ONCE = 5.0, 10

#: A chat network shows "sending a picture" for this many seconds at most.
BUSY_SECONDS = 4.5


def _places() -> Iterator[int]:
    """The places in the queue worth telling: 1 2 3 4 5 6 7 9 11 14 18 23 29 36 45 …"""
    place = 1
    while place < 100_000:
        yield place
        place = place + 1 if place < 7 else (5 * place + 2) // 4


PLACES = frozenset(_places())


@dataclass
class Status:
    """The message that tells how a job is doing."""

    chat: str
    message: str
    language: str
    #: The place in the queue that was told last.
    place: int = sys.maxsize
    pace: Pace = field(default_factory=lambda: Pace(PROGRESS_SECONDS))
    busy: Pace = field(default_factory=lambda: Pace(BUSY_SECONDS, at_once=True))


class Progress:
    """The messages that tell how jobs are doing.

    Args:
        spawn: starts a task that nobody waits for.
        pause: waits; True when it is time to stop.
    """

    def __init__(
        self,
        assistant: Assistant,
        wire: Wire,
        deliveries: Deliveries,
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
        pause: Callable[[float], Awaitable[bool]],
    ) -> None:
        self._assistant = assistant
        self._wire = wire
        self._deliveries = deliveries
        self._spawn = spawn
        self._pause = pause
        self._statuses: dict[int, Status | None] = {}
        #: The job whose model is being loaded, and how.
        self._stage: tuple[int, str] | None = None
        self._placing = False

    def announced(self, job_id: int, status: Status) -> None:
        """A job's owner has been told that it waits."""
        self._statuses[job_id] = status

    def over(self, job_id: int) -> None:
        """Nothing more is told of a job."""
        self._statuses.pop(job_id, None)

    def ended(self) -> None:
        """The job that was painted has ended, so others move up."""
        self._stage = None
        self._queue_moved()

    def stage(self, job_id: int, name: str) -> None:
        """Tell that a model is being loaded, if that takes a while."""
        self._stage = (job_id, name)
        self._spawn(self._tell_stage(job_id, name))

    async def _tell_stage(self, job_id: int, name: str) -> None:
        if job_id not in self._statuses:
            self._statuses[job_id] = None
            await self._recall(job_id)
        if await self._pause(LOADING_SECONDS) or self._stage != (job_id, name):
            return
        if status := self._statuses.get(job_id):
            await self._retell(job_id, status, say(f"stage_{name}", status.language))

    async def _retell(self, job_id: int, status: Status, text: str) -> None:
        rows = [buttons.cancel(job_id, "", status.language)]
        await once(self._wire.rewrite(status.chat, status.message, text, rows))

    def _queue_moved(self) -> None:
        """Tell those who wait how far they have come, in a while."""
        if not self._placing:
            self._placing = True
            self._spawn(self._tell_places())

    async def _tell_places(self) -> None:
        stopping = await self._pause(PLACES_SECONDS)
        self._placing = False
        if stopping:
            return
        outlook = await once(asyncio.to_thread(self._assistant.outlook)) or {}
        chats: set[str] = set()
        for job_id, look in outlook.items():
            if look.ahead not in PLACES or len(chats) == PLACES_AT_ONCE:
                continue
            if job_id not in self._statuses:
                self._statuses[job_id] = None
                await self._recall(job_id)
            status = self._statuses.get(job_id)
            # The nearest of a chat's own: one edit for each chat and round.
            if status and look.ahead < status.place and status.chat not in chats:
                status.place = look.ahead
                chats.add(status.chat)
                await self._retell(job_id, status, replies.waiting(look, status.language))

    def step(self, job_id: int, step: int, total: int) -> None:
        """Tell a step of a job, if it is time to tell one."""
        self._stage = None
        if job_id not in self._statuses:
            self._statuses[job_id] = None
            self._spawn(self._recall(job_id))
        status = self._statuses[job_id]
        if status is None:
            return
        if status.busy.due(step):
            self._spawn(once(self._wire.busy(status.chat)))
        if step < total and status.pace.due(step):
            text = say("progress", status.language, step=step, total=total)
            self._spawn(self._retell(job_id, status, text))

    async def _recall(self, job_id: int) -> None:
        """Find the status message that was sent before a restart."""
        delivery = await once(self._deliveries.delivery(job_id))
        waits = job_id in self._statuses and self._statuses[job_id] is None
        if delivery and waits and (message := delivery.sent.get("status")):
            self._statuses[job_id] = Status(delivery.chat, message, delivery.language)
