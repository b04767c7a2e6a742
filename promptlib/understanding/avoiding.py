"""What is not wanted in a brief: taken out, remembered, and no longer avoided once it is asked for.

Knows nothing of how people say so. Each operation returns a new brief.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import NOUN_KINDS, Brief, Phrase, Word
from promptlib.understanding.finding import same

_WRITING = {"text", "words", "word", "letters", "writing", "title", "caption", "lettering"}
_EVERYBODY = {"people", "person", "human", "humans", "anyone"}


def avoid(brief: Brief, thing: str) -> Brief:
    """The brief without a thing: what names it is taken out, and it is to be avoided."""
    lexicon = lexicons.load()
    lowered = thing.lower()
    entry = lexicon.find_english(lowered)
    word = Word(lowered, entry.kind if entry else "noun", entry.domain if entry else "")
    brief = _clear(brief, lexicon.lemma(lowered))
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


def _clear(brief: Brief, thing: str) -> Brief:
    """No rain: a rainy night is a night."""
    said = re.compile(rf"\b{re.escape(thing)}{re.escape(thing[-1:])}?y ")
    phrases = (replace(p, words=tuple(replace(w, text=said.sub("", w.text)) for w in p.words)) for p in brief.phrases)
    return replace(brief, phrases=tuple(phrases))


def _names(phrase: Phrase, word: Word) -> bool:
    if word.text in _EVERYBODY and any(w.domain == "person" for w in phrase.nouns()):
        return True
    if any(same(noun, word) for noun in phrase.nouns()):
        return True
    if any(
        w.kind == "verb" and " " in w.text and same(Word(w.text.split()[-1]), Word(word.text)) for w in phrase.words
    ):
        return True  # no scarf: nor wearing a scarf
    if phrase.slot == "text" and word.text in _WRITING:
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
