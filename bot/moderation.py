"""What a chat does about sex, gore and nudity: its admins' choices, and what follows from them for a picture.

Words are screened by `promptlib.screening`, pictures looked at by `pipeline.safety`; this joins the two with what was
chosen. What `screening.ALWAYS` names is outside of all choices. Knows no chat library.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from bot.errors import EaselError
from bot.settings import Settings
from pipeline.errors import PipelineError
from pipeline.jobs import Job, Picture
from pipeline.safety import Detector, installed_detector
from promptlib import screening
from promptlib.migrations import bring_up

log = logging.getLogger(__name__)

#: What can be chosen, the mildest first.
CHOICES = ("allow", "blur", "block")

#: With somebody under age named, so much of the certainty suffices. A cup of coffee reaches 0.33 of 1.
STRICT = 0.7

migrations = Migrations("bot.moderation")


@migrations()
def m001_choices(db: Database) -> None:
    db.execute("""
        CREATE TABLE safety (
            chat TEXT NOT NULL,
            matter TEXT NOT NULL,
            choice TEXT NOT NULL,
            PRIMARY KEY (chat, matter)
        )""")
    db.execute("""
        CREATE TABLE looks (
            job INTEGER NOT NULL,
            position INTEGER NOT NULL,
            nudity REAL NOT NULL,
            PRIMARY KEY (job, position)
        )""")


@dataclass(frozen=True)
class Choices:
    """What a chat does about each of `screening.MATTERS`; `threshold` is the certainty of nudity, from 0 to 1."""

    sexual: str
    gore: str
    nudity: str
    threshold: float

    def of(self, matter: str) -> str:
        if matter in screening.ALWAYS:
            return "block"
        return str(getattr(self, matter)) if matter else "allow"

    @property
    def blocked(self) -> frozenset[str]:
        """The matters that are not painted."""
        return frozenset(matter for matter in screening.MATTERS if self.of(matter) == "block")


class Moderation:
    """The tables `safety` and `looks`, and what is decided with them.

    Args:
        settings: with what holds where a chat chose nothing.
        find: finds the detector; None where there is none.
    """

    def __init__(
        self, db: Database, settings: Settings, find: Callable[[], Detector | None] = installed_detector
    ) -> None:
        self.db = db
        bring_up(db, migrations)
        self._settings = settings
        self._find = find

    def choices(self, chat: str = "") -> Choices:
        chosen = dict(self.db.execute("SELECT matter, choice FROM safety WHERE chat = ?", [chat]).fetchall())
        settings = self._settings
        return Choices(
            sexual=chosen.get("sexual", settings.safety_sexual),
            gore=chosen.get("gore", settings.safety_gore),
            nudity=chosen.get("nudity", settings.safety_nudity),
            threshold=int(chosen.get("threshold", settings.safety_threshold)) / 100,
        )

    def choose(self, chat: str, matter: str, choice: str) -> None:
        """Set what a chat does about a matter, or its ``threshold`` in percent.

        Raises:
            EaselError: there is no such matter or choice.
        """
        percent = matter == "threshold" and re.fullmatch("[1-9][0-9]?|100", choice)
        if not percent and not (matter in screening.MATTERS and choice in CHOICES):
            matters, choices = "|".join(screening.MATTERS), "|".join(CHOICES)
            raise EaselError(f"Write {matters} and {choices}, or threshold and a number from 1 to 100.")
        self.db.execute("INSERT OR REPLACE INTO safety VALUES (?, ?, ?)", [chat, matter, choice])

    def move_chat(self, old: str, new: str) -> None:
        self.db.execute("UPDATE OR REPLACE safety SET chat = ? WHERE chat = ?", [new, old])

    def treatment(self, job: Job, pictures: Sequence[Picture], chat: str = "") -> str:
        """``allow``, ``blur`` or ``block`` for the pictures of a job in a chat: the strictest of what holds."""
        choices, verdict = self.choices(chat), verdict_of(job)
        found = [choices.of(verdict.matter)]
        nudity = self._nudity(pictures)
        if nudity is None:
            found.append(self._settings.safety_unchecked)
        elif verdict.minors and nudity >= choices.threshold * STRICT:
            found.append("block")
        elif nudity >= choices.threshold:
            found.append(choices.nudity)
        return max(found, key=CHOICES.index)

    def _nudity(self, pictures: Sequence[Picture]) -> float | None:
        """How sure the detector is of nudity in any of these; None without a detector, all of it where it fails."""
        known = {}
        for picture in pictures:
            row = "SELECT nudity FROM looks WHERE job = ? AND position = ?"
            known[picture] = self.db.execute(row, [picture.job_id, picture.position]).fetchone()
        if all(known.values()):
            return max((row[0] for row in known.values()), default=0.0)
        try:
            detector = self._find()
            if detector is None:
                return None
            for picture in pictures:
                seen = [picture.job_id, picture.position, detector.nudity(Path(picture.path))]
                self.db.execute("INSERT OR REPLACE INTO looks VALUES (?, ?, ?)", seen)
        except PipelineError as error:
            log.warning("A picture could not be looked at and counts as nude: %s", error)
            return 1.0
        except Exception:
            log.exception("Looking at a picture broke; it counts as nude")
            return 1.0
        return self._nudity(pictures)


def verdict_of(job: Job) -> screening.Verdict:
    """The matter of the words that a job is painted from."""
    return screening.screen_painted(job.prompt, job.negative, str(job.extra.get("request", "")))
