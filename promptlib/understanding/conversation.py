"""Changing the last brief: what a message adds, replaces, removes, brings back, or wants more or less of.

A message is taken clause by clause; data/lexicon/edits.tsv says what a clause does, this module does it. What was
not mentioned stays. Knows no framing of requests and no chat; both are taken off before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, Brief, Phrase, Word, first_alone
from promptlib.understanding import avoiding, blending, degrees, editing, finding
from promptlib.understanding.parameters import Parameters, number
from promptlib.understanding.request import Message, read_clause, unframed
from promptlib.understanding.words import gerund

#: Things that make a picture of their own when named alone; others (a hat, snow) join the picture there is.
_PICTURE_DOMAINS = {
    "animal",
    "person",
    "vehicle",
    "building",
    "fantasy",
    "place",
    "food",
    "plant",
    "object",
    "landmark",
    "",
}
#: Something is said to be somewhere in the picture.
_THERE_IS = re.compile(r".{0,6}[上里中外旁边前后下面处内间](?:还|也|再|要|应该)?有")
_SOMEWHERE = re.compile(
    r"(?:on|to) the (?:left|right)(?: side)?$|(?:at|near) the (?:top|bottom)$|in (?:the|a|one) (?:[\w]+ ){0,2}"
    r"(?:corner|background|foreground|middle|cent(?:er|re)|distance)$",
    re.IGNORECASE,
)
#: A longer clause is no change of one thing.
_LONGEST_EDIT = 300
#: Phrases, and words of one: more than any model reads. Without an end, refining again and again takes ever longer.
_MOST_PHRASES, _MOST_WORDS = 200, 100
#: Said before something that joins the picture there is.
_ADDS = re.compile(r"(?:maybe|perhaps|also|and|plus|with|then)\b|还|也|再|另外|或许|也许", re.IGNORECASE)
_PRONOUNS = re.compile(r"\b(?:it|him|her|them|this|that|the same)\b|它|他|她|这", re.IGNORECASE)


def without_restart(parts: list[str]) -> list[str]:
    """The clauses without "forget it" and its like."""
    lexicon = lexicons.load()
    rest = [part for part in parts if not lexicon.match("fresh", part.strip())] or parts
    start = lexicon.match("fresh_start", rest[0]) if rest else None
    return [start[1]["new"], *rest[1:]] if start else rest


def refine(previous: Brief, message: Message, parts: list[str], found: Parameters) -> Brief | None:
    """The previous brief changed, or None where the message starts afresh."""
    lexicon = lexicons.load()
    parts = _reconsidered(parts)
    if any(lexicon.match("fresh", part) for part in parts):
        return None
    if not parts:
        return previous if found.said() else None
    parts = _heeded(parts)
    brief = replace(previous, notes=())
    for index, part in enumerate(parts):
        start = lexicon.match("fresh_start", part)
        if index == 0 and start and not _names_known(start[1]["new"], previous, message):
            return None
        instead = len(brief.avoid) > len(previous.avoid)
        changed = _clause(brief, part, message, first=index == 0, instead=instead)
        if changed is None:
            return None
        brief = changed
    phrases = first_alone(_without_and(brief.phrases))[:_MOST_PHRASES]
    brief = replace(brief, phrases=tuple(replace(phrase, words=phrase.words[-_MOST_WORDS:]) for phrase in phrases))
    return replace(brief, recent=_recent(previous, brief))


def _recent(previous: Brief, brief: Brief) -> tuple[str, ...]:
    """What refinements brought, in their order, for models that cannot have all of it at once."""
    before, now = ({w.text: None for p in one.phrases for w in p.words if w.text} for one in (previous, brief))
    kept = [text for text in previous.recent if text in now]
    return (*kept, *[text for text in now if text not in before])


def _reconsidered(parts: list[str]) -> list[str]:
    """The clauses after "never mind" and its like, where they go on about the same picture (算了,不要雪)."""
    lexicon = lexicons.load()
    if len(parts) < 2 or not lexicon.match("second_thoughts", parts[0]) or lexicon.match("fresh_start", parts[1]):
        return parts
    changes = lexicon.match("edit", parts[1]) or lexicon.match("second_thoughts", parts[1])
    return parts[1:] if changes or read_clause(unframed(parts[1])).avoid else parts


def _heeded(parts: list[str]) -> list[str]:
    """The clauses, where a complaint only tells why the next asks for a change: too red, make it blue."""
    lexicon = lexicons.load()
    row = list(parts)
    for at in reversed(range(len(row) - 1)):
        complaint = lexicon.match("complaint", row[at].strip())
        if complaint is None:
            continue
        noun = (complaint[1]["noun"] or "").strip()
        if noun and lexicon.match("away", row[at + 1].strip()):
            row[at : at + 2] = [f"remove the {noun}" if noun.isascii() else f"把{noun}去掉"]
        elif (edit := lexicon.match("edit", _plainly(row[at + 1]))) and edit[0].startswith("replace"):
            row[at : at + 1] = []
    return row


def _without_and(phrases: tuple[Phrase, ...]) -> tuple[Phrase, ...]:
    """The phrases, the first of which follows nothing."""
    if phrases and phrases[0].words[0].kind in ("and", "relation") and phrases[0].words[0].text == "and":
        return (replace(phrases[0], words=phrases[0].words[1:]), *phrases[1:])
    return phrases


def _names_known(new: str, previous: Brief, message: Message) -> bool:
    """``make two foxes`` after a fox is still that picture; ``draw it bigger`` as well."""
    if _PRONOUNS.match(new):
        return True
    return bool(re.match(r"make\b", message.text.strip(), re.IGNORECASE)) and any(
        finding.find(previous, word) is not None
        for phrase in read_clause(unframed(new), message.quotes).phrases
        for word in phrase.nouns()[-1:]
    )


def _clause(brief: Brief, part: str, message: Message, first: bool, instead: bool = False) -> Brief | None:
    """The brief changed by one clause; `instead` tells that the message took something out before it."""
    lexicon = lexicons.load()
    first = first and _ADDS.match(part) is None
    part = _plainly(part)
    if counted := lexicon.match("increase", part):
        return _increase(brief, counted[1]["n"], counted[0])
    if (changed := degrees.apply(brief, part)) is not None:
        return changed
    for label, pattern in lexicon.patterns["edit"] if len(part) < _LONGEST_EDIT else ():
        if (found := pattern.fullmatch(part)) is None:
            continue
        groups = {key: value for key, value in found.groupdict().items() if value}
        if "new2" in groups:
            groups["new"] = groups["new2"]
        if label == "replace_main" and instead:
            label = "add"  # 不要雪,改成红叶: in place of the snow, not of the temple
        if (changed := _EDITS[label](brief, groups, message)) is not None:
            return changed
    return _say(brief, part, message, first)


def _plainly(part: str) -> str:
    """A clause without politeness and small talk before it."""
    part = part.strip().rstrip("!.。")
    for _, pattern in lexicons.load().patterns["politely"] * 2:
        found = pattern.match(part)
        part = part[found.end() :] if found else part
    return part


def _say(brief: Brief, part: str, message: Message, first: bool) -> Brief | None:
    """A clause without a verb of change: it adds what it names, avoids what it denies, or starts a new picture."""
    stripped = unframed(part)
    stripped = (
        re.sub(r"^(?:as|like|in|make it|let it be|with)\s+(?=an?\s|the\s|\w)", "", stripped)
        if _as_style(stripped)
        else stripped
    )
    reading = read_clause(stripped, message.quotes)
    for thing in reading.avoid:
        brief = avoiding.avoid(brief, thing)
    if first and _stands_alone(brief, reading.phrases, stripped):
        return None
    for group in finding.groups(reading.phrases):
        brief = editing.merge(brief, group)
    return brief


def _as_style(text: str) -> bool:
    """``as an oil painting``, ``like a children's book illustration``: a way of painting, not a thing."""
    if not re.match(r"(?:as|like|make it|in)\s", text, re.IGNORECASE):
        return False
    phrases = read_clause(re.sub(r"^(?:as|like|make it|in)\s+", "", text)).phrases
    return any(
        p.slot in ("style", "medium", "artist") or any(w.kind in ("style", "medium") for w in p.words) for p in phrases
    )


