"""Operations on a brief's phrases: merge, restore, exchange, substitute. Each returns a new brief.

A *group* is a phrase and the joined ones that go on from it. How things are found, described, counted and avoided is
done in modules of their own. Knows nothing of what people ask for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, FORMAT_DOMAINS, NOUN_KINDS, Brief, Phrase, Word
from promptlib.understanding.avoiding import unavoid
from promptlib.understanding.blending import blend, colors_folded, describe
from promptlib.understanding.finding import (
    PLACES,
    end_of_group,
    find,
    groups,
    insert,
    is_color_word,
    is_place,
    main_subject,
    same,
    with_phrase,
)
from promptlib.understanding.nouns import animate
from promptlib.understanding.words import MODIFIER_SLOTS

#: Of these a body does one at a time.
_POSTURES = ("sitting", "standing", "lying", "kneeling", "squatting", "sleeping", "walking", "running", "jumping")


#: Whoever is, sleeps no more.
_AWAKE = {"awake", "wide awake"}
#: Kinds of which a picture has one at a time: a new one takes the place of the old.
_EXCLUSIVE = {
    "style": "style",
    "medium": "style",
    "artist": "style",
    "time": "time",
    "light": "light",
    "camera": "camera",
    "weather": "weather",
    "palette": "palette",
}


def merge(brief: Brief, group: Sequence[Phrase]) -> Brief:
    """Add a group: to the thing it names if that is there, in place of what it excludes, else at the end."""
    first, rest = group[0], [replace(phrase, joined=True) for phrase in group[1:]]
    brief = unavoid(brief, [word for phrase in group for word in phrase.nouns()])
    modifier = next((w for w in first.words if w.kind in _EXCLUSIVE), None)
    if modifier and (first.slot not in ("subject", "action", "setting") or modifier.kind in ("time", "weather")):
        brief = _without_kind(brief, modifier)
        return insert(brief, len(brief.phrases), [first, *rest])
    head = first.head
    if first.slot == "attribute" and head is None:
        if any(word.text in _AWAKE for word in first.words):
            brief = replace(
                brief, phrases=tuple(p for p in brief.phrases if not p.words[0].text.startswith("sleeping"))
            )
        return describe(brief, first.words)
    if head is not None and first.slot == "subject":
        known = find(brief, head)
        if known is not None:
            brief = with_phrase(brief, known, blend(brief.phrases[known], first.words))
            return insert(brief, known + 1, rest)
        brief = colors_folded(brief)
        if head.domain == "background" or head.text == "background":
            brief = _drop_background(brief)
    if first.slot in ("action", "setting") or first.words[0].kind == "relation":
        return _extend(brief, first, rest)
    return insert(brief, len(brief.phrases), [replace(first, joined=False), *rest])


def worn(brief: Brief, group: Sequence[Phrase]) -> list[Phrase]:
    """Clothes that are added are worn, where there is somebody to wear them."""
    at, head = main_subject(brief), group[0].head
    wearer = brief.phrases[at].head if at is not None else None
    if not (head and wearer and head.domain == "clothes" and animate(wearer)) or group[0].slot != "subject":
        return list(group)
    verb = "holding" if re.search(r"umbrella|parasol|\bfan\b|bag\b|suitcase|cane|basket", head.text) else "wearing"
    return [Phrase((Word(verb, "verb"), *group[0].words), "action"), *group[1:]]


def _extend(brief: Brief, phrase: Phrase, rest: Sequence[Phrase]) -> Brief:
    """What the main subject does or where it is, in place of where it was."""
    head = phrase.head
    if phrase.slot == "setting" and head is not None and head.domain in PLACES:
        brief = replace(brief, phrases=tuple(p for p in brief.phrases if not is_place(p)))
    if phrase.words[0].text.startswith(_POSTURES):
        brief = replace(brief, phrases=tuple(p for p in brief.phrases if not p.words[0].text.startswith(_POSTURES)))
    at = main_subject(brief)
    if at is None:
        return insert(brief, len(brief.phrases), [replace(phrase, joined=False), *rest])
    return insert(brief, end_of_group(brief, at), [replace(phrase, joined=True), *rest])


def _drop_background(brief: Brief) -> Brief:
    return replace(brief, phrases=tuple(p for p in brief.phrases if not (p.head and p.head.text == "background")))


def _without_kind(brief: Brief, word: Word) -> Brief:
    """The brief without other words of a kind that a picture has one of."""
    group = _EXCLUSIVE[word.kind]
    seasons = lexicons.load().groups["seasons"]
    kept: list[Phrase] = []
    for phrase in brief.phrases:
        words = tuple(
            w
            for w in phrase.words
            if _EXCLUSIVE.get(w.kind) != group
            or (w.domain != word.domain and group == "weather")
            or (group == "time" and (w.text in seasons) != (word.text in seasons))
        )
        if words == phrase.words:
            kept.append(phrase)
        elif any(w.kind in NOUN_KINDS and w.domain not in FORMAT_DOMAINS for w in words):
            kept.append(replace(phrase, words=words))
    return replace(brief, phrases=tuple(kept))


def restore(brief: Brief, group: Sequence[Phrase]) -> Brief:
    """Bring back what was taken out, as it was; else keep or add it."""
    heads = [head for phrase in group if (head := phrase.head)]
    back = [p for p in brief.removed if any(same(noun, head) for noun in p.nouns() for head in heads)]
    brief = unavoid(brief, heads)
    if not back:
        return merge(brief, group)
    brief = replace(brief, removed=tuple(p for p in brief.removed if p not in back))
    for phrase in back:
        words = phrase.words[1:] if phrase.words[0].text == "and" and phrase.words[1:] else phrase.words
        brief = merge(brief, [replace(phrase, words=words, joined=False)])
    return brief


def exchange(brief: Brief, old: Phrase, new: Sequence[Phrase]) -> Brief:
    """Put the new phrases where the old thing was named."""
    head = old.head or old.words[-1]
    quote = next((w for phrase in new for w in phrase.words if w.kind == "quote"), None)
    for index, phrase in enumerate(brief.phrases if quote else ()):
        if quote and any(w.kind == "quote" for w in phrase.words):
            words = tuple(quote if w.kind == "quote" else w for w in phrase.words)
            return with_phrase(brief, index, replace(phrase, words=words))
    if head.text == "background":
        return _new_background(brief, new)
    if new[0].head is None and old.head is not None and is_color_word(old.head):
        at = next((at for w in old.words if w is not old.head and (at := find(brief, _owner(w))) is not None), None)
        at = main_subject(brief) if at is None else at
        return merge(brief, new) if at is None else with_phrase(brief, at, blend(brief.phrases[at], new[0].words))
    if new[0].head is None and old.head is not None and new[0].slot == "attribute":
        at = find(brief, old.head)
        if at is not None:
            return with_phrase(brief, at, blend(brief.phrases[at], new[0].words))
        first = next((i for i, w in enumerate(old.words) if w.kind in NOUN_KINDS), 0)
        words = (*old.words[:first], *new[0].words, *old.words[first:])
        return merge(brief, worn(brief, [Phrase(words, "subject")]))
    for index, phrase in enumerate(brief.phrases):
        position = next(
            (
                i
                for i, w in enumerate(phrase.words)
                if w.text.lower() == head.text.lower() or (w.kind == "noun" and head.kind == "noun" and same(w, head))
            ),
            None,
        )
        if position is not None:
            return _put(brief, index, position, new)
    return substitute(brief, new)


def _owner(word: Word) -> Word:
    """小狗 of 小狗的颜色."""
    entry = lexicons.load().find_english(text := word.text.removesuffix("'s"))
    return Word(text, "noun", entry.domain if entry else word.domain)


def _put(brief: Brief, index: int, position: int, new: Sequence[Phrase]) -> Brief:
    """New words in place of one word of a phrase and of what described it."""
    lexicon = lexicons.load()
    phrase = brief.phrases[index]
    words = tuple(w for w in new[0].words if w.kind not in ("article",))
    if words and words[0].kind == "relation" and phrase.words[0].kind == "relation":
        words = words[1:]
    old = phrase.words[position]
    start = position
    if old.kind == "noun" and any(w.kind == "noun" for w in words):
        while start > 0 and phrase.words[start - 1].kind in (
            {"noun"} | (ATTRIBUTE_KINDS if _described(words) else set())
        ):
            start -= 1
    counted = [w for w in phrase.words[:start] if w.kind == "number" and w.text not in ("", "one", "1")]
    of = any(w.text == "of" for w in phrase.words[1:position])
    if counted and not of and words and words[-1].kind == "noun" and not any(w.kind == "number" for w in words):
        words = (*words[:-1], replace(words[-1], text=lexicon.plural(words[-1].text)))
    before = phrase.words[:start]
    if any(w.kind == "number" and w.text for w in words):
        before = tuple(w for w in before if w.kind not in ("number", "article"))
    merged = replace(phrase, words=(*before, *words, *phrase.words[position + 1 :]))
    brief = with_phrase(brief, index, merged)
    brief = unavoid(brief, [w for p in new for w in p.nouns()])
    return insert(brief, index + 1, [replace(p, joined=True) for p in new[1:]])


def _described(words: Sequence[Word]) -> bool:
    return any(w.kind in ATTRIBUTE_KINDS for w in words)


def _new_background(brief: Brief, new: Sequence[Phrase]) -> Brief:
    brief = _drop_background(brief)
    kept = tuple(p for p in brief.phrases if not is_place(p))
    words = tuple(w for w in new[0].words if w.kind not in ("article", "relation") or w is not new[0].words[0])
    if not any(w.text == "background" for w in words):
        words = (*words, Word("background", "noun", "background"))
    return replace(brief, phrases=(*kept, Phrase(words, "setting"), *[replace(p, joined=True) for p in new[1:]]))


def substitute(brief: Brief, new: Sequence[Phrase]) -> Brief:
    """Replace what in the picture is of the same sort as the new thing; the main subject if nothing is."""
    first = new[0]
    head = first.head
    if (
        (first.slot in MODIFIER_SLOTS.values() and first.slot != "setting")
        or head is None
        or first.words[0].kind == "verb"
    ):
        for group in groups(new):
            brief = merge(brief, group)
        return brief
    if (known := find(brief, head)) is not None:
        brief = with_phrase(brief, known, blend(brief.phrases[known], first.words))
        return insert(brief, known + 1, [replace(p, joined=True) for p in new[1:]])
    main_at = main_subject(brief)
    order = [*([main_at] if main_at is not None else []), *reversed(range(len(brief.phrases)))]
    for phrase_index in order:
        phrase = brief.phrases[phrase_index]
        for position in reversed(range(len(phrase.words))):
            word = phrase.words[position]
            if word.kind == "noun" and word.domain and word.domain == head.domain:
                return _put(brief, phrase_index, position, new)
    if head.domain in PLACES and any(is_place(p) for p in brief.phrases):
        return _extend(brief, replace(first, slot="setting", words=_located(first.words)), new[1:])
    at = main_subject(brief)
    dressed = worn(brief, new)
    main = brief.phrases[at].head if at is not None else None
    if at is None or dressed[0] != first or (main is not None and main.domain in FORMAT_DOMAINS):
        return merge(brief, dressed)
    words = brief.phrases[at].words
    return _put(brief, at, max(i for i, w in enumerate(words) if w.kind in NOUN_KINDS), new)


def _located(words: tuple[Word, ...]) -> tuple[Word, ...]:
    return words if words[0].kind == "relation" else (Word("in", "relation"), *words)
