"""The one place that decides whether an update is looked at, of whatever kind it is. Knows no chat library.

Whatever goes wrong in it, nobody comes in. Where only the database cannot be asked for now, it says so by raising, so
that the network sends the update again and nothing of an invited person is lost.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from sqlite_utils import Database, Migrations

from bot.settings import Settings
from promptlib.migrations import bring_up

log = logging.getLogger(__name__)

migrations = Migrations("bot.gate")


@migrations()
def m001_blocked(db: Database) -> None:
    db.execute("CREATE TABLE blocked (who TEXT PRIMARY KEY, by TEXT NOT NULL, since TEXT NOT NULL)")


class BlockedRow(NamedTuple):
    who: str
    by: str
    since: str


class Blocked:
    """The table `blocked`: people and groups, such as ``telegram:7``, that admins have shut out."""

    def __init__(self, db: Database) -> None:
        self.db = db
        bring_up(db, migrations)

    def block(self, who: str, by: str) -> bool:
        """Shut somebody out; False if they were already."""
        row = [who, by, datetime.now(UTC).isoformat(timespec="seconds")]
        return self.db.execute("INSERT OR IGNORE INTO blocked VALUES (?, ?, ?)", row).rowcount == 1

    def unblock(self, who: str) -> bool:
        """Let somebody in again; False if they were not shut out."""
        return self.db.execute("DELETE FROM blocked WHERE who = ?", [who]).rowcount == 1

    def move(self, old: str, new: str) -> None:
        """A group has another name now."""
        self.db.execute("UPDATE OR REPLACE blocked SET who = ? WHERE who = ?", [new, old])

    def any_of(self, *names: str) -> bool:
        marks = ", ".join("?" for _ in names)
        return self.db.execute(f"SELECT 1 FROM blocked WHERE who IN ({marks})", list(names)).fetchone() is not None

    def list(self) -> list[BlockedRow]:
        return [BlockedRow(*row) for row in self.db.execute("SELECT who, by, since FROM blocked ORDER BY since, who")]


def is_admin(settings: Settings, user: str) -> bool:
    return user.rpartition(":")[2] in settings.admins


def is_listed(settings: Settings, user: str, place: str) -> bool:
    """Whether the allow-list names a person, or the group they write in. No list names everybody who has a name.

    An anonymous admin has the group's: anybody may have any number of groups, and be in each somebody else.
    """
    person, group = user.rpartition(":")[2], place.rpartition(":")[2]
    # A group's number is negative; one that goes by a guest's number is none.
    named = person in settings.allow or (group.startswith("-") and group in settings.allow)
    everybody = not settings.allow and not person.startswith("-")
    return everybody or is_admin(settings, user) or named


class Gate:
    """Decides from the settings' lists, and for those on them from the blocked.

    Args:
        settings: with the admins and the allow-list.
        is_blocked: told a person and a group, such as ``telegram:1``; may fail, as a database can.
    """

    def __init__(self, settings: Settings, is_blocked: Callable[[str, str], bool]) -> None:
        self._settings = settings
        self._is_blocked = is_blocked

    def admits(self, user: str, place: str) -> bool:
        """Whether somebody may come in; `place` is the group they write in, empty in private.

        Raises:
            sqlite3.OperationalError: the database cannot say now whether an invited person is blocked.
        """
        try:
            if not user or not is_listed(self._settings, user, place):
                return False
            return is_admin(self._settings, user) or self._is_blocked(user, place) is False
        except sqlite3.OperationalError:
            log.warning("The gate cannot decide about %s for now, who stays outside until it can", user)
            raise
        except Exception:
            log.exception("The gate could not decide about %s, who stays outside", user)
            return False