def _stands_alone(brief: Brief, phrases: list[Phrase], text: str) -> bool:
    """Whether a clause names a picture of its own instead of a part of the one there is."""
    if not phrases or phrases[0].slot != "subject" or phrases[0].words[0].kind == "relation":
        return False
    head = phrases[0].head
    if head is None or head.domain not in _PICTURE_DOMAINS or _PRONOUNS.search(text):
        return False
    if finding.find(brief, head) is not None or _THERE_IS.match(text) or _SOMEWHERE.search(text):
        return False
    complete = re.match(r"(?:an?|some|two|three|\d+)\s|[一两三]", text) is not None
    return complete or head.domain in {"animal", "vehicle", "building", "landmark", "fantasy"}


def _read(text: str, message: Message) -> list[Phrase]:
    return read_clause(unframed(text), message.quotes).phrases


def _again(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    return replace(brief, seed=None)


def _restore(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    for way in (groups["new"], f"{groups['new']} painting"):  # oil was better
        if _as_style(f"as {way}"):
            return _say(brief, f"as {way}", message, first=False)
    phrases = _read(groups["new"], message)
    if _PRONOUNS.fullmatch(groups["new"].strip()):
        phrases = [replace(phrase, joined=False) for phrase in brief.removed[-1:]]
    heads = [head for phrase in phrases if (head := phrase.head)]
    if not heads or not any(
        avoiding.was_removed(brief, head) or finding.find(brief, head) is not None for head in heads
    ):
        return None
    for group in finding.groups(phrases):
        brief = editing.restore(brief, group)
    return brief


def _replace(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    new = _read(groups["new"], message)
    if re.search(r"背景|background", groups["old"]):
        return _replace_background(brief, groups, message)
    old = [phrase for phrase in _read(groups["old"], message) if phrase.words]
    if not new:
        return None
    if len(old) > 1 and old[0].head and finding.is_color_word(old[0].head) and old[1].words[0].text == "of":
        old = [replace(old[0], words=(*old[1].words, *old[0].words))]  # the color of the hat
    if not old or re.fullmatch(r"it|this|that|them|him|her|它|他|她|这个?|图|画面", groups["old"].strip()):
        return editing.substitute(brief, new)
    return editing.exchange(brief, old[0], new)


def _replace_main(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    way = re.sub(r"^(?:as|like|in)\s+", "", groups["new"])
    if _as_style("as " + way):
        return _say(brief, "as " + way, message, first=False)
    if (changed := degrees.apply(brief, groups["new"])) is not None:
        return changed
    if doing := _doing(groups["new"]):
        return _say(brief, doing, message, first=False)
    new = _read(groups["new"], message)
    if made_of := _made_of(brief, groups["new"], new):
        return editing.merge(brief, [made_of])
    return editing.substitute(brief, new) if new else None


def _made_of(brief: Brief, text: str, new: list[Phrase]) -> Phrase | None:
    """换成巧克力的: a cake of it, not the thing itself."""
    at = finding.main_subject(brief)
    main = brief.phrases[at].head if at is not None else None
    if len(new) != 1 or not text.endswith("的") or main is None or main.domain in ("person", "animal"):
        return None
    head = new[0].head
    if head is None or head.domain not in ("food", "mass", "material", "plant"):
        return None
    words = tuple(replace(w, kind="material") if w.kind == "noun" else w for w in new[0].words)
    return Phrase(words, "attribute")


def _doing(text: str) -> str:
    """``smile`` of "make her smile" as a caption says it, empty where the text begins with no verb."""
    first, _, rest = text.lower().partition(" ")
    lexicon = lexicons.load()
    known, said = lexicon.english.get(first), lexicon.english.get(gerund(first))
    if said is None or said.kind not in ("verb", "weather", "adjective") or (known and known.kind in ATTRIBUTE_KINDS):
        return ""
    return f"{gerund(first)} {rest}".strip()


def _replace_background(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    new = _read(groups["new"], message)
    return editing.exchange(brief, Phrase((Word("background", "noun", "background"),), "setting"), new) if new else None


def _remove(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    if _PRONOUNS.fullmatch(groups["old"].strip()):
        last = next(
            (head for phrase in reversed(brief.phrases[1:]) if phrase.slot == "subject" and (head := phrase.head)), None
        )
        return avoiding.avoid(brief, last.text) if last is not None else None
    if groups["old"].strip() == "背景":
        return avoiding.avoid(brief, "background")  # without what it shall be, it makes no phrase
    for phrase in _read(groups["old"], message):
        brief = avoiding.avoid(
            brief, " ".join(w.text for w in phrase.words if w.kind not in ("article", "relation", "and"))
        )
    return brief


def _increase(brief: Brief, said: str, label: str) -> Brief | None:
    """多画一只, one more of them, one less: so many more or fewer of the main subject."""
    at = finding.main_subject(brief)
    if at is None:
        return None
    counted = [word.text for word in brief.phrases[at].words]
    now = next((number(text.partition(" ")[0]) for text in counted if number(text.partition(" ")[0])), 1)
    count = now + number(said) if label == "more" else now - number(said)
    return blending.set_number(brief, max(count, 1), said)


def _only(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    """Just the cat: the other subjects go, but may come back."""
    head = next((head for phrase in _read(groups["new"], message) if (head := phrase.head)), None)
    at = finding.find(brief, head) if head is not None else None
    if at is None:
        return None
    others = [
        phrase
        for index, phrase in enumerate(brief.phrases)
        if index != at and (phrase.slot == "subject" or phrase.words[0].kind == "and" or phrase.words[0].text == "and")
    ]
    kept = tuple(phrase for phrase in brief.phrases if phrase not in others)
    return replace(brief, phrases=kept, removed=(*brief.removed, *others))


def _number(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    at = finding.main_subject(brief)
    main = brief.phrases[at].head if at is not None else None
    if "who" in groups and (main is None or main.domain != "person"):
        return None  # two people beside a castle, not two castles
    return blending.set_number(brief, number(groups["n"]), groups["n"])


def _add(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    for group in finding.groups(_read(groups["new"], message)):
        brief = editing.merge(brief, editing.worn(brief, group))
    return brief


def _attribute(brief: Brief, groups: dict[str, str], message: Message) -> Brief | None:
    """``make the sky purple``; not where the last word names a thing."""
    new = _read(groups["new"], message)
    if not new or any(phrase.nouns() for phrase in new):
        return None
    return _replace(brief, groups, message)


_EDITS: dict[str, Callable[[Brief, dict[str, str], Message], Brief | None]] = {
    "again": _again,
    "restore": _restore,
    "replace": _replace,
    "replace_main": _replace_main,
    "replace_background": _replace_background,
    "remove": _remove,
    "only": _only,
    "number": _number,
    "add": _add,
    "attribute": _attribute,
}
