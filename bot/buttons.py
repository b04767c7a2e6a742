"""Buttons under a picture: what they say, and the few bytes they carry.

A button carries an action and row ids, such as ``r:123:5``; everything else is in the database, so a button works
after a restart and a month later. Knows no chat library, and trusts nothing it decodes: clients of people's own can
send any bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.texts import say

RATE, AGAIN, FILE, WHY, DELETE, MODEL, CANCEL = "r", "a", "f", "w", "d", "m", "c"

#: Under the answer to WHY: switch a tag, paint with the switches, keep off for ever, promote; and being forgotten.
SWITCH, SWITCHED, NEVER, PROMOTE, FORGET = "o", "g", "n", "p", "forget"

#: Report a picture, and settle a report.
REPORT, SETTLE = "z", "s"

#: Presses that ask for another picture, as a message does.
REQUESTS = (AGAIN, SWITCHED)

#: Most bytes a button may carry, by Telegram's rules.
MAX_DATA = 64

#: Switches under one message, and characters of their labels: what stays readable on a phone.
SWITCHES, LABEL = 40, 30

#: Job ids are SQLite row ids: at most 19 digits.
_JOB = re.compile(
    r"(?:(?P<rate>r):(?P<rated>[1-9][0-9]{0,17}):(?P<value>[1-5])|(?P<action>[afwdcz]):(?P<job>[1-9][0-9]{0,17}))"
)

_SETTLE = re.compile(r"s:(?P<report>[1-9][0-9]{0,17}):(?P<how>[1-3])")

_WHY = re.compile(
    r"(?:(?P<switch>o):(?P<of>[1-9][0-9]{0,17}):(?P<number>0|[1-9][0-9]?)|(?P<action>[gnp]):(?P<job>[1-9][0-9]{0,17}))"
)

#: Rows of (label, data).
Rows = Sequence[Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Press:
    """A pressed button: `job` and `value` for those under a picture, `model` for the choice of one.

    `value` is a rating, or the number of an added tag.
    """

    action: str
    job: int = 0
    value: int = 0
    model: str = ""


def decode(data: str) -> Press | None:
    """What a button says it is; None for anything easel does not make."""
    if data.startswith(f"{MODEL}:") and len(data) > 2:
        return Press(MODEL, model=data[2:])
    if data == FORGET:
        return Press(FORGET)
    if match := _SETTLE.fullmatch(data):
        return Press(SETTLE, int(match["report"]), int(match["how"]))
    if match := _WHY.fullmatch(data):
        if match["switch"]:
            return Press(SWITCH, int(match["of"]), int(match["number"]))
        return Press(match["action"], int(match["job"]))
    match = _JOB.fullmatch(data)
    if match is None:
        return None
    if match["rate"]:
        return Press(RATE, int(match["rated"]), int(match["value"]))
    return Press(match["action"], int(match["job"]))


def encode(press: Press) -> str:
    if press.action == MODEL:
        return f"{MODEL}:{press.model}"
    if press.action == FORGET:
        return FORGET
    name = f"{press.action}:{press.job}"
    return f"{name}:{press.value}" if press.action in (RATE, SWITCH, SETTLE) else name


def under_picture(job_id: int, language: str, rating: int = 0) -> Rows:
    """Rows of (label, data); `rating` is what the person gave, 0 for nothing."""
    stars = [(f"⭐{value}" + (" ✓" if value == rating else ""), Press(RATE, job_id, value)) for value in range(1, 6)]
    others = [
        (say("button_again", language), Press(AGAIN, job_id)),
        (say("button_file", language), Press(FILE, job_id)),
        (say("button_why", language), Press(WHY, job_id)),
        (say("button_delete", language), Press(DELETE, job_id)),
        (say("button_report", language), Press(REPORT, job_id)),
    ]
    return [[(label, encode(press)) for label, press in row] for row in (stars, others[:2], others[2:])]


def settle(report_id: int, language: str) -> Rows:
    """What an admin can do about a report, in the order of `bot.reports.SETTLEMENTS`."""
    labels = ("settle_remove", "settle_dismiss", "settle_block")
    return [
        [(say(label, language), encode(Press(SETTLE, report_id, number)))] for number, label in enumerate(labels, 1)
    ]


def cancel(job_id: int, name: str, language: str) -> Sequence[tuple[str, str]]:
    """A row that cancels a job; `name` tells which where there are several."""
    return [(f"{say('button_cancel', language)} {name}".strip(), encode(Press(CANCEL, job_id)))]


def under_why(job_id: int, language: str, tags: Sequence[tuple[str, bool]], *, changed: bool) -> Rows:
    """A switch for each added tag (its text, and whether it is on).

    Args:
        changed: whether the picture was painted with other switches, so that painting it again shows a difference.
    """
    switches = [
        (f"{'✅' if on else '⬜'} {text[:LABEL]}", encode(Press(SWITCH, job_id, number)))
        for number, (text, on) in enumerate(tags[:SWITCHES])
    ]
    rows = [switches[start : start + 2] for start in range(0, len(switches), 2)]
    if changed:
        rows.append([(say("button_switched", language), encode(Press(SWITCHED, job_id)))])
    if not all(on for _, on in tags):
        rows.append([(say("button_never", language), encode(Press(NEVER, job_id)))])
    return rows


def forget(language: str) -> Rows:
    """Confirms that everything about whoever presses it is to be deleted."""
    return [[(say("button_forget", language), encode(Press(FORGET)))]]


def promote(job_id: int, language: str, *, serves: bool) -> Sequence[tuple[str, str]]:
    """An admin's button: whether everybody's retrieval uses the prompt."""
    return [(say("button_demote" if serves else "button_promote", language), encode(Press(PROMOTE, job_id)))]


def models(ids: Iterable[str], chosen: str) -> Rows:
    """A row for each model whose id fits into a button; longer ones can be typed."""
    rows = [(f"{model} ✓" if model == chosen else model, encode(Press(MODEL, model=model))) for model in ids]
    return [[row] for row in rows if len(row[1].encode()) <= MAX_DATA]
