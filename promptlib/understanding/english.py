"""Reading an English clause: the person's own words, cut into phrases, with the kind of each word.

Words stay in the order in which they were said. Knows no conversation and no framing; those are taken off before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, FORMAT_DOMAINS, Phrase, Word
from promptlib.understanding import chinese, segment, spelling
from promptlib.understanding.chinese import Reading
from promptlib.understanding.words import MODIFIER_SLOTS, positive_of

_TOKEN = re.compile(r"[A-Za-zÀ-ÿ0-9][A-Za-zÀ-ÿ0-9'’\-/&]*(?:\.\d+)?|[\ue000-\uf8ff]|[\u3400-\u9fff]+|&|%")
#: What may stand between a negation and the thing: no *other* than these.
_AFTER_NEGATION = {
    *"no any a an the single include have want add draw show use put like of some be".split(),  # noqa: SIM905
    *"with having please in to see".split(),  # noqa: SIM905
}
_NOBODY = {"nobody": "people", "nothing": "objects"}
#: Relations that lead to something; alone at the end of a clause they say nothing.
_LEADING = {"with", "of", "for", "in", "to", "by", "as", "from", "at", "on", "into", "like"}
#: Starting a new thought after "and": no cars and *a* blue sky.
_ANEW = {"a", "an", "the", "his", "her", "its", "their", "some", "with", "in", "on", "at", "make"}


def read(text: str, quotes: tuple[str, ...] = ()) -> Reading:
    """The phrases of one clause."""
    tokens = [_spelled(token, at) for at, token in enumerate(_TOKEN.findall(text))]
    while tokens and tokens[0].lower() == "of":
        tokens = tokens[1:]  # what was said before is taken off: a vertical picture of
    reading = Reading()
    kept: list[str] = []
    at = 0
    while at < len(tokens):
        lowered = tokens[at].lower()
        kind = _kind(lowered)
        if kind == "negation" and _negates(tokens, at):
            at = _negation(tokens, at, reading)
            _drop_dangling(kept)
        elif kind in _NOBODY:
            reading.avoid.append(_NOBODY[kind])
            at += 1
        elif lowered.endswith("-free") and len(lowered) > 5:
            reading.avoid.append(lowered.removesuffix("-free"))
            at += 1
        else:
            if lacking := lexicons.load().groups["lacking"].get(lowered):
                reading.avoid.append(lacking)  # a treeless hill stays one
            kept.append(tokens[at])
            at += 1
    reading.phrases = list(_phrases(_predicates(words(kept, quotes))))
    reading.avoid = [_in_english(thing) for thing in reading.avoid]
    return reading


def _spelled(token: str, at: int) -> str:
    """A token without slips of the pen; a capital inside a sentence is a name's."""
    return spelling.mended(token.lower() if at == 0 and token[1:].islower() and mendable(token) else token)


def mendable(token: str) -> bool:
    return spelling.mended(token.lower()) != token.lower()


def words(tokens: list[str], quotes: tuple[str, ...] = ()) -> list[Word]:
    """The kind of every token, the longest expressions of the lexicon first."""
    lexicon, row, at = lexicons.load(), list[Word](), 0
    while at < len(tokens):
        token = tokens[at]
        if "\ue000" <= token <= "\uf8ff":
            row.append(Word(f'"{quotes[ord(token) - segment.QUOTE_BASE]}"', "quote"))
            at += 1
            continue
        if "\u3400" <= token[0] <= "\u9fff":
            row += _translated(token)
            at += 1
            continue
        length = next(
            (n for n in range(min(lexicon.longest, len(tokens) - at), 0, -1) if _entry(tokens[at : at + n])), 0
        )
        if length:
            entry = _entry(tokens[at : at + length])
            assert entry is not None
            piece = " ".join(tokens[at : at + length])
            row.append(Word(_cased(piece, not row and entry.english[:1].islower()), entry.kind, entry.domain))
            at += length
        else:
            row.append(_guess(token, not row))
            at += 1
    return row


