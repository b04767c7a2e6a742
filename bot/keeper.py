"""What is kept of jobs, deliveries, chats and people: looked up and changed, with no request in sight.

The assistant stands on it. Knows no chat library and paints nothing. Methods block for milliseconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bot import forgetting, limits, replies
from bot.errors import EaselError, NotYours
from bot.gate import Blocked, is_admin
from bot.limits import Quota, Spent
from bot.messages import ChatSettings, Delivery, Incoming
from bot.moderation import Moderation
from bot.reports import Reports
from bot.settings import Settings
from bot.store import Store
from bot.switches import Switches
from bot.writer import Writer
from pipeline.errors import ModelMissing
from pipeline.jobs import Job, Outlook, Picture
from pipeline.profiles import Profile
from pipeline.queue import JobQueue
from promptlib.borrowing import AMOUNTS
from promptlib.index import VectorIndex
from promptlib.library import Library


@dataclass
class Tables:
    """One thread's view of the database."""

    db: Database
    library: Library
    queue: JobQueue
    store: Store
    blocked: Blocked
    moderation: Moderation
    reports: Reports
    switches: Switches
    spent: Spent
    writer: Writer


class Keeper(ABC):
    """Keeps; whoever builds on it opens the tables.

    Args:
        settings: see `bot.settings`.
        profiles: the models by id.
    """

    settings: Settings
    profiles: dict[str, Profile]

    @property
    @abstractmethod
    def tables(self) -> Tables:
        """This thread's tables."""

    @property
    @abstractmethod
    def index(self) -> VectorIndex:
        """The search index of the library."""

    def profile(self, model: str) -> Profile:
        if model not in self.profiles:
            raise ModelMissing(f"There is no model {model!r}; choose one of {', '.join(self.profiles)}.")
        return self.profiles[model]

    # --- messages ---------------------------------------------------------------------------------------------

    def accept(self, incoming: Incoming) -> bool:
        """Store a message before anything is said; False if it was stored before."""
        return self.tables.store.accept(incoming)

    def waiting(self) -> list[Incoming]:
        """Messages that were stored and not answered, because a crash came between."""
        return self.tables.store.waiting()

    def answered(self, key: str) -> None:
        """Nothing more is owed to the message of that key."""
        self.tables.store.answered(key)

    def note(self, key: str, part: str, value: str) -> None:
        """Keep what became of a part of the answer to a message; `noted` tells it again."""
        self.tables.store.note(key, part, value)

    def noted(self, key: str) -> dict[str, str]:
        return self.tables.store.noted(key)

    # --- jobs and pictures ------------------------------------------------------------------------------------

    def job(self, job_id: int) -> Job:
        return self.tables.queue.get(job_id)

    def pictures(self, job_id: int) -> Sequence[Picture]:
        return self.tables.queue.pictures(job_id)

    def position(self, job_id: int) -> int:
        """The place in the queue, 1 for the next one; 0 when the job waits no longer."""
        ahead = self.tables.queue.position(job_id)
        return 0 if ahead is None else ahead + 1

    def outlook(self, job_id: int | None = None) -> dict[int, Outlook]:
        """What waiting jobs have before them, in the order of painting; one job's alone if it is named."""
        return self.tables.queue.outlook(job_id)

    def quota(self, user: str) -> Quota:
        """What a person has used and may use."""
        tables = self.tables
        return limits.quota(tables.queue, tables.spent, self.settings, user, exempt=self.is_admin(user))

    def pending(self, user: str) -> list[Job]:
        """A person's jobs that run or wait, in the order of painting."""
        queue = self.tables.queue
        return [job for status in ("running", "queued") for job in queue.list(owner=user, status=status, limit=10_000)]

    def why(self, job_id: int, language: str) -> str:
        """Tag by tag, where the prompt of a job came from."""
        return replies.why(self.job(job_id), language)

    def cancel(self, user: str) -> int:
        """Cancel all waiting and running jobs of a person; how many there were."""
        jobs = self.pending(user)
        for job in jobs:
            self.tables.queue.cancel(job.id)
        return len(jobs)

    def shut_out(self, who: str, by: str) -> tuple[bool, int]:
        """Let a person, or a group, in no longer, and cancel what they wait for; whether that is news, and how many.

        Raises:
            NotYours: they are an admin.
        """
        if self.is_admin(who):
            raise NotYours("Admins cannot be shut out.")
        front = who.partition(":")[0]
        news = self.tables.blocked.block(who, by)
        # Only now, so that nothing comes in between.
        theirs = {job.id for job in self.pending(who)}
        theirs |= {delivery.job.id for delivery in self.pledged(front) if delivery.chat == who}
        for job_id in theirs:
            self.tables.queue.cancel(job_id)
        return news, len(theirs)

    def cancel_job(self, job_id: int, user: str) -> Job:
        """Cancel one's own job, waiting or running; admins may cancel anybody's. Returns it as it is now."""
        job = self.job(job_id)
        if job.owner != user and not self.is_admin(user):
            raise NotYours(f"Job {job_id} belongs to somebody else; only they or an admin may cancel it.")
        return self.tables.queue.cancel(job_id)

    def forget(self, job_id: int, user: str) -> None:
        """Delete the pictures of one's own job; admins may delete anybody's."""
        job = self.job(job_id)
        if job.owner != user and not self.is_admin(user):
            raise NotYours(f"Job {job_id} belongs to somebody else; only they or an admin may delete its pictures.")
        for picture in self.pictures(job_id):
            Path(picture.path).unlink(missing_ok=True)

    # --- deliveries -------------------------------------------------------------------------------------------

    def owed(self, front: str = "telegram") -> list[Delivery]:
        """Jobs whose outcome a chat has not fully received, painted or not, oldest first."""
        return [self._delivery(row) for row in self.tables.store.owed(front)]

    def undelivered(self, front: str = "telegram") -> list[Delivery]:
        """Those that have ended."""
        return [delivery for delivery in self.owed(front) if delivery.job.over]

    def pledged(self, front: str = "telegram") -> list[Delivery]:
        """Those that are not painted yet."""
        return [delivery for delivery in self.owed(front) if not delivery.job.over]

    def delivery(self, job_id: int) -> Delivery:
        row = self.tables.store.delivery(job_id)
        if row is None:
            raise EaselError(f"Job {job_id} is not owed to any chat.")
        return self._delivery(row)

    def _delivery(self, row: dict[str, Any]) -> Delivery:
        return Delivery(self.job(row["job"]), row["chat"], row["message"], row["language"], row["sent"])

    def mark_sent(self, job_id: int, what: str, message: str) -> None:
        self.tables.store.mark_sent(job_id, what, message)

    def delivered(self, job_id: int) -> None:
        self.tables.store.delivered(job_id)

    def latest(self, front: str) -> list[tuple[str, str]]:
        """Chats and messages that were posted lately, in answer to anything, or to tell admins of a report."""
        return [*self.tables.store.latest(front), *self.tables.reports.posted(front)]

    def knows_chat(self, chat: str) -> bool:
        """Whether anything is known of a chat, be it that it is shut out."""
        return self.tables.store.knows(chat) or self.tables.blocked.any_of(chat)

    def move_chat(self, old: str, new: str) -> None:
        """A chat has another name now; all that is known of it goes along."""
        self.tables.store.move_chat(old, new)
        self.tables.moderation.move_chat(old, new)
        self.tables.blocked.move(old, new)

    # --- chats and people -------------------------------------------------------------------------------------

    def chat_settings(self, chat: str) -> ChatSettings:
        found = self.tables.store.chat(chat, ChatSettings(self.settings.model, amount=self.settings.amount))
        # A model that an admin has removed since must not lock a chat out.
        return found if found.model in self.profiles else replace(found, model=self.settings.model)

    def set_model(self, chat: str, model: str) -> None:
        self.profile(model)
        self.tables.store.set_chat(chat, model=model)

    def set_raw(self, chat: str, raw: bool) -> None:
        self.tables.store.set_chat(chat, raw=int(raw))

    def set_amount(self, chat: str, amount: str) -> None:
        if amount not in AMOUNTS:
            raise EaselError(f"There is no amount {amount!r}; choose one of {', '.join(AMOUNTS)}.")
        self.tables.store.set_chat(chat, amount=amount)

    def set_language(self, chat: str, language: str) -> None:
        self.tables.store.set_chat(chat, language=language)

    def people(self) -> list[dict[str, Any]]:
        """Everybody about whom something is stored, with how much."""
        return forgetting.people(self.tables.db)

    def about_person(self, user: str) -> dict[str, Any]:
        """What is stored about a person."""
        tables = self.tables
        return forgetting.about(tables.db, tables.library, user)

    def forget_person(self, user: str) -> forgetting.Forgotten:
        """Delete what is stored about a person; waits for a picture of theirs that is being painted to stop."""
        tables = self.tables

        def stop() -> None:
            self.cancel(user)
            # What a dead process was painting stops here.
            tables.queue.recover()

        def keep() -> None:
            since = limits.day_before(tables.queue.clock())
            tables.spent.drop_before(since)
            tables.spent.keep(user, tables.queue.asked_since(user, since) if self.settings.pictures_per_day else [])

        return forgetting.forget(tables.db, tables.library, self.index, user, stop=stop, keep=keep)

    def stats(self) -> dict[str, int]:
        """Counts for admins: prompts, ratings, jobs by status, people, chats, messages."""
        tables = self.tables
        library = {name: value for name, value in tables.library.stats().items() if isinstance(value, int)}
        jobs = {f"jobs_{status}": count for status, count in tables.queue.counts().items()}
        return {**library, **jobs, **tables.store.counts()}

    def is_admin(self, user: str) -> bool:
        return is_admin(self.settings, user)

    def is_blocked(self, user: str, place: str) -> bool:
        """Whether admins have shut out a person, or the group they write in."""
        return self.tables.blocked.any_of(user, place)

    def treatment(self, job: Job, chat: str = "") -> str:
        """``allow``, ``blur`` or ``block`` for the pictures of a job in a chat; see `bot.moderation`."""
        return self.tables.moderation.treatment(job, self.pictures(job.id), chat)
