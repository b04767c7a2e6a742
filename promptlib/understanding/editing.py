"""Operations on a brief's phrases: merge, remove, restore, exchange, count. Each returns a new brief.

A *group* is a phrase and the joined ones that go on from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, FORMAT_DOMAINS, NOUN_KINDS, Brief, Phrase, Word
from promptlib.understanding.nouns import animate
from promptlib.understanding.words import MODIFIER_SLOTS

_PLACES = {"place", "nature", "building", "landmark"}
#: Of these a body does one at a time.
_POSTURES = ("sitting", "standing", "lying", "kneeling", "squatting", "sleeping", "walking", "running", "jumping")
_EVERYBODY = {"people", "person", "human", "humans", "anyone"}
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


def groups(phrases: Sequence[Phrase]) -> list[list[Phrase]]:
    found: list[list[Phrase]] = []
    for phrase in phrases:
        if phrase.joined and found:
            found[-1].append(phrase)
        else:
            found.append([phrase])
    return found


def same(one: Word, other: Word) -> bool:
    """Whether two nouns name the same thing, be it one or many of it."""
    lexicon = lexicons.load()
    first, second = lexicon.lemma(one.text), lexicon.lemma(other.text)
    return first == second or (first.split()[-1:] == second.split()[-1:] and bool(first) and one.domain == other.domain)


def find(brief: Brief, word: Word) -> int | None:
    """The phrase that names a thing."""
    for index, phrase in enumerate(brief.phrases):
        if any(same(noun, word) for noun in phrase.nouns()):
            return index
    return None


def main_subject(brief: Brief) -> int | None:
    """The phrase of what the picture is about."""
    for formats in (False, True):
        for index, phrase in enumerate(brief.phrases):
            head = phrase.head
            if (
                phrase.slot == "subject"
                and head
                and head.kind == "noun"
                and (formats or head.domain not in FORMAT_DOMAINS)
            ):
                return index
    return None


def _end_of_group(brief: Brief, start: int) -> int:
    end = start + 1
    while end < len(brief.phrases) and brief.phrases[end].joined:
        end += 1
    return end


def _with_phrase(brief: Brief, index: int, phrase: Phrase) -> Brief:
    return replace(brief, phrases=(*brief.phrases[:index], phrase, *brief.phrases[index + 1 :]))


def _insert(brief: Brief, index: int, phrases: Sequence[Phrase]) -> Brief:
    return replace(brief, phrases=(*brief.phrases[:index], *phrases, *brief.phrases[index:]))


def merge(brief: Brief, group: Sequence[Phrase]) -> Brief:
    """Add a group: to the thing it names if that is there, in place of what it excludes, else at the end."""
    first, rest = group[0], [replace(phrase, joined=True) for phrase in group[1:]]
    brief = unavoid(brief, [word for phrase in group for word in phrase.nouns()])
    modifier = next((w for w in first.words if w.kind in _EXCLUSIVE), None)
    if modifier and (first.slot not in ("subject", "action", "setting") or modifier.kind in ("time", "weather")):
        brief = _without_kind(brief, modifier)
        return _insert(brief, len(brief.phrases), [first, *rest])
    head = first.head
    if first.slot == "attribute" and head is None:
        return describe(brief, first.words)
    if head is not None and first.slot == "subject":
        known = find(brief, head)
        if known is not None:
            brief = _with_phrase(brief, known, blend(brief.phrases[known], first.words))
            return _insert(brief, known + 1, rest)
        brief = _colors_folded(brief)
        if head.domain == "background" or head.text == "background":
            brief = _drop_background(brief)
    if first.slot in ("action", "setting") or first.words[0].kind == "relation":
        return _extend(brief, first, rest)
    return _insert(brief, len(brief.phrases), [replace(first, joined=False), *rest])


def several_subjects(brief: Brief) -> bool:
    heads = [p.head for p in brief.phrases if p.slot == "subject" or p.words[0].kind == "and"]
    return sum(1 for head in heads if head is not None and head.domain not in FORMAT_DOMAINS) > 1


def _colors_folded(brief: Brief) -> Brief:
    """Colours that stand alone go to their noun before another one comes."""
    loose = [p for p in brief.phrases if p.slot == "color" and len(p.words) == 1 and p.words[0].kind == "color"]
    at = main_subject(brief)
    if not loose or at is None:
        return brief
    brief = _with_phrase(brief, at, blend(brief.phrases[at], loose[0].words))
    return replace(brief, phrases=tuple(p for p in brief.phrases if p not in loose))


def give_part(brief: Brief, quality: Word, part: Word) -> Brief:
    """A part of the main subject that was not named before: with long hair."""
    at = main_subject(brief)
    owner = brief.phrases[at].head if at is not None else None
    if at is None or owner is None or part.domain != "part" or not animate(owner):
        return _insert(brief, len(brief.phrases), [Phrase((quality, part), "attribute")])
    kept = tuple(
        replace(w, text=re.sub(rf"\b[\w-]+-{re.escape(part.text)}ed\b ?", "", w.text)) for w in brief.phrases[at].words
    )
    brief = _with_phrase(brief, at, replace(brief.phrases[at], words=tuple(w for w in kept if w.text or w.source)))
    had = at + 1 < len(brief.phrases) and brief.phrases[at + 1].words[0].text == "with" and brief.phrases[at + 1].joined
    lead = Word("and", "and") if had else Word("with", "relation")
    return _insert(brief, at + 1 + had, [Phrase((lead, quality, part), "action", True)])


def head_position(words: Sequence[Word]) -> int | None:
    """Where the counted noun stands: the mug of a mug of coffee."""
    of = next((i for i, w in enumerate(words) if w.text == "of" and w.kind == "relation" and i), len(words))
    before = [i for i, w in enumerate(words[:of]) if w.kind == "noun" or (i == of - 1 and w.kind == "material")]
    before = before if of < len(words) else []
    nouns = before or [i for i, w in enumerate(words) if w.kind == "noun"]
    return nouns[-1] if nouns else None


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
    if phrase.slot == "setting" and head is not None and head.domain in _PLACES:
        brief = replace(brief, phrases=tuple(p for p in brief.phrases if not _is_place(p)))
    if phrase.words[0].text.startswith(_POSTURES):
        brief = replace(brief, phrases=tuple(p for p in brief.phrases if not p.words[0].text.startswith(_POSTURES)))
    at = main_subject(brief)
    if at is None:
        return _insert(brief, len(brief.phrases), [replace(phrase, joined=False), *rest])
    return _insert(brief, _end_of_group(brief, at), [replace(phrase, joined=True), *rest])


def _is_place(phrase: Phrase) -> bool:
    head = phrase.head
    return phrase.slot == "setting" and phrase.words[0].kind == "relation" and bool(head and head.domain in _PLACES)


def _drop_background(brief: Brief) -> Brief:
    return replace(brief, phrases=tuple(p for p in brief.phrases if not (p.head and p.head.text == "background")))


def _without_kind(brief: Brief, word: Word) -> Brief:
    """The brief without other words of a kind that a picture has one of."""
    group = _EXCLUSIVE[word.kind]
    kept: list[Phrase] = []
    for phrase in brief.phrases:
        words = tuple(
            w
            for w in phrase.words
            if _EXCLUSIVE.get(w.kind) != group or (w.domain != word.domain and group == "weather")
        )
        if words == phrase.words:
            kept.append(phrase)
        elif any(w.kind in NOUN_KINDS and w.domain not in FORMAT_DOMAINS for w in words):
            kept.append(replace(phrase, words=words))
    return replace(brief, phrases=tuple(kept))


def describe(brief: Brief, words: Sequence[Word]) -> Brief:
    """Attributes for the main subject."""
    at = main_subject(brief)
    if at is None:
        return _insert(brief, len(brief.phrases), [Phrase(tuple(words), "attribute")])
    return _with_phrase(brief, at, blend(brief.phrases[at], words))


def blend(phrase: Phrase, words: Sequence[Word]) -> Phrase:
    """The phrase with the number and attributes of the words; a new colour takes the place of the old."""
    lexicon = lexicons.load()
    attributes = [w for w in words if w.kind in ATTRIBUTE_KINDS]
    numbers = [w for w in words if w.kind == "number" and w.text]
    opposites = {lexicon.groups.get("opposites", {}).get(w.text) for w in attributes} - {None}
    recolored = any(w.kind == "color" for w in attributes)
    kept = [
        w
        for w in phrase.words
        if not (recolored and w.kind == "color")
        and not (numbers and w.kind in ("number", "article"))
        and not (w.kind in ATTRIBUTE_KINDS and lexicon.groups.get("opposites", {}).get(w.text) in opposites)
        and w.text not in {a.text for a in attributes}
    ]
    again = {w.text.rpartition(" ")[2] for w in attributes}
    kept = [_without_opposite(w, opposites, again) if w.kind == "noun" else w for w in kept]
    kept = [w for i, w in enumerate(kept) if not (w.kind == "and" and (i == 0 or kept[i - 1].kind == "and"))]
    heads = [w for w in words if w.kind == "noun"]
    first = next((i for i, w in enumerate(kept) if w.kind in NOUN_KINDS), len(kept))
    if heads:
        kept = [heads[-1] if _narrows(heads[-1], w) else w for w in kept]
    last = head_position(kept)
    if numbers and last is not None and (not heads or same(kept[last], heads[-1])):
        singular = lexicon.lemma(kept[last].text)
        many = numbers[0].text not in ("one", "1")
        kept[last] = replace(kept[last], text=lexicon.plural(singular) if many else singular)
    relation = next((i + 1 for i, w in enumerate(kept[:first]) if w.kind in ("relation", "and")), 0)
    described = kept[relation:first]
    if not recolored:
        cut = next((i for i, w in enumerate(described) if w.kind == "color"), len(described))
    else:
        cut = len(described)
    row = [*kept[:relation], *numbers, *described[:cut], *attributes, *described[cut:], *kept[first:]]
    return replace(phrase, words=tuple(row))


def _narrows(new: Word, old: Word) -> bool:
    """``golden hair`` for ``hair``: the same thing said more exactly."""
    return old.kind == "noun" and new.text.endswith(" " + old.text)


def _without_opposite(noun: Word, opposites: set[str | None], again: set[str]) -> Word:
    """``old man`` made young, ``short hair`` made long: the noun alone."""
    first, _, rest = noun.text.partition(" ")
    if rest and (first in again or lexicons.load().groups.get("opposites", {}).get(first) in opposites - {None}):
        return replace(noun, text=rest, source="")
    return noun


def set_number(brief: Brief, count: int, written: str) -> Brief:
    """So many of the main subject."""
    at = _counted_subject(brief)
    if at is None:
        return brief
    lexicon = lexicons.load()
    phrase = brief.phrases[at]
    words = [w for w in phrase.words if w.kind not in ("number", "article", "measure")]
    last = head_position(words)
    assert last is not None  # a subject has a noun
    text = lexicon.lemma(words[last].text)
    words[last] = replace(words[last], text=lexicon.plural(text) if count > 1 else text)
    lead = 1 if words[0].kind in ("relation", "and") else 0
    names = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    text = names[count] if count < len(names) else str(count)
    words.insert(lead, Word(text, "number", "", written if not written.isascii() else ""))
    return _with_phrase(brief, at, replace(phrase, words=tuple(words)))


def _counted_subject(brief: Brief) -> int | None:
    """What a bare number counts: the main subject, but rather a thing in a landscape than the landscape."""
    things = [
        index
        for index, phrase in enumerate(brief.phrases)
        if phrase.slot == "subject"
        and (head := phrase.head)
        and head.kind == "noun"
        and head.domain not in FORMAT_DOMAINS
    ]
    countable = [i for i in things if (head := brief.phrases[i].head) and head.domain not in _PLACES]
    return next(iter(countable), main_subject(brief))


def avoid(brief: Brief, thing: str) -> Brief:
    """The brief without a thing: what names it is taken out, and it is to be avoided."""
    lexicon = lexicons.load()
    lowered = thing.lower()
    entry = lexicon.find_english(lowered)
    word = Word(lowered, entry.kind if entry else "noun", entry.domain if entry else "")
    kept: list[Phrase] = []
    removed: list[Phrase] = []
    dropping = False
    for phrase in brief.phrases:
        if not phrase.joined or phrase.slot == "subject":
            dropping = False
        if dropping or _names(phrase, word):
            stripped = _strip(phrase, word)
            if stripped is not None and not dropping:
                kept.append(stripped)
                continue
            dropping = dropping or phrase.slot == "subject"
            removed.append(phrase)
        else:
            kept.append(phrase)
    avoided = tuple(dict.fromkeys((*brief.avoid, thing)))
    return replace(brief, phrases=tuple(kept), removed=(*brief.removed, *removed), avoid=avoided)


def _names(phrase: Phrase, word: Word) -> bool:
    if word.text in _EVERYBODY and any(w.domain == "person" for w in phrase.nouns()):
        return True
    if any(same(noun, word) for noun in phrase.nouns()):
        return True
    others = [w for w in phrase.words if w.kind not in NOUN_KINDS]
    if any(w.kind == "weather" and w.text.lower().split()[-1:] == word.text.split()[-1:] for w in others):
        return True  # no snow: nor falling snow
    return any(w.text.lower() == word.text for w in others) or phrase.text == word.text


def _strip(phrase: Phrase, word: Word) -> Phrase | None:
    """The phrase without an unwanted attribute, or None where the phrase itself is unwanted."""
    of = next((i for i, w in enumerate(phrase.words) if i and w.text == "of" and w.kind == "relation"), None)
    if of is not None and same(phrase.words[of - 1], word) and phrase.words[of + 1 :]:
        return replace(phrase, words=phrase.words[of + 1 :])  # no bowl: the strawberries stay
    if word.kind in NOUN_KINDS or not phrase.nouns():
        return None
    words = tuple(w for w in phrase.words if w.text.lower() != word.text)
    return replace(phrase, words=words)


def unavoid(brief: Brief, nouns: Sequence[Word]) -> Brief:
    """What is asked for is no longer to be avoided."""
    kept = tuple(
        thing for thing in brief.avoid if not any(same(Word(thing, "noun", noun.domain), noun) for noun in nouns)
    )
    return replace(brief, avoid=kept)


def was_removed(brief: Brief, word: Word) -> bool:
    return any(same(noun, word) for phrase in brief.removed for noun in phrase.nouns()) or any(
        same(Word(thing, "noun", word.domain), word) for thing in brief.avoid
    )


def restore(brief: Brief, group: Sequence[Phrase]) -> Brief:
    """Bring back what was taken out, as it was; else keep or add it."""
    heads = [head for phrase in group if (head := phrase.head)]
    back = [p for p in brief.removed if any(same(noun, head) for noun in p.nouns() for head in heads)]
    brief = unavoid(brief, heads)
    if not back:
        return merge(brief, group)
    brief = replace(brief, removed=tuple(p for p in brief.removed if p not in back))
    for phrase in back:
        brief = merge(brief, [replace(phrase, joined=False)])
    return brief


def exchange(brief: Brief, old: Phrase, new: Sequence[Phrase]) -> Brief:
    """Put the new phrases where the old thing was named."""
    head = old.head or old.words[-1]
    if head.text == "background":
        return _new_background(brief, new)
    if new[0].head is None and old.head is not None and new[0].slot == "attribute":
        at = find(brief, old.head)
        if at is not None:
            return _with_phrase(brief, at, blend(brief.phrases[at], new[0].words))
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
    brief = _with_phrase(brief, index, merged)
    brief = unavoid(brief, [w for p in new for w in p.nouns()])
    return _insert(brief, index + 1, [replace(p, joined=True) for p in new[1:]])


def _described(words: Sequence[Word]) -> bool:
    return any(w.kind in ATTRIBUTE_KINDS for w in words)


def _new_background(brief: Brief, new: Sequence[Phrase]) -> Brief:
    brief = _drop_background(brief)
    kept = tuple(p for p in brief.phrases if not _is_place(p))
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
        brief = _with_phrase(brief, known, blend(brief.phrases[known], first.words))
        return _insert(brief, known + 1, [replace(p, joined=True) for p in new[1:]])
    for phrase_index in reversed(range(len(brief.phrases))):
        phrase = brief.phrases[phrase_index]
        for position in reversed(range(len(phrase.words))):
            word = phrase.words[position]
            if word.kind == "noun" and word.domain and word.domain == head.domain:
                return _put(brief, phrase_index, position, new)
    if head.domain in _PLACES and any(_is_place(p) for p in brief.phrases):
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