def _entry(tokens: list[str]) -> lexicons.Entry | None:
    """The lexicon's entry for an expression; a colour and its thing are looked up one by one."""
    lexicon = lexicons.load()
    found = lexicon.find_english(" ".join(tokens))
    if found and found.kind == "noun" and len(tokens) > 1:
        if any(_kind(token.lower()) == "relation" and token.lower() != "of" for token in tokens):
            return None
        if _kind(tokens[0].lower()) == "number":
            return None  # two cats may become three
        color, thing = lexicon.english.get(tokens[0].lower()), lexicon.find_english(" ".join(tokens[1:]))
        if color and thing and color.kind == "color" and thing.kind == "noun":
            return None
    return found


def _cased(text: str, first: bool) -> str:
    """Words that only begin a sentence lose their capital."""
    return text.lower() if first and text[:1].isupper() and text[1:].islower() else text


def _guess(token: str, first: bool) -> Word:
    lowered = token.lower()
    if positive := positive_of(lowered):
        return Word(positive, "adjective")
    if token.isdigit():
        return Word(lowered, "number")
    if re.fullmatch(r"\w{2,}ing", lowered):
        return Word(lowered, "verb")
    if re.fullmatch(r"\w{3,}(ed|y|ful|ous|ish|ive|less|ic|al|est|er-looking)|[\w]+-[\w]+ed|\w+-looking", lowered):
        return Word(_cased(token, first), "adjective")
    return Word(_cased(token, first) if lowered != token and first and len(token) > 1 else token, "noun")


def _translated(token: str) -> list[Word]:
    """Chinese inside English, read by the Chinese grammar."""
    reading = chinese.read(segment.segment(token))
    return [replace(word) for phrase in reading.phrases for word in phrase.words if word.text]


def _in_english(thing: str) -> str:
    """What is unwanted, where it was named in Chinese; a capital only begins the sentence."""
    if not re.search(r"[\u3400-\u9fff]", thing):
        known = lexicons.load().find_english(thing)
        return thing.lower() if known and known.english[:1].islower() else thing
    return " ".join(word.text for token in thing.split() for word in words([token]))


def _negates(tokens: list[str], at: int) -> bool:
    following = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
    if tokens[at].lower() in ("no", "not") and following in ("longer", "matter", "only", "just"):
        return False
    return bool(following)


def _kind(token: str) -> str:
    entry = lexicons.load().english.get(token)
    return entry.kind if entry else ""


def _negation(tokens: list[str], at: int, reading: Reading) -> int:
    """Collect what is not wanted, up to where something else begins."""
    owned = at > 0 and tokens[at].lower() == "without"
    at += 1
    while at < len(tokens) and tokens[at].lower() in _AFTER_NEGATION:
        at += 1
    thing: list[str] = []
    while at <= len(tokens):
        token = tokens[at].lower() if at < len(tokens) else ""
        following = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
        conjunction = token in ("or", "and", "nor", "&")
        starts_anew = conjunction and token != "or" and following in _ANEW
        ends = _kind(token) == "relation" and token != "of"
        ends = ends or (owned and bool(thing) and _guess(token, False).kind == "verb")  # a knight without armor sitting
        if not token or conjunction or ends or token in ("but", "just", "only", "please", "while"):
            if thing:
                reading.avoid.append(" ".join(thing))
            thing = []
            if not conjunction or starts_anew:
                break
            at += following in ("no", "any", "not", "without")
        elif _kind(token) != "article" and token != "any":
            thing.append(tokens[at])
        at += 1
    while at < len(tokens) and tokens[at].lower() in ("but", "just", "and"):
        at += 1
    return at


def _drop_dangling(kept: list[str]) -> None:
    """``with no hat``, ``there should be no hat``: what led up to the negation goes with it."""
    while kept and (kept[-1].lower() in ("with", "having") or _kind(kept[-1].lower()) in ("and", "skipped")):
        kept.pop()


