"""From a language model's answer to a brief: the same phrases and words that the built-in way reads.

English words get their kinds from the same lexicon, so that dialects and later refinements treat them alike. What
the answer says is taken as it stands; whether it may is checked by `promptlib.llm.guarantees`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, Brief, Phrase, Word, first_alone
from promptlib.llm.errors import BrokenPromise
from promptlib.llm.schema import MANNERS
from promptlib.understanding import english

#: What English words of a prompt are made of: no markup, no weights, no flags, no addresses.
_PLAIN = re.compile(r"[A-Za-zÀ-ÿ0-9][A-Za-zÀ-ÿ0-9 '’&%./-]*")
_MOST_WORDS = 12
_COUNTS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
#: The kind of word that a manner's slot is made of; a setting is a place and stays what its words are.
_KINDS = {"artists": "artist"} | {
    name: name for name in ("time", "weather", "style", "medium", "light", "palette", "camera", "mood")
}
_LEADS_ARTIST = re.compile(r"(?:in|by|after) ", re.IGNORECASE)


def brief_of(answer: Mapping[str, Any], text: str, language: str, quotes: Sequence[str]) -> Brief:
    """The brief that an answer describes, without its format.

    Args:
        quotes: what the person put into quotation marks; that is to be rendered to the letter.

    Raises:
        BrokenPromise: it holds what no prompt may hold.
    """
    phrases = [phrase for subject in answer["subjects"] for phrase in _subject(subject)]
    for wanted in dict.fromkeys(answer["text_to_render"]):
        phrases.append(_rendered(wanted, text, quotes))
    for name, slot in MANNERS.items():
        phrases += [_manner(item, name, slot) for item in answer[name]]
    return Brief(
        answer["kind"],
        text,
        language,
        phrases=first_alone(phrase for phrase in phrases if phrase.words),
        avoid=tuple(dict.fromkeys(_plain(item["text"]) for item in answer["avoid"])),
    )


def _plain(text: str) -> str:
    """English words as they stand, or an error where they are no plain words."""
    text = " ".join(text.split()).strip(" .,")
    if not _PLAIN.fullmatch(text) or text.count(" ") >= _MOST_WORDS or "--" in text or "//" in text:
        raise BrokenPromise(f"it writes {text[:40]!r} where a few English words belong")
    return text


def words_of(text: str, source: str) -> list[Word]:
    """English words with their kinds; the first one holds what the person wrote for them, if that was not English."""
    words = english.words(_plain(text).split())
    return [replace(words[0], source=_translated(text, source)), *words[1:]]


def _translated(text: str, source: str) -> str:
    """A source, unless the English words stand in it themselves."""
    own = set(re.findall(r"\w+", text.lower())) <= set(re.findall(r"\w+", source.lower()))
    return "" if own else source.strip()


def _subject(subject: Mapping[str, Any]) -> Iterator[Phrase]:
    lexicon = lexicons.load()
    name = words_of(subject["name"], subject["source"])
    before: list[Word] = []
    after: list[Phrase] = []
    for said in subject["attributes"]:
        words = words_of(said["text"], said["source"])
        if any(word.kind == "noun" for word in words):
            lead = [] if words[0].kind == "relation" else [Word("with", "relation")]
            after.append(Phrase((*lead, *words), "attribute", joined=True))
        else:
            before += [word if word.kind in ATTRIBUTE_KINDS else replace(word, kind="adjective") for word in words]
    count = subject["count"] or 1
    if not 0 < count < 1000:
        raise BrokenPromise(f"it counts {count} of a thing")
    if count > 1:
        before.insert(0, Word(_COUNTS[count] if count < len(_COUNTS) else str(count), "number"))
        name[-1] = replace(name[-1], text=lexicon.plural(name[-1].text))
    if not any(word.kind == "noun" for word in name):
        name[-1] = replace(name[-1], kind="noun")
    yield Phrase((*before, *name), "subject")
    yield from after
    for said in subject["actions"]:
        yield Phrase(tuple(words_of(said["text"], said["source"])), "action", joined=True)
    for said in subject["relations"]:
        relation = Word(_plain(said["relation"]), "relation", "", _translated(said["object"], said["source"]))
        yield Phrase((relation, *words_of(said["object"], "")), "setting", joined=True)


def _rendered(wanted: str, text: str, quotes: Sequence[str]) -> Phrase:
    if wanted not in quotes and (len(wanted) < 2 or wanted not in text):
        raise BrokenPromise("it changes the text to be rendered")
    return Phrase((Word("with the text", "relation"), Word(f'"{wanted}"', "quote")), "text")


def _manner(said: Mapping[str, Any], name: str, slot: str) -> Phrase:
    words = words_of(said["text"], said["source"])
    kind = _KINDS.get(name, "")
    if kind and not any(word.kind == kind for word in words):
        words = [Word(_plain(said["text"]), kind, "", _translated(said["text"], said["source"]))]
    if name == "artists" and not _LEADS_ARTIST.match(words[0].text):
        words[0] = replace(words[0], text=f"in the style of {words[0].text}")
    return Phrase(tuple(words), slot)
