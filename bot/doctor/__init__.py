"""The doctor: finds what is wrong with an easel and says how to mend it; mends what is safe to mend.

Looking changes nothing: the database is opened for reading only, nothing is created, and only `check_token` uses the
network. A check is a function from a `Patient` to findings; one that fails is itself a finding, so that the others
are made all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from bot.settings import Settings

if TYPE_CHECKING:
    from sqlite_utils import Database

#: How bad a finding is; only `BROKEN` makes the exit code 1.
OK, NOTE, WARNING, BROKEN = "ok", "note", "warning", "broken"


@dataclass(frozen=True)
class Finding:
    """One line: which check, how bad, what is wrong and how to mend it.

    Args:
        mend: does what the text advises, where that is safe; returns what was done.
    """

    check: str
    level: str
    text: str
    mend: Callable[[], str] | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, object]:
        return {"check": self.check, "level": self.level, "text": self.text, "fixable": self.mend is not None}


@dataclass(frozen=True)
class Patient:
    """What is examined.

    Args:
        settings: of the easel.
        environ: where they were read from.
        online: whether Telegram may be asked.
    """

    settings: Settings
    environ: Mapping[str, str]
    online: bool = True

    @cached_property
    def db(self) -> Database | None:
        """The database, for reading only; None where there is none yet."""
        from sqlite_utils import Database

        if not self.settings.database.exists():
            return None
        uri = f"{self.settings.database.as_uri()}?mode=ro"
        return Database(sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None))

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """What a question to the database answers; nothing where there is no database, or not that table yet."""
        if self.db is None:
            return []
        try:
            return self.db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "no such column" in str(error):
                return []
            raise

    def close(self) -> None:
        if self.db is not None:
            self.db.close()


Check = Callable[[Patient], Iterator[Finding]]


def examine(patient: Patient, checks: Mapping[str, Check]) -> Iterator[Finding]:
    """What these checks find; one ok where a check finds nothing."""
    from bot.store import explain

    with closing(patient):
        for name, check in checks.items():
            sound = True
            try:
                for finding in check(patient):
                    sound = False
                    yield finding
            except sqlite3.DatabaseError as error:
                yield Finding(name, BROKEN, explain(error, str(patient.settings.database)))
            except Exception as error:  # noqa: BLE001  whatever fails is what is looked for
                yield Finding(name, BROKEN, f"This could not be examined ({type(error).__name__}: {error}).")
            else:
                if sound:
                    yield Finding(name, OK, (check.__doc__ or name).strip().splitlines()[0])


def mend(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str]]:
    """Mend what can safely be mended; each with what was done, or why it could not be."""
    for finding in findings:
        if finding.mend:
            try:
                yield finding, finding.mend()
            except Exception as error:  # noqa: BLE001  it is told, and the next is mended
                yield finding, f"This could not be mended: {error}"
