"""The assistant: what every face talks to. Takes messages, writes prompts, queues jobs, remembers ratings.

Knows no chat library. Methods may be called from any thread (each thread gets a database connection of its own) and
block for milliseconds; the pictures come later, from the worker's thread.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from bot import limits, metrics, replies
from bot.backup import take_part
from bot.errors import NotPainted, NotYours
from bot.gate import Blocked
from bot.keeper import Keeper, Tables
from bot.learning import Learning
from bot.limits import Spent
from bot.messages import Answer, Incoming, Rated
from bot.moderation import Moderation, verdict_of
from bot.reports import Reports, remove_everywhere
from bot.settings import Settings
from bot.store import Store, open_database
from bot.switches import Switches, repainted, tags_json
from bot.texts import language_of, say
from bot.writer import MAX_SEED, Writer, Written, new_seed, sources_json, target_of
from pipeline.jobs import Job
from pipeline.painter import Painter, Watch
from pipeline.profiles import BUILT_IN, Profile, load_profiles
from pipeline.queue import JobQueue
from pipeline.worker import Worker
from promptlib.brief import Brief
from promptlib.cache import EmbeddingCache
from promptlib.embeddings import get_embedder
from promptlib.errors import RequestError
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.llm import understanding
from promptlib.seed import load_seed, load_vectors

log = logging.getLogger(__name__)

#: Most pictures one request may ask for; an album holds ten.
MAX_COUNT = 10


def _with_tags(profile: Profile, path: str) -> Profile:
    """A profile whose prompts are checked against the admin's tag list, if it is one for anime."""
    if not path or profile.dialect != "booru" or profile.vocabulary:
        return profile
    return replace(profile, vocabulary=str(Path(path).expanduser().absolute()))


