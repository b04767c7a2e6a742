"""From one row of a file to a library prompt: field names, likes, licences, and what is not a prompt.

Knows the collections that easel imports by their fields; knows nothing of files or the library.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from promptlib.records import LibraryPrompt
from promptlib.rows import tags_from
from promptlib.scoring import prior_from_likes
from promptlib.scripts import guess_language

#: Characters; longer ones are instructions for an assistant and not prompts for an image model.
MAX_PROMPT = 4000
DIALECTS = ("tags", "booru", "sentence", "chinese", "doodle")
_KNOWN = {field.name for field in dataclasses.fields(LibraryPrompt)}
#: A quoted name and a colon behind a brace: JSON in the text, straight or curly quotes.
_STRUCTURED = re.compile(r'[{\[][^{}\[\]]{0,40}["“][^"”]{1,60}["”]\s*[::]')


class BadRow(ValueError):
    """Why a row is skipped, in a few words."""


def from_object(value: Any, source: str) -> LibraryPrompt:
    """A JSON object: ours, or an entry of a known collection."""
    if not isinstance(value, dict):
        raise BadRow("not a JSON object")
    _require_unicode(value)
    if "likes" in value and "prompt" in value:
        return _trending(value, source)
    if "prompt" in value and "text" not in value:
        return from_style(value, source)
    if set(value) == {"text", "image"}:
        return _imagereward(value, source)
    return _own(value, source)


def from_style(fields: Mapping[Any, Any], source: str) -> LibraryPrompt:
    """An A1111 style. With a placeholder it is a template: kept in `extra`, and its words without it are the text."""
    _require_unicode(dict(fields))
    template = _text(fields.get("prompt"))
    pieces = [piece.strip(" ,.\n") for piece in template.split("{prompt}")]
    extra = {"title_en": str(fields.get("name") or "").strip()}
    if len(pieces) > 1:
        extra["template"] = template
    text = _text(", ".join(piece for piece in pieces if piece))
    negative = str(fields.get("negative_prompt") or "").strip()
    return LibraryPrompt(
        0,
        text,
        negative=negative,
        dialect=guess_dialect(text),
        language=guess_language(text),
        source=source,
        extra={name: word for name, word in extra.items() if word},
    )


def _trending(value: Mapping[str, Any], source: str) -> LibraryPrompt:
    """jau123/nanobanana-trending-prompts, CC BY 4.0: author and link must be kept."""
    text, likes = _text(value["prompt"]), value["likes"]
    if not isinstance(likes, int):
        raise BadRow("likes are not a number")
    return LibraryPrompt(
        0,
        text,
        dialect=guess_dialect(text),
        language=guess_language(text),
        source=source or "jau123",
        source_url=str(value.get("source_url") or value.get("sourceUrl") or ""),
        author=str(value.get("author_name") or value.get("author") or ""),
        licence="CC BY 4.0",
        prior=prior_from_likes(likes),
        extra={"likes": likes, "model": str(value.get("model", "")), "categories": value.get("categories", [])},
    )


def _imagereward(value: Mapping[str, Any], source: str) -> LibraryPrompt:
    """THUDM/ImageReward, whose prompts come from DiffusionDB."""
    text = _text(value["text"])
    return LibraryPrompt(
        0,
        text,
        dialect=guess_dialect(text),
        language=guess_language(text),
        source=source or "imagereward",
        source_url="https://github.com/THUDM/ImageReward",
        licence="Apache-2.0 (prompts from DiffusionDB, CC0)",
    )


def _own(value: Mapping[str, Any], source: str) -> LibraryPrompt:
    """Our own format; fields it does not know go to `extra`."""
    text = _text(value.get("text"))
    extra = dict(_mapping(value, "extra")) | {name: word for name, word in value.items() if name not in _KNOWN}
    eligible = value.get("eligible", True)
    return LibraryPrompt(
        0,
        text,
        negative=_string(value, "negative"),
        family=_string(value, "family"),
        source_url=_string(value, "source_url"),
        author=_string(value, "author"),
        licence=_string(value, "licence"),
        created=_string(value, "created"),
        dialect=_dialect(value, text),
        tags=_tags(value),
        source=source or _string(value, "source"),
        language=_string(value, "language") or guess_language(text),
        params=dict(_mapping(value, "params")),
        extra=extra,
        prior=_prior(value),
        promoted=None if eligible else False,
    )


def _require_unicode(value: Any) -> None:
    """Lone surrogates come from bytes that are not UTF-8, or from half a pair of JSON escapes."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise BadRow("not valid Unicode in UTF-8") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadRow("no text" if value is None else "the text is not a string")
    text = value.strip()
    if not text:
        raise BadRow("empty")
    if len(text) > MAX_PROMPT:
        raise BadRow(f"longer than {MAX_PROMPT} characters")
    if _STRUCTURED.search(text):
        raise BadRow("structured data (JSON), not a prompt in words")
    return text


def _string(value: Mapping[str, Any], name: str) -> str:
    field = value.get(name)
    if not isinstance(field, str | None):
        raise BadRow(f"{name} is not a string")
    return field or ""


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    field = value.get(name)
    if not isinstance(field, dict | None):
        raise BadRow(f"{name} is not an object")
    return field or {}


def _tags(value: Mapping[str, Any]) -> Any:
    tags = value.get("tags", [])
    if not isinstance(tags, list) or not all(
        isinstance(tag, dict) and isinstance(tag.get("text"), str) for tag in tags
    ):
        raise BadRow("tags are not a list of objects with a text")
    return tags_from(tags, "")


def _prior(value: Mapping[str, Any]) -> float | None:
    prior = value.get("prior")
    if prior is None:
        return None
    if isinstance(prior, bool) or not isinstance(prior, int | float) or not 1 <= prior <= 5:
        raise BadRow("prior is not a number from 1 to 5")
    return float(prior)


def _dialect(value: Mapping[str, Any], text: str) -> str:
    dialect = _string(value, "dialect") or guess_dialect(text)
    if dialect not in DIALECTS:
        raise BadRow(f"unknown dialect {dialect[:30]!r}")
    return dialect


def guess_dialect(text: str) -> str:
    """``chinese``, ``sentence`` (sentences that end, or long stretches without a comma) or ``tags``."""
    if guess_language(text) != "en":
        return "chinese"
    stretches = [len(part.split()) for part in re.split(r"[,;|\n]", text)]
    sentences = len(re.findall(r"[a-z)][.!?](?:\s+[A-Z]|$)", text))
    return "sentence" if sentences >= 2 or sum(stretches) / len(stretches) > 10 else "tags"
