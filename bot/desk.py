"""The desk: lets in and answers what comes, and sends what was painted. Knows no chat network.

Each part of an answer is noted when it is sent, so a restart goes on where a crash stopped. Everything runs in one
event loop; the assistant blocks, so it is called in threads.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from bot import buttons, metrics, replies
from bot.assistant import Assistant
from bot.commands import obey
from bot.delivery import Deliveries
from bot.errors import EaselError
from bot.gate import Gate
from bot.messages import COMMAND, OTHER, PRESS, REQUEST, Answer, Delivery, Incoming, unsure
from bot.posting import Notes, insist_once, post_once
from bot.progress import Progress, Status
from bot.settings import Settings
from bot.texts import language_of, say
from bot.wire import Moved, Post, Refused, Unsent, Wire, insist, once
from pipeline.errors import NoSuchJob, PipelineError
from pipeline.jobs import Job
from promptlib.errors import PromptlibError

log = logging.getLogger(__name__)

#: Errors whose text is meant for people; all others go into the log.
DELIBERATE = (EaselError, PipelineError, PromptlibError)


class Desk:
    """Between an assistant and a wire.

    Args:
        front: what names of this wire's chats begin with.
        settings: of the assistant.
        make: makes the assistant.
        wire: the way to the chats.
        spawn: starts a task that nobody waits for.
    """

    def __init__(
        self,
        front: str,
        settings: Settings,
        make: Callable[..., Assistant],
        wire: Wire,
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
    ) -> None:
        self.front = front
        self.wire = wire
        self.spawn = spawn
        self.closing = asyncio.Event()
        self.assistant = make(
            settings,
            on_stage=self._from_worker(lambda *told: self._progress.stage(*told)),
            on_progress=self._from_worker(lambda *told: self._progress.step(*told)),
            on_ended=self._from_worker(self.ended),
        )
        self._gate = Gate(settings, self.assistant.is_blocked)
        self._deliveries = Deliveries(self.assistant, wire, self._gate, self.pause)
        self._progress = Progress(self.assistant, wire, self._deliveries, spawn, self.pause)
        # What came in since the start: networks repeat themselves.
        self._seen: deque[str] = deque(maxlen=4096)
        # Messages whose answers hold the turn of their chats already.
        self._settling: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        # Answering takes seconds while the embedder is loaded; nothing else must wait for that.
        # A language model on a server is only waited for, so more may wait for it side by side.
        self._answering = ThreadPoolExecutor(8 if settings.llm_url else 2, "easel-answer")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _from_worker(self, callback: Callable[..., None]) -> Callable[..., None]:
        """The callback, called from the worker's thread and run in the loop."""

        def passed_on(*told: Any) -> None:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(callback, *told)

        return passed_on

    async def open(self, serve: Callable[[Incoming], Coroutine[Any, Any, Any]]) -> None:
        """Serve and deliver what a crash left behind, and begin to paint."""
        self._loop = asyncio.get_running_loop()
        for chat, message in await asyncio.to_thread(self.assistant.latest, self.front):
            self.wire.know(chat, message)
        await self._settle()
        await self._serve_waiting(serve)
        await asyncio.to_thread(self._cancel_for_strangers)
        await self.catch_up()
        await asyncio.to_thread(self.assistant.start)

    async def _serve_waiting(self, serve: Callable[[Incoming], Coroutine[Any, Any, Any]]) -> None:
        """Serve what was stored and not answered; in each chat first the answer that may have been posted."""
        chats: dict[str, list[Incoming]] = {}
        for incoming in await asyncio.to_thread(self.assistant.waiting):
            if not incoming.chat.startswith(f"{self.front}:"):
                continue
            if await self._admitted(incoming):
                chats.setdefault(incoming.chat, []).append(incoming)
            else:
                await asyncio.to_thread(self.assistant.answered, incoming.key)  # shut out meanwhile
        for chat, waiting in chats.items():
            notes = [await asyncio.to_thread(self.assistant.noted, incoming.key) for incoming in waiting]
            first = next((one for one, noted in zip(waiting, notes, strict=True) if unsure(noted)), None)
            turn = self.wire.turn(chat)
            if first and not turn.locked():
                await turn.acquire()
                self.spawn(self._serve_first(serve, first, [one for one in waiting if one is not first], turn))
            else:
                for incoming in waiting:
                    self.spawn(serve(incoming))

    async def _serve_first(
        self,
        serve: Callable[[Incoming], Coroutine[Any, Any, Any]],
        first: Incoming,
        others: Sequence[Incoming],
        turn: asyncio.Lock,
    ) -> None:
        self._settling.add(first.key)
        try:
            await serve(first)
        finally:
            self._settling.discard(first.key)
            turn.release()
        for incoming in others:
            self.spawn(serve(incoming))

    def _cancel_for_strangers(self) -> None:
        """Who is no longer let in is painted nothing."""
        for delivery in self.assistant.pledged(self.front):
            if not self._gate.admits(delivery.job.owner, delivery.place):
                self.assistant.tables.queue.cancel(delivery.job.id)

    async def _settle(self) -> None:
        """Begin with what may have been posted or not; nothing else comes before in those chats.

        Of two things that may have been posted, each could be taken for the other, an album's pictures most easily.
        """
        owed = await asyncio.to_thread(self.assistant.owed, self.front)
        for delivery in sorted((one for one in owed if one.unsure), key=lambda one: -one.job.count):
            turn = self.wire.turn(delivery.chat)
            if not turn.locked():
                await turn.acquire()
                self.spawn(self._settle_and_release(delivery, turn))

    async def _settle_and_release(self, delivery: Delivery, turn: asyncio.Lock) -> None:
        try:
            if delivery.job.over:
                await self.deliver(delivery.job.id, in_turn=True)
            else:
                await self._deliveries.recover_status(delivery.job.id)
        finally:
            turn.release()

    async def close(self) -> None:
        """Finish the picture being painted. What is being sent is sent; whoever spawns waits for that."""
        self.closing.set()
        await asyncio.to_thread(self.assistant.stop)

    async def catch_up(self) -> None:
        """Deliver whatever is owed."""
        for delivery in await asyncio.to_thread(self.assistant.undelivered, self.front):
            self.spawn(self.deliver(delivery.job.id))

    async def pause(self, seconds: float) -> bool:
        """Wait; True at once when it is time to stop."""
        try:
            await asyncio.wait_for(self.closing.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def turn(self, chat: str) -> asyncio.Lock:
        """Held while something that was typed in a chat is answered."""
        return self._lock(chat)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    # --- letting in -------------------------------------------------------------------------------------------

    async def admit(self, name: str, user: str, place: str, read: Callable[[], Incoming | None]) -> bool:
        """Whether to handle what came in: its sender may come in, and it is new. A request in it is stored first.

        Args:
            name: of what came in, given by the network.
            place: the group it came from; empty for a private chat, whose name is its person's and would let in
                whoever claims to be in it.
            read: finds the request in it.

        Raises:
            Unsent: it could not be stored, so the network shall send it again.
        """
        try:
            if name in self._seen or not await asyncio.to_thread(self._gate.admits, user, place):
                return False
            incoming = read()
            if incoming and not await asyncio.to_thread(self.assistant.accept, incoming):
                return False
        except sqlite3.OperationalError as error:
            raise Unsent(f"A message could not be stored: {error}") from error
        except Exception:
            log.exception("%s could not be let in", name)
            return False
        self._seen.append(name)
        return True

    # --- answers ----------------------------------------------------------------------------------------------

    async def converse(self, incoming: Incoming) -> None:
        """Answer a stored message; those of a chat one after the other, since a later one may refine an earlier."""
        async with self.turn(incoming.chat):
            if self.closing.is_set():
                return
            admitted = await insist(partial(self._admitted, incoming), self.pause)
            if admitted is False:
                await self.answered(incoming.key)  # shut out while the message waited for its turn
                return
            answer = await insist(partial(self._answer, incoming), self.pause) if admitted else None
            if answer is None:
                return  # it is time to stop; answered after the next start
            try:
                await insist(partial(self._announce if answer.job else self._talk, incoming, answer), self.pause)
            except Moved as error:
                await self.move(incoming.chat, error.chat)
                self.spawn(self.converse(replace(incoming, chat=error.chat, message="0")))
            except Refused as error:
                log.warning("%s cannot be answered: %s", incoming.key, error)
                await self.answered(incoming.key)
        if incoming.kind == COMMAND:
            await self.catch_up()  # what was cancelled while it waited is over

    async def _admitted(self, incoming: Incoming) -> bool:
        return await asyncio.to_thread(self._gate.admits, incoming.user, incoming.place)

    async def follow(self, old: str, new: str) -> None:
        """A group says that it has another name now; believed of groups that are known here, and so were let in."""
        if await asyncio.to_thread(self.assistant.knows_chat, old):
            await self.move(old, new)

    async def move(self, old: str, new: str) -> None:
        """A chat has another name now: everything that is known of it, and owed to it, goes along."""
        log.warning("%s is %s now; if EASEL_ALLOW names it, change it there", old, new)
        await insist(partial(asyncio.to_thread, self.assistant.move_chat, old, new), self.pause)

    async def _answer(self, incoming: Incoming) -> Answer:
        """What to say to a stored message.

        Raises:
            sqlite3.OperationalError: the database cannot be used now.
        """
        kinds: dict[str, Callable[[Incoming], Answer]] = {
            PRESS: self._again,
            COMMAND: partial(obey, self.assistant),
            OTHER: _only_text,
        }
        call = kinds.get(incoming.kind, self.assistant.answer)
        language = incoming.language if incoming.kind in kinds else language_of(incoming.text, incoming.language)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._answering, call, incoming)
        except DELIBERATE as error:
            log.info("%s is answered with an error: %s", incoming.key, error)
            return Answer(replies.explain(error, language), language)
        except sqlite3.OperationalError:
            raise
        except Exception:
            log.exception("%s could not be answered", incoming.key)
            return Answer(say("general", language), language)

    def _again(self, incoming: Incoming) -> Answer:
        """Another picture like one of the same chat: bytes of a button are cheap to forge."""
        press = buttons.decode(incoming.text)
        if press is None or not self.owns(incoming.user, incoming.chat, press.job):
            return Answer(say("gone", incoming.language), incoming.language)
        return self.assistant.again(press.job, incoming, switched=press.action == buttons.SWITCHED)

    def owns(self, user: str, chat: str, job_id: int) -> bool:
        """Whether a chat may press the buttons of a job: its own, and for admins any that was sent to a chat."""
        try:
            return self.assistant.delivery(job_id).chat == chat or self.assistant.is_admin(user)
        except EaselError:
            return False

    def asked(self, user: str, job_id: int) -> bool:
        """Whether somebody asked for a job, in whichever chat."""
        try:
            return self.assistant.job(job_id).owner == user
        except NoSuchJob:
            return False

    async def _talk(self, incoming: Incoming, answer: Answer) -> None:
        reply = incoming.message if incoming.kind in (REQUEST, PRESS) else ""
        post = Post(incoming.chat, answer.text, answer.rows, reply, answer.files, original=bool(answer.files))
        if await self.post(incoming.key, "answer", post):
            await self.answered(incoming.key)

    async def answered(self, key: str) -> None:
        """Note that nothing more is owed to a message, as soon as that can be noted."""
        await insist(partial(asyncio.to_thread, self.assistant.answered, key), self.pause)

    async def post(self, key: str, part: str, post: Post) -> bool:
        """Post something in answer to a stored message, once, as soon as it can be; False when it is time to stop."""
        noted = await insist(partial(asyncio.to_thread, self.assistant.noted, key), self.pause)
        if noted is None:
            return False
        notes = Notes(noted, partial(self.assistant.note, key))
        return await insist_once(self.wire, post, part, notes, self.pause, in_turn=key in self._settling)

    async def _announce(self, incoming: Incoming, answer: Answer) -> None:
        """Say that a job waits, unless it is over already."""
        assert answer.job is not None
        async with self._lock(f"job:{answer.job.id}"):
            job = await asyncio.to_thread(self.assistant.job, answer.job.id)
            if job.over:
                return
            rows = [buttons.cancel(job.id, "", answer.language)]
            notes, post = await self._deliveries.notes(job.id), Post(incoming.chat, answer.text, rows, incoming.message)
            async with nullcontext() if incoming.key in self._settling else self.wire.turn(incoming.chat):
                await once(post_once(self.wire, post, "status", notes))
                await insist(partial(self._deliveries.settle_status, post, notes), self.pause)
            if "status" in notes:
                status = Status(incoming.chat, notes["status"], answer.language, answer.position - 1)
                self._progress.announced(job.id, status)

    # --- delivery ---------------------------------------------------------------------------------------------

    def ended(self, job: Job) -> None:
        metrics.ended(job)
        self.spawn(self.deliver(job.id))
        self._progress.ended()

    async def cancel(self, job_id: int, user: str) -> bool:
        """Cancel a job that its owner, or an admin, wants no more; False when it is over already."""
        before = await asyncio.to_thread(self.assistant.job, job_id)
        job = await asyncio.to_thread(self.assistant.cancel_job, job_id, user)
        if before.status == "queued" and job.status == "cancelled":
            self.ended(job)
        return not before.over

    async def deliver(self, job_id: int, *, in_turn: bool = False) -> None:
        """Send what a chat has not received of an ended job, as often as it takes; see `Deliveries.deliver`."""
        async with self._lock(f"job:{job_id}"):
            self._progress.over(job_id)
            try:
                await self._deliveries.deliver(job_id, in_turn=in_turn)
            except Moved as error:
                reading = partial(asyncio.to_thread, self.assistant.delivery, job_id)
                if delivery := await insist(reading, self.pause):
                    await self.move(delivery.chat, error.chat)
                    self.spawn(self.deliver(job_id))


def _only_text(incoming: Incoming) -> Answer:
    return Answer(say("only_text", incoming.language), incoming.language)
