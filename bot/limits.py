"""How much one person may ask for: pictures within 24 hours, and jobs that wait at once.

Nothing is counted up or down. What a person has used is read from their jobs, so a job that fails or is cancelled
gives back what it took by itself, and a crash cannot leave a count wrong. Whoever is forgotten has no jobs any more:
of them, what they asked for within 24 hours is kept under a pseudonym, or being forgotten would buy pictures.
Knows no chat network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database, Migrations

from bot.errors import LimitReached
from bot.settings import Settings
from bot.texts import say, span
from pipeline.queue import Asked, JobQueue
from promptlib.migrations import bring_up

DAY = timedelta(hours=24)

migrations = Migrations("bot.limits")


@migrations()
def m001_spent(db: Database) -> None:
    db.execute("CREATE TABLE spent (pseudonym TEXT NOT NULL, created TEXT NOT NULL, count INTEGER NOT NULL)")


class Spent:
    """The table `spent`: when somebody who was forgotten asked for how many pictures, and nothing else.

    Args:
        salt: keeps the pseudonyms from being the same elsewhere.
    """

    def __init__(self, db: Database, salt: str) -> None:
        self.db = db
        self._salt = salt
        bring_up(db, migrations)

    def keep(self, who: str, asked: Asked) -> None:
        rows = [(self._pseudonym(who), when, count) for when, count in asked]
        self.db.conn.executemany("INSERT INTO spent VALUES (?, ?, ?)", rows)

    def drop_before(self, when: str) -> None:
        self.db.execute("DELETE FROM spent WHERE created <= ?", [when])

    def since(self, who: str, when: str) -> Asked:
        sql = "SELECT created, count FROM spent WHERE pseudonym = ? AND created > ?"
        return self.db.execute(sql, [self._pseudonym(who), when]).fetchall()

    def _pseudonym(self, who: str) -> str:
        return hashlib.sha256(f"{self._salt} {who}".encode()).hexdigest()


@dataclass(frozen=True)
class Quota:
    """What a person has used and may use.

    Args:
        pictures: asked for within 24 hours, other than failed and cancelled ones.
        most_pictures, most_waiting: the limits; 0 is none.
        waiting: jobs in the queue.
        returns: seconds until so many of the pictures no longer count, soonest first.
    """

    pictures: int
    most_pictures: int
    waiting: int
    most_waiting: int
    returns: tuple[tuple[float, int], ...]

    @property
    def left(self) -> int:
        """Pictures that may be asked for now, where they are limited."""
        return max(0, self.most_pictures - self.pictures)

    def wait(self, count: int) -> float:
        """Seconds until so many pictures, no more than the limit, may be asked for."""
        room = self.left
        for seconds, pictures in self.returns:
            if room >= count:
                break
            room += pictures
            wait = seconds
        return wait if self.left < count else 0.0


def day_before(now: str) -> str:
    """The moment from which on what was asked for counts."""
    return (datetime.fromisoformat(now) - DAY).isoformat()


def quota(queue: JobQueue, spent: Spent, settings: Settings, owner: str, *, exempt: bool) -> Quota:
    """The quota of a person as things stand; nothing limits those who are exempt."""
    now, since = datetime.fromisoformat(queue.clock()), day_before(queue.clock())
    asked = sorted([*spent.since(owner, since), *queue.asked_since(owner, since)])
    returns = tuple(((datetime.fromisoformat(when) + DAY - now).total_seconds(), count) for when, count in asked)
    return Quota(
        pictures=sum(count for _, count in asked),
        most_pictures=0 if exempt else settings.pictures_per_day,
        waiting=queue.counts(owner=owner)["queued"],
        most_waiting=0 if exempt else settings.jobs_waiting,
        returns=returns,
    )


def check(quota: Quota, count: int, language: str) -> None:
    """Whether one more job of so many pictures may be queued.

    Raises:
        LimitReached: it may not; the text says in the person's language when it may.
    """
    if quota.most_waiting and quota.waiting >= quota.most_waiting:
        raise LimitReached(say("limit_waiting", language, most=quota.most_waiting))
    if not quota.most_pictures or count <= quota.left:
        return
    if count > quota.most_pictures:
        raise LimitReached(say("limit_count", language, count=count, most=quota.most_pictures))
    key = "limit_left" if quota.left else "limit_pictures"
    wait = span(quota.wait(count), language)
    raise LimitReached(say(key, language, most=quota.most_pictures, left=quota.left, count=count, wait=wait))


def told(quota: Quota, language: str) -> str:
    """What a person has used, in words."""
    if not quota.most_pictures:
        return say("quota_free", language, used=quota.pictures)
    line = say("quota", language, used=quota.pictures, most=quota.most_pictures)
    if quota.returns and not quota.left:
        seconds, count = quota.returns[0]
        line += "\n" + say("quota_returns", language, wait=span(seconds, language), count=count)
    return line
