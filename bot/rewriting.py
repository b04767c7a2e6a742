"""``easel rewrite``: texts to prompts, one at a time or as conversations in JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot import replies
from bot.assistant import Assistant
from bot.settings import effective, load_settings
from bot.switches import folded
from bot.texts import language_of
from bot.writer import Written, notes_json, sources_json, tags_json
from promptlib.brief import Brief
from promptlib.errors import PromptlibError

#: What prompts are written for when nobody names a model. The embedded model's vocabulary is small: a prompt for it
#: is of no use anywhere else.
DEFAULT_MODEL = "sdxl"


@dataclass(frozen=True)
class Rewritten:
    """One text and what it became."""

    written: Written
    reply: str
    assistant: Assistant
    model: str

    def to_json(self) -> dict[str, Any]:
        prompt, brief = self.written.prompt, self.written.brief
        answer: dict[str, Any] = {
            "kind": {"refine": "image", "question": "chat"}.get(brief.kind, brief.kind),
            "model": self.model,
            "prompt": prompt.positive if prompt else "",
            "negative": prompt.negative if prompt else "",
            "params": {
                "width": prompt.width if prompt else None,
                "height": prompt.height if prompt else None,
                "count": prompt.count if prompt else None,
                "seed": prompt.seed if prompt else None,
            },
            "tags": tags_json(prompt) if prompt else [],
            "dropped": [{"text": t.text, "reason": why} for t, why in prompt.dropped] if prompt else [],
            "sources": sources_json(self.written) if prompt else [],
            "notes": notes_json(prompt) if prompt else [],
        }
        return answer | ({"reply": self.reply} if self.reply else {})

    def not_added(self, without: Sequence[str]) -> list[str]:
        """Which of these were not there to be left out."""
        prompt = self.written.prompt
        off = {folded(tag.text) for tag, reason in prompt.dropped if reason == "off"} if prompt else set()
        return [tag for tag in without if folded(tag) not in off]

    def to_text(self, *, explain: bool = False) -> str:
        if self.written.prompt is None:
            return self.reply
        language = language_of(self.written.brief.text)
        job = self.assistant.job_for(self.written, self.model, "cli", language=language)
        if explain:
            return f"{job.prompt}\n\n{replies.why(job, language)}"
        return job.prompt + (f"\n\nNegative prompt: {job.negative}" if job.negative else "")


class Rewriter:
    """Rewrites for one model."""

    def __init__(self, model: str | None, *, amount: str | None = None, without: Sequence[str] = ()) -> None:
        settings = load_settings()
        self.amount = amount or settings.amount
        self.without = [folded(tag) for tag in without]
        self.assistant = Assistant(settings)
        named = effective(os.environ, settings.home)["model"][1] != "default"
        self.profile = self.assistant.profile(model or (settings.model if named else DEFAULT_MODEL))

    def rewrite(self, text: str, previous: Brief | None = None) -> Rewritten:
        """Rewrite one text; with the brief of the turn before, as a turn of that conversation."""
        writer = self.assistant.tables.writer
        blocked = self.assistant.tables.moderation.choices().blocked
        written = writer.write(
            text, self.profile, previous=previous, amount=self.amount, without=self.without, blocked=blocked
        )
        reply = ""
        if written.prompt is None:
            reply = replies.talk(written.brief, language_of(text), self.assistant.profiles)
        return Rewritten(written, reply, self.assistant, self.profile.id)

    def lines(self, source: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Answer JSON lines ``{"id", "session", "text"}``; a line that cannot be read is answered with its error."""
        briefs: dict[str, Brief] = {}
        for number, line in enumerate(source, 1):
            if not line.strip():
                continue
            row = _read(line)
            named = {"id": row.get("id"), "session": row.get("session")}
            if not isinstance(row.get("text"), str):
                yield {**named, "error": f'Line {number} is no JSON object with a "text".'}
                continue
            session = f"line {number}" if named["session"] is None else str(named["session"])
            try:
                answer = self.rewrite(row["text"], briefs.get(session))
            except PromptlibError as error:
                yield {**named, "error": str(error)}
                continue
            if answer.written.prompt is not None:
                briefs[session] = answer.written.brief
            yield {**named, **answer.to_json()}


def _read(line: str) -> dict[str, Any]:
    """The JSON object in a line; empty if there is none."""
    try:
        row = json.loads(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}