class Assistant(Keeper):
    """Understands, writes, queues, rates.

    Args:
        settings: see `bot.settings`.
        on_stage: told a job's id and ``loading`` or ``downloading``, from the worker's thread.
        on_progress: told a job's id, the steps done and all steps, from the worker's thread.
        on_ended: told a job that is done, failed or cancelled, from the worker's thread.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_stage: Callable[[int, str], None] = lambda job_id, stage: None,
        on_progress: Callable[[int, int, int], None] = lambda job_id, step, total: None,
        on_ended: Callable[[Job], None] = lambda job: None,
    ) -> None:
        settings.ensure_home()
        # Held until this assistant is gone, so that no backup is restored beneath it.
        weakref.finalize(self, os.close, take_part(settings.home))
        self.settings = settings
        own = (settings.models,) if settings.models.exists() else ()
        self.profiles: dict[str, Profile] = {
            model: _with_tags(profile, settings.booru_tags) for model, profile in load_profiles(BUILT_IN, *own).items()
        }
        self.profile(settings.model)
        self._understand = understanding(settings.llm_url, settings.llm_model, settings.llm_key, settings.llm_timeout)
        self._local = threading.local()
        self._setup = threading.Lock()
        self._worker = Worker(
            lambda: open_database(settings.database),
            self.profiles,
            settings.images,
            on_stage=on_stage,
            on_progress=on_progress,
            on_finished=on_ended,
            on_failed=on_ended,
            on_cancelled=on_ended,
        )

    # --- parts ------------------------------------------------------------------------------------------------

    @property
    def tables(self) -> Tables:
        """This thread's tables, opened at first use."""
        if not hasattr(self._local, "tables"):
            # One thread at a time sets up: the first one ever fills the library.
            with self._setup:
                db = open_database(self.settings.database)
                library = Library(db)
                self._fill(library)
                writer = Writer(library, self.index, self._understand)
                moderation = Moderation(db, self.settings)
                parts = (JobQueue(db), Store(db), Blocked(db), moderation, Reports(db), Switches(db))
                spent = Spent(db, library.identity)
                self._local.tables = Tables(db, library, *parts, spent, writer)
        tables: Tables = self._local.tables
        return tables

    @cached_property
    def index(self) -> VectorIndex:
        return VectorIndex(self.settings.index, get_embedder(self.settings.embedder))

    def _fill(self, library: Library) -> None:
        """Bring the seed library in, with its embeddings, when it is new or has changed."""
        if load_seed(library):
            load_vectors(EmbeddingCache(library.db), self.index.embedder)

    def start(self) -> None:
        """Start painting; what a crash left behind is taken up first."""
        self._worker.start()

    def stop(self) -> None:
        """Finish the picture being painted, and end."""
        self._worker.stop()

    # --- messages ---------------------------------------------------------------------------------------------

    def answer(self, incoming: Incoming) -> Answer:
        """Understand a message and answer it.

        A request becomes a job in one transaction with noting the message as answered. Words alone are lost when a
        crash comes before they are sent, so there the front calls `answered` when they were.
        """
        tables = self.tables
        chat = self.chat_settings(incoming.chat)
        language = chat.language or language_of(incoming.text, incoming.language)
        try:
            written = tables.writer.write(
                incoming.text,
                self.profile(chat.model),
                previous=self._previous(incoming.chat),
                raw=chat.raw,
                amount=chat.amount,
                owner=incoming.user,
                without=tables.switches.never(incoming.user),
                while_refining=tables.switches.off(incoming.chat),
                blocked=tables.moderation.choices(incoming.chat).blocked,
            )
        except RequestError:
            metrics.REQUESTS.labels("unreadable").inc()
            return Answer(say("too_long" if incoming.text.strip() else "empty", language), language)
        metrics.understood(written)
        if written.prompt is None:
            return Answer(replies.talk(written.brief, language, self.profiles), language)
        if written.brief.kind == "image":
            tables.switches.start_afresh(incoming.chat)
        job = self.job_for(written, chat.model, incoming.user, language=language)
        return self._enqueue(tables, job, incoming, language, brief=replies.dump(written.brief.to_dict()))

    def _previous(self, chat: str) -> Brief | None:
        """What the last request of a chat was understood as."""
        stored = self.tables.store.brief(chat)
        try:
            return Brief.from_dict(stored) if stored else None
        except (KeyError, TypeError):
            log.warning("The last request of %s was stored by another version; it cannot be refined.", chat)
            return None

    def again(self, job_id: int, incoming: Incoming, *, switched: bool = False) -> Answer:
        """The same prompt once more with another seed; or `switched`: the same seed, with what is off left out."""
        tables = self.tables
        before = tables.queue.get(job_id)
        language = self.chat_settings(incoming.chat).language or str(before.extra.get("language", incoming.language))
        fresh = replace(before, owner=incoming.user, priority=self._priority(incoming.user))
        if switched:
            off = tables.switches.off(incoming.chat, incoming.user)
            fresh = repainted(fresh, target_of(self.profile(fresh.model)), off)
        else:
            fresh = replace(fresh, seed=new_seed())
        return self._enqueue(tables, fresh, incoming, language)

    def _enqueue(self, tables: Tables, job: Job, incoming: Incoming, language: str, **chat: str) -> Answer:
        """Queue the job a message has become, once: the same message again gets the job it got before.

        Raises:
            NotPainted: such words are not painted in this chat, or for nobody; nothing was changed.
            LimitReached: the person has asked for as much as one may; nothing was changed.
        """
        with tables.db.atomic():
            # First of all a write, so that nothing of another thread comes between the question and the new job.
            tables.store.answered(incoming.key)
            tables.spent.drop_before(limits.day_before(tables.queue.clock()))
            known = tables.store.promised(incoming.key)
            if known is None:
                self._permit(tables, job, incoming.chat)
                limits.check(self.quota(incoming.user), job.count, language)
                if chat:
                    tables.store.set_chat(incoming.chat, **chat)
                job = tables.queue.add(job)
                tables.store.promise(job.id, incoming, language)
            else:
                job = tables.queue.get(known)
        self._worker.wake()
        look = self.outlook(job.id).get(job.id)
        return Answer(replies.waiting(look, language), language, job, look.ahead + 1 if look else 1)

    def _permit(self, tables: Tables, job: Job, chat: str) -> None:
        """What was painted before may not be painted any more."""
        choices = tables.moderation.choices(chat)
        if tables.reports.is_banned(job.prompt) or choices.of(verdict_of(job).matter) == "block":
            raise NotPainted(say("refused", "en"))

    def job_for(
        self,
        written: Written,
        model: str,
        owner: str,
        *,
        language: str = "en",
        count: int | None = None,
        seed: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
    ) -> Job:
        """The job that paints what was written. What is given here wins over what the text says."""
        prompt, profile = written.prompt, self.profile(model)
        assert prompt is not None
        wished = prompt.seed if seed is None else seed
        notes = list(prompt.notes)
        pictures = max(1, prompt.count if count is None else count)
        if pictures > MAX_COUNT:
            notes.append(("count", {"asked": str(pictures), "used": str(MAX_COUNT)}))
        return Job(
            model=model,
            prompt=prompt.positive,
            negative=prompt.negative,
            width=prompt.width,
            height=prompt.height,
            count=min(pictures, MAX_COUNT),
            seed=new_seed() if wished is None else wished % (MAX_SEED + 1),
            steps=steps or profile.steps,
            guidance=profile.guidance if guidance is None else guidance,
            owner=owner,
            priority=self._priority(owner),
            extra={
                "request": written.brief.text,
                "kind": written.brief.kind,
                "language": language,
                **tags_json(prompt),
                # Without the text, which may be somebody's who wants to be forgotten.
                "sources": [{**source, "text": ""} for source in sources_json(written)],
                "notes": notes,
                "seconds": written.seconds,
            },
        )

    def _priority(self, owner: str) -> int:
        return 1 if self.is_admin(owner) else 0

    def paint_now(self, job: Job, watch: Watch | None = None) -> Job:
        """Paint a job in the calling thread, as `easel draw` does; returns it done, failed or cancelled."""
        self._permit(self.tables, job, "")
        queue = self.tables.queue
        return self._painter.paint(queue, queue.add(job, claimed=True), watch)

    @cached_property
    def _painter(self) -> Painter:
        return Painter(self.profiles, self.settings.images)

    # --- ratings ----------------------------------------------------------------------------------------------

    @property
    def learning(self) -> Learning:
        return Learning(self.tables.library, self.profiles, self.settings.votes)

    def rate(self, job_id: int, user: str, value: int, *, key: str = "") -> Rated:
        """Rate the prompt of a job from 1 to 5; the same value once more withdraws it, the same press (`key`) not."""
        with self.tables.store.applying(key) as fresh:
            job = self.job(job_id)
            return self.learning.rate(job, user, value) if fresh else self.learning.rated(job, user)

    def promote(self, job_id: int, user: str) -> tuple[int, bool]:
        """An admin's word: let everybody's retrieval use the prompt of a job, or no longer; its id, and which."""
        if not self.is_admin(user):
            raise NotYours("Only admins decide which prompts everybody's retrieval uses.")
        return self.learning.promote(self.job(job_id))

    def remove_everywhere(self, job_id: int, by: str) -> list[Job]:
        """Take the prompt of a job out of library, index and queue, and delete its pictures; all jobs it was in."""
        job = self.job(job_id)
        # As it would stand in the library, so that it cannot come in later.
        self.tables.library.add(self.learning.prompt(job))
        return self.remove_prompt(job.prompt, by)

    def remove_prompt(self, text: str, by: str) -> list[Job]:
        """The same for a prompt whose job is gone."""
        tables = self.tables
        return remove_everywhere(tables.reports, tables.library, tables.queue, text, by)