def _predicates(row: list[Word]) -> list[Word]:
    """``the sky is red`` -> ``red sky``; other forms of be, and talk, are dropped."""
    result: list[Word] = []
    at = 0
    while at < len(row):
        word = row[at]
        if word.kind == "skipped" and word.text.lower() in ("is", "are", "looks", "look") and result:
            end = at + 1
            while end < len(row) and row[end].kind in {*ATTRIBUTE_KINDS, "adverb"}:
                end += 1
            ends = end == len(row) or row[end].kind in ("and", "relation", "skipped")
            if end > at + 1 and ends and result[-1].kind == "noun":
                start = len(result) - 1
                while start > 0 and result[start - 1].kind in {"noun", *ATTRIBUTE_KINDS}:
                    start -= 1
                result[start:start] = row[at + 1 : end]
                at = end
                continue
        following = row[at + 1].text if at + 1 < len(row) else ""
        if word.kind != "skipped" or (word.text == "made" and following == "of"):
            result.append(word if word.kind != "skipped" else Word("made", "verb"))
        elif result and word.text.lower() in ("depicting", "depicts", "showing", "shows"):
            result.append(Word("of", "relation"))
        elif result and result[-1].kind == "relation" and word.text in ("it", "them", "him", "her", "me", "us"):
            result.append(Word(word.text, "pronoun"))
        at += 1
    return result


def _phrases(row: list[Word]) -> Iterable[Phrase]:
    """Cut where a relation or an action begins; "portrait of X" gives the portrait and X."""
    current: list[Word] = []
    yielded = False
    for index, word in enumerate(row):
        only_modifiers = bool(current) and all(
            w.kind in {*MODIFIER_SLOTS, "article", *ATTRIBUTE_KINDS} for w in current
        )
        if word.text.lower() == "of" and word.kind == "relation":
            if only_modifiers and any(w.kind in MODIFIER_SLOTS for w in current):
                yield _phrase(current, False)
                current, yielded = [], False
                continue
            formats = bool(current) and any(w.domain in FORMAT_DOMAINS for w in current)
            if formats:
                yield _phrase(current, yielded)
                current, yielded = [word], True
            else:
                current.append(word)
            continue
        lead = current and all(w.kind in ("relation", "and", "article") for w in current)
        lists = word.kind == "and" and _lists_attributes(current, row[index + 1 : index + 2])
        begins = (word.kind in ("relation", "and") and not lists) or (
            word.kind == "verb" and not lead and _is_action(row, index) and current and current[-1].kind != "verb"
        )
        if begins and current and not lead:
            yield _phrase(current, yielded)
            current, yielded = [], True
        word = replace(word, text="and") if word.kind == "and" else word
        if word.kind == "and" and not current and not yielded:
            continue
        current.append(word)
    while current and (current[-1].kind in ("and", "article") or current[-1].text.lower() in _LEADING):
        current.pop()
    alone = not any(word.kind in ("relation", "and") for word in current)
    if len(current) > 1 and alone and current[-1].text in ("one", "ones") and current[-2].kind in ATTRIBUTE_KINDS:
        current.pop()
    if current:
        yield _phrase(current, yielded)


def _lists_attributes(before: list[Word], after: list[Word]) -> bool:
    """``brown and cream colors`` stays in one piece."""
    described = {*ATTRIBUTE_KINDS, "palette", "article"}
    shade = bool(after) and after[0].text.lower() in lexicons.load().groups["shades"]
    listed = shade and all(word.kind == "color" for word in before)
    return bool(before and after) and (
        listed or (after[0].kind in described and all(word.kind in described for word in before))
    )


def _is_action(row: list[Word], index: int) -> bool:
    """A participle after its noun is an action; before one it describes it (a flying fox)."""
    before = row[index - 1] if index else Word("", "end")
    return before.kind in ("noun", "quote", "number")


def _phrase(row: list[Word], joined: bool) -> Phrase:
    words = tuple(row)
    while words and words[0].kind == "article" and not joined:
        words = words[1:]
    return Phrase(words, slot_of(words), joined)


def slot_of(words: tuple[Word, ...]) -> str:
    """What a phrase is about, by its first telling word."""
    kinds = [word.kind for word in words]
    if not words:
        return "other"
    things = [w for w in words if w.kind == "noun"]
    modifiers = [kind for kind in kinds if kind in MODIFIER_SLOTS]
    if modifiers and not [w for w in things if w.domain not in ("", "background", "part") or w is words[-1]]:
        return MODIFIER_SLOTS[modifiers[0]]
    if kinds[0] == "verb":
        return "action"
    if kinds[0] == "relation" and words[0].text != "of":
        if modifiers and len(things) < 1:
            return MODIFIER_SLOTS[modifiers[0]]
        return "setting"
    if "quote" in kinds:
        return "text"
    if things:
        return "subject"
    return "attribute"
