"""Switching off what easel adds: which tags are off in a conversation, and which a person never wants.

A job remembers every tag that was added to its prompt, so it can be painted again with other switches, a month
later too. Knows no chat library.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database, Migrations

from bot.errors import EaselError
from bot.replies import MESSAGE, shorten
from bot.texts import say
from pipeline.jobs import Job
from promptlib.compose import rendered, switched_on
from promptlib.migrations import bring_up
from promptlib.records import Prompt, Tag, Target

#: Characters of tags that one command may name.
MAX_NAMED = 500

migrations = Migrations("bot.switches")


@migrations()
def m001_switched_off(db: Database) -> None:
    # `chat` is empty where a tag is off for a person for ever, `person` where it is off for one conversation.
    db.execute("""
        CREATE TABLE switched_off (
            chat TEXT NOT NULL,
            person TEXT NOT NULL,
            tag TEXT NOT NULL,
            created TEXT NOT NULL,
            PRIMARY KEY (chat, person, tag)
        ) WITHOUT ROWID""")
    db.execute("CREATE INDEX switched_off_person ON switched_off (person)")


@dataclass(frozen=True)
class Added:
    """A tag that easel added to a job's prompt, or left out because it was off (`painted` tells which)."""

    tag: Tag
    painted: bool


def folded(text: str) -> str:
    """A tag as switches compare it: case and spacing do not matter."""
    return " ".join(text.split()).casefold()


class Switches:
    """The table `switched_off` of a database that is passed in."""

    def __init__(self, db: Database) -> None:
        self.db = db
        bring_up(db, migrations)

    def off(self, chat: str, person: str = "") -> frozenset[str]:
        """What is off in the conversation that goes on in a chat, and what this person never wants."""
        return self._tags(chat, "") | (self.never(person) if person else frozenset())

    def never(self, person: str) -> frozenset[str]:
        """What a person never wants."""
        return self._tags("", person)

    def _tags(self, chat: str, person: str) -> frozenset[str]:
        sql = "SELECT tag FROM switched_off WHERE chat = ? AND person = ?"
        return frozenset(tag for (tag,) in self.db.execute(sql, [chat, person]))

    def switch_off(self, tags: Iterable[str], *, chat: str = "", person: str = "") -> None:
        rows = [(chat, person, folded(tag), datetime.now(UTC).isoformat()) for tag in tags]
        with self.db.atomic():
            self.db.conn.executemany("INSERT OR IGNORE INTO switched_off VALUES (?, ?, ?, ?)", rows)

    def switch_on(self, tag: str, *, chat: str = "", person: str = "") -> bool:
        """Take a tag back in; False if it was not off here."""
        sql = "DELETE FROM switched_off WHERE chat = ? AND person = ? AND tag = ? RETURNING tag"
        return bool(list(self.db.query(sql, [chat, person, folded(tag)])))

    def toggle(self, job: Job, number: int, chat: str, person: str) -> tuple[str, bool]:
        """Switch an added tag of a job off, or on again; the tag, and whether it is on now."""
        everything = added(job)
        if number >= len(everything):
            raise EaselError(f"Job {job.id} has no added tag {number}.")
        tag = everything[number].tag.text
        if folded(tag) not in self.off(chat, person):
            self.switch_off([tag], chat=chat)
            return tag, False
        self.switch_on(tag, chat=chat)
        self.switch_on(tag, person=person)
        return tag, True

    def states(self, job: Job, chat: str, person: str) -> list[tuple[str, bool, bool]]:
        """The added tags of a job by number: text, whether it is on now, and whether it was painted with it."""
        off = self.off(chat, person)
        return [(one.tag.text, folded(one.tag.text) not in off, one.painted) for one in added(job)]

    def keep_off(self, job: Job, chat: str, person: str) -> list[str]:
        """Never again add, for this person, what is off of a job's added tags; those."""
        tags = [text for text, on, _ in self.states(job, chat, person) if not on]
        self.switch_off(tags, person=person)
        return tags

    def named(self, words: str, person: str, language: str, *, allow: bool = False) -> str:
        """Keep the tags that a person names off for ever, or `allow` them again; what to say, which is all of them."""
        tags = [tag for part in re.split("[,,、\n]", words[:MAX_NAMED]) if (tag := folded(part))]
        if allow and tags:
            return "\n".join(
                say("allowed" if self.switch_on(tag, person=person) else "not_off", language, tag=tag) for tag in tags
            )
        self.switch_off(tags, person=person)
        off = ", ".join(sorted(self.never(person)))
        return shorten(say("never_now" if off else "never_nothing", language, tags=off), MESSAGE)

    def start_afresh(self, chat: str) -> None:
        """A new conversation has begun in a chat."""
        self.db.execute("DELETE FROM switched_off WHERE chat = ? AND person = ''", [chat])

    def forget(self, person: str, chats: Iterable[str]) -> None:
        """Delete what a person switched off, and what is off in these chats."""
        with self.db.atomic():
            self.db.execute("DELETE FROM switched_off WHERE person = ?", [person])
            self.db.conn.executemany("DELETE FROM switched_off WHERE chat = ?", [(chat,) for chat in chats])


def added(job: Job) -> list[Added]:
    """What can be switched off in a job's prompt, in a fixed order: buttons name these by their number."""
    tags = [(_tag(item), True) for item in (*job.extra.get("tags", []), *job.extra.get("negatives", []))]
    tags += [(_tag(item), False) for item in job.extra.get("dropped", []) if item["reason"] == "off"]
    return [Added(tag, painted) for tag, painted in tags if tag.added]


def repainted(job: Job, target: Target, off: Collection[str]) -> Job:
    """The same job, seed and all, with its added tags on or off as these switches say."""
    extra = job.extra
    tags, negatives = (tuple(map(_tag, extra.get(name, []))) for name in ("tags", "negatives"))
    prompt = Prompt("", "", job.width, job.height, job.count, job.seed, tags, negatives)
    for one in added(job):
        if not one.painted and folded(one.tag.text) not in off:
            prompt = switched_on(prompt, one.tag, target)
    gone = [tag for tag in (*prompt.tags, *prompt.negatives) if tag.added and folded(tag.text) in off]
    gone += [one.tag for one in added(job) if not one.painted and folded(one.tag.text) in off]
    prompt = replace(
        prompt,
        tags=tuple(tag for tag in prompt.tags if tag not in gone),
        negatives=tuple(tag for tag in prompt.negatives if tag not in gone),
        dropped=tuple((tag, "off") for tag in gone),
    )
    others = [item for item in extra.get("dropped", []) if item["reason"] != "off"]
    prompt = rendered(prompt, target)
    described = {**extra, **tags_json(prompt)}
    described["dropped"] = [*others, *described["dropped"]]
    return replace(job, prompt=prompt.positive, negative=prompt.negative, extra=described)


def tags_json(prompt: Prompt) -> dict[str, Any]:
    """What a job remembers of the tags of its prompt."""
    return {
        "tags": [_row(tag) for tag in prompt.tags],
        "negatives": [_row(tag) for tag in prompt.negatives],
        "dropped": [{**_row(tag), "reason": reason} for tag, reason in prompt.dropped],
    }


def _row(tag: Tag) -> dict[str, str]:
    return {"text": tag.text, "slot": tag.slot, "origin": tag.origin, "source": tag.source}


def _tag(item: Mapping[str, str]) -> Tag:
    # Jobs that were stored by earlier versions name less of what was dropped.
    return Tag(item["text"], item.get("slot", "other"), item.get("origin", "words"), item.get("source", ""))
