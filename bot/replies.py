"""What easel says about a picture or a message, put together from plain data. Knows no chat library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.texts import TEXTS, language_of, say, span
from pipeline.jobs import Job, Outlook
from pipeline.profiles import Profile
from promptlib.brief import Brief

#: Telegram's limits, after entities are parsed; other fronts have wider ones.
CAPTION, MESSAGE = 1024, 4096


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning with an ellipsis. Counted as Telegram does, in UTF-16 units."""
    if len(text.encode("utf-16-le")) // 2 <= limit:
        return text
    kept = text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", errors="ignore")
    return kept + "…"


def caption(job: Job, language: str) -> str:
    """What stands under a picture: the prompt used, model, seed, size, and what could not be done."""
    tail = [f"{say('model', language)}: {job.model} · {say('seed', language)}: {job.seed} · {job.width}×{job.height}"]
    tail += notes(job.extra.get("notes", []), language)
    # What is too long says so in a note; that a model does not know a word is nowhere else.
    tail += dropped([item for item in job.extra.get("dropped", []) if item["reason"] == "vocabulary"], language)
    end = shorten("\n".join(tail), 400)
    body = job.prompt
    if job.negative:
        body += f"\n{say('negative', language)}: {job.negative}"
    return f"{shorten(body, CAPTION - len(end.encode('utf-16-le')) // 2 - 2)}\n\n{end}"


def notes(codes: list[Any], language: str) -> list[str]:
    """What promptlib noted, in words; codes without words are for programs only."""
    return [say(f"note_{code}", language, **values) for code, values in codes if f"note_{code}" in TEXTS]


def why(job: Job, language: str) -> str:
    """Tag by tag where a prompt came from, and what was left out."""
    extra = job.extra
    lines = [say("why_title", language, request=shorten(str(extra.get("request", "")), 300))]
    scores = {source["id"]: source["score"] for source in extra.get("sources", [])}
    tags = extra.get("tags", [])
    lines += [f"· {tag['text']} — {_origin(tag, scores, language)}" for tag in tags]
    if not tags:
        lines.append(say("why_nothing", language))
    for tag in extra.get("negatives", []):
        text = say("why_negative", language, text=tag["text"])
        lines.append(f"· {text} — {_origin(tag, scores, language)}")
    lines += dropped(extra.get("dropped", []), language)
    # What did not fit is told already.
    lines += notes([note for note in extra.get("notes", []) if note[0] != "dropped"], language)
    ways = ("understood_by", "understood_without")
    lines += [say(code, language, **values) for code, values in extra.get("notes", []) if code in ways]
    return shorten("\n".join(lines), MESSAGE)


def dropped(items: list[Mapping[str, str]], language: str) -> list[str]:
    """What was left out, a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for item in items:
        reasons.setdefault(item["reason"], []).append(item["text"])
    return [say(f"why_dropped_{reason}", language, tags=", ".join(texts)) for reason, texts in reasons.items()]


def _origin(tag: dict[str, str], scores: Mapping[int, float], language: str) -> str:
    kind, _, number = tag["origin"].partition(":")
    if kind == "library":
        return say("origin_library", language, id=number, score=f"{scores.get(int(number), 0):.1f}")
    if kind == "translation" and not tag.get("source"):
        kind = "words"
    return say(f"origin_{kind}", language, source=tag.get("source", ""))


def talk(brief: Brief, language: str, profiles: Mapping[str, Profile]) -> str:
    """The answer to a message that is no request."""
    if brief.kind == "refused":
        return say("refused", language)
    key = f"chat_{brief.intent}"
    return say(key if key in TEXTS else "chat_unclear", language, models=", ".join(profiles))


def outcome(job: Job, language: str) -> str:
    """Why a job has no pictures."""
    reason = say(f"error_{job.fault}", language) if f"error_{job.fault}" in TEXTS else job.error
    return say("failed", language, reason=reason) if reason else say("failed_general", language)


def explain(error: Exception, language: str) -> str:
    """An error raised on purpose, in a person's language. What the machine's owner needs of it is in the log."""
    keys = (f"error_{kind.__name__}" for kind in type(error).__mro__)
    if known := next((key for key in keys if key in TEXTS), ""):
        return say(known, language)
    # Raised in English for who runs it, or in the person's own language already.
    return say("general", language) if language == "zh" != language_of(str(error)) else str(error)


def waiting(outlook: Outlook | None, language: str) -> str:
    """How long a job waits; None for one that waits no longer."""
    if outlook is None or not outlook.ahead:
        return say("painting", language)
    if outlook.seconds is None:
        return say("queued", language, ahead=outlook.ahead)
    return say("queued_until", language, ahead=outlook.ahead, wait=span(outlook.seconds, language))
