"""From what a person wrote to a brief: requests, refinements of the last one, and talk.

Reads Chinese, English and mixtures of both with lexicons and small grammars; needs no model. Knows nothing of
dialects, the library or pictures.
"""

from __future__ import annotations

import re
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import Brief, first_alone
from promptlib.understanding import conversation, degrees, parameters, raw, request, story
from promptlib.understanding.story import names_a_picture

__all__ = ["understand"]

_QUESTIONS = ("about_", "help")
#: The tables of messages that ask for no picture.
_TALK = ("chat", "statement", "foreign_talk")
#: Patterns that skip white space would try a long run of it from each of its places.
_GAP = re.compile(r"\s{3,}")


def understand(text: str, previous: Brief | None = None) -> Brief:
    """The brief of a message; with the previous brief, a message may change that one."""
    written, text = text, _GAP.sub(_narrow, text)
    return replace(_understand(text, previous), text=written)


def _narrow(gap: re.Match[str]) -> str:
    return "\n" if "\n" in gap[0] else " "


def _understand(text: str, previous: Brief | None) -> Brief:
    if infotext := raw.read_infotext(text):
        return infotext
    flags = parameters.Parameters()
    unflagged = parameters.extract_flags(text, flags)
    if flags.raw or raw.looks_like_tags(unflagged):
        return _with_parameters(Brief("image", text, raw=unflagged.strip()), flags)
    message = request.prepare(text)
    changeable = previous is not None and previous.kind in ("image", "refine")
    if changeable and (change := request.meant("suggestion", message.spoken)):
        message = replace(message, text=change, spoken=change)
    intent = _chat_intent(message.spoken)
    if intent and intent != "unclear":
        kind = "question" if intent.startswith(_QUESTIONS) else "chat"
        return Brief(kind, text, message.language, intent=intent)
    rest, found = parameters.extract(message.text)
    if intent == "unclear" and not found.said():
        return Brief("chat", text, message.language, intent=intent)
    parts = story.without_story(_without_talk(request.clauses(rest)), request.unframed)
    if previous is not None and changeable:
        refined = conversation.refine(previous, message, parts, found)
        if refined is not None:
            return _with_parameters(replace(refined, kind="refine", text=text, language=message.language), found)
    parts = conversation.without_restart(parts)
    wishes = [part for part in parts if degrees.is_degree(request.unframed(part))]
    reading = request.read_message(message, [part for part in parts if part not in wishes])
    brief = Brief("image", text, message.language, phrases=first_alone(reading.phrases), avoid=_distinct(reading.avoid))
    for wish in wishes:
        brief = degrees.apply(brief, request.unframed(wish)) or brief
    brief = _with_parameters(brief, found)
    if not brief.phrases:
        return _nothing_to_paint(brief, found)
    return brief


def _chat_intent(text: str) -> str:
    """What a message that is only talk is about; empty where it may be a request."""
    lexicon = lexicons.load()

    def about(part: str) -> str:
        said = _bare(part)
        opening = lexicon.patterns["opening"][0][1].match(said)
        forms = (said, said[opening.end() :]) if opening else (said,)
        found = next((found for form in forms for table in _TALK if (found := lexicon.match(table, form))), None)
        return found[0] if found else ""

    parts = request.clauses(text)
    if whole := about(text):
        return "" if any(names_a_picture(part) for part in parts) else whole
    matches = [about(part) for part in parts]
    return matches[-1] if matches and all(matches) else ""


def _bare(text: str) -> str:
    return re.sub(r"[\s。.!?~,…、]+$", "", text.strip()).strip()


def _without_talk(parts: list[str]) -> list[str]:
    """The clauses that are not mere greetings, thanks and praise."""
    rest = [part for part in parts if not _chat_intent(part) or _chat_intent(part) in ("unclear", "about_prompt")]
    return rest if rest else parts


def _nothing_to_paint(brief: Brief, found: parameters.Parameters) -> Brief:
    if brief.avoid or found.said():
        return replace(brief, kind="chat", intent="nothing_to_change")
    return replace(brief, kind="chat", intent="unclear")


def _with_parameters(brief: Brief, found: parameters.Parameters) -> Brief:
    """The brief with what was said about the format; what was not said stays."""
    sized = found.width is not None
    return replace(
        brief,
        aspect=found.aspect or ("" if sized else brief.aspect),
        width=found.width if sized or found.aspect else brief.width,
        height=found.height if sized or found.aspect else brief.height,
        count=found.count if found.count is not None else brief.count,
        seed=found.seed if found.seed is not None else brief.seed,
        avoid=_distinct([*brief.avoid, *found.avoid]),
        notes=(*brief.notes, *found.notes),
    )


def _distinct(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
