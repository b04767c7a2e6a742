"""Library prompts as database rows and back: column names, JSON columns, identity, and the text that is embedded.

Knows the shape of the table `prompts` and nothing of queries.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from promptlib.records import LibraryPrompt, Tag

#: Columns that a source may set; the others are derived or kept by the library.
CONTENT = (
    "text",
    "negative",
    "dialect",
    "family",
    "tags",
    "source",
    "source_url",
    "author",
    "licence",
    "language",
    "params",
    "extra",
    "prior",
)


def prompt_key(prompt: LibraryPrompt) -> str:
    """The identity of a prompt: equal for texts that differ only in case, spacing or a closing comma or stop."""
    text = unicodedata.normalize("NFC", prompt.text).casefold()
    parts = [" ".join(text.split()).strip(" ,.;"), " ".join(prompt.negative.split()), prompt.dialect, prompt.family]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def content(prompt: LibraryPrompt) -> dict[str, Any]:
    """The values of `CONTENT` as they go into the table."""
    row = {name: getattr(prompt, name) for name in CONTENT}
    row["tags"] = _dump([{"text": tag.text, "slot": tag.slot} for tag in prompt.tags])
    row["params"] = _dump(prompt.params)
    row["extra"] = _dump(prompt.extra)
    return row


def tags_from(items: list[Mapping[str, str]], origin: str) -> tuple[Tag, ...]:
    return tuple(Tag(item["text"], item.get("slot", "other"), origin) for item in items)


def from_row(row: Mapping[str, Any]) -> LibraryPrompt:
    """A row of `prompts`, with `ratings` counted beside it."""
    values = {name: row[name] for name in CONTENT}
    values["tags"] = tags_from(json.loads(row["tags"]), f"library:{row['id']}")
    values["params"] = json.loads(row["params"])
    values["extra"] = json.loads(row["extra"])
    return LibraryPrompt(
        id=row["id"],
        **values,
        score=row["score"],
        ratings=row["ratings"],
        eligible=bool(row["eligible"]),
        created=row["created"],
        owner=row["owner"],
        promoted=None if row["promoted"] is None else bool(row["promoted"]),
        removed=bool(row["removed"]),
    )


def passage_text(text: str, extra: Mapping[str, Any]) -> str:
    """What is embedded for a prompt: its titles, where the source gave some, then the prompt itself.

    A title says in few words, and in a second language, what the picture is about.
    """
    titles = [str(extra[name]) for name in ("title_zh", "title_en") if extra.get(name)]
    return "; ".join([*titles, text])


def searched_text(text: str, extra: Mapping[str, Any]) -> str:
    """What full-text search looks through."""
    return " ".join([text, *map(str, extra.values())])


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
