"""Borrowing: which tags of good library prompts fit a request, and which of them are taken.

A tag is borrowed if data/lexicon/borrowing.tsv allows its words for what the picture shows, and nothing that was said
is against it. It says how a picture looks, never what is in it. Knows nothing of dialects or budgets.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from promptlib import lexicon as lexicons
from promptlib.brief import FORMAT_DOMAINS, Brief, Phrase, Word
from promptlib.records import Hit, Tag

#: How many tags are borrowed, and how many of one slot.
AMOUNTS = {"none": (0, 0), "little": (3, 1), "lot": (7, 2)}
#: What is borrowed, the most telling first. Colours are never: they are the first thing a person names.
SLOTS = ("style", "medium", "light", "camera", "mood")
#: How similar a hit must be to lend what is in a slot, when it shows the same subject, one of the same kind (an animal
#: for an animal), or another one. Measured with the seed library: what shares nothing with a request lies below 0.2,
#: a prompt for the same picture in other words around 0.5.
SIMILAR = {
    "style": (0.25, 0.42, 0.45),
    "medium": (0.25, 0.42, 0.45),
    "light": (0.18, 0.25, 0.38),
    "camera": (0.18, 0.31, 0.38),
    "mood": (0.36, 0.45, 0.48),
}
#: Prompts below this score lend nothing; those that nobody scored do.
MIN_SCORE = 3.0
#: Words of the longest expression in borrowing.tsv.
_LONGEST = 4
#: What stands behind one of these is not what a subject tag is about.
_BEHIND = re.compile(r" (?:with|in|on|at|from|by|and|inside|under) ")
_STYLE_SLOTS = {"style", "medium", "artist"}
#: Domains of things that are looked at in the same way: as part of the scenery.
_SCENERY = {"nature", "landmark", "building", "place"}

Side = tuple[str, str]
#: Logos and line art say little about how anything else should look.
_FLAT: Side = ("depth", "flat")


@dataclass(frozen=True)
class Wish:
    """What a request says that a borrowed tag must respect."""

    text: str
    domain: str
    sides: frozenset[Side]
    avoided: str
    avoided_sides: frozenset[Side]


def borrow(brief: Brief, hits: Sequence[Hit], *, amount: str = "little", seed: int = 0) -> list[tuple[Tag, Hit]]:
    """The tags to borrow for what the person left open, each with the hit it is from.

    What the brief says was borrowed the last time comes first: as long as that fits, nothing else is taken, so that
    a small change to the request does not change the look of the picture.

    Args:
        hits: library prompts found for the request, the best first, and those that lent the last time.
        amount: one of `AMOUNTS`.
        seed: settles which of several equally good tags is taken.
    """
    limit, per_slot = AMOUNTS[amount]
    taken = {phrase.slot for phrase in brief.phrases}
    if taken & _STYLE_SLOTS:
        taken |= _STYLE_SLOTS
    wish = wish_of(brief)
    kept = _choose(_kept(brief, hits), wish, taken, limit, limit)
    if kept:
        return kept
    return _choose(_offers(brief, hits, seed), wish, taken, limit, per_slot)


def _kept(brief: Brief, hits: Sequence[Hit]) -> Iterator[tuple[Tag, Hit]]:
    lenders = {f"library:{hit.prompt.id}": hit for hit in hits}
    for tag in brief.lent:
        if tag.origin in lenders:
            yield tag, lenders[tag.origin]


def _offers(brief: Brief, hits: Sequence[Hit], seed: int) -> list[tuple[Tag, Hit]]:
    """What the hits have to lend, the best first: slot by slot, hit by hit."""
    chooser = random.Random(f"{seed}:{brief.query()}")
    offers: list[tuple[Tag, Hit]] = []
    for hit in hits:
        if slots := lent_slots(brief, hit):
            tags = [Tag(t.text, t.slot, f"library:{hit.prompt.id}") for t in hit.prompt.tags if t.slot in slots]
            chooser.shuffle(tags)
            offers += [(tag, hit) for tag in tags]
    return sorted(offers, key=lambda offer: SLOTS.index(offer[0].slot))


def _choose(
    offers: Iterable[tuple[Tag, Hit]], wish: Wish, taken: set[str], limit: int, per_slot: int
) -> list[tuple[Tag, Hit]]:
    """The first offers that fit the request and each other."""
    chosen: list[tuple[Tag, Hit]] = []
    for tag, hit in offers:
        rivals = _STYLE_SLOTS if tag.slot in _STYLE_SLOTS else {tag.slot}
        count = sum(other.slot in rivals for other, _ in chosen)
        if len(chosen) == limit or tag.slot in taken or count >= per_slot:
            continue
        among = {side for other, _ in chosen for side in sides_of(other.text)}
        new = all(tag.text != other.text for other, _ in chosen)
        if new and fits(wish, tag) and not _opposed(sides_of(tag.text), among):
            chosen.append((tag, hit))
    return chosen


def wish_of(brief: Brief) -> Wish:
    """What the brief says, and by what it says which sides it takes."""
    lexicon, words, avoided = lexicons.load(), _words(brief.query()), " ".join(brief.avoid)
    singular = " ".join(lexicon.lemma(word) for word in words)
    sides = {*sides_of(brief.query()), *sides_of(singular), *_implied(brief)}
    return Wish(
        " ".join(words), _domain(brief), frozenset(sides), " ".join(_words(avoided)), frozenset(sides_of(avoided))
    )


def _domain(brief: Brief) -> str:
    """What sort of thing the picture is of; what the lexicon does not know may be any object."""
    main = next((phrase.head for phrase in _main(brief)), None)
    if main is None:
        return ""
    return "format" if main.domain in FORMAT_DOMAINS else main.domain or "object"


def _implied(brief: Brief) -> Iterator[Side]:
    """Sides that are taken without a word for them."""
    nouns = [word for phrase in brief.phrases for word in phrase.nouns()]
    kinds = {word.kind for phrase in brief.phrases for word in phrase.words}
    said = sides_of(brief.query())
    if ("realism", "photo") not in said and (kinds & {"medium", "artist"} or any(n.domain == "fantasy" for n in nouns)):
        yield "realism", "drawn"
    if any(noun.domain in _SCENERY for noun in nouns) and not any(matter == "place" for matter, _ in said):
        yield "place", "outdoor"


def lent_slots(brief: Brief, hit: Hit) -> set[str]:
    """What a hit may lend: the nearer it is to the request, the more of its look."""
    if hit.prompt.score and hit.prompt.score < MIN_SCORE:
        return set()
    if _FLAT in sides_of(hit.prompt.text) and _FLAT not in sides_of(brief.query()):
        return set()
    kinship = _kinship(brief, hit)
    return {slot for slot, least in SIMILAR.items() if hit.similarity >= least[kinship]}


def _kinship(brief: Brief, hit: Hit) -> int:
    """0 for a hit with the same main subject, 1 for one of the same kind, 2 for another one."""
    ours = [noun for phrase in _main(brief) for noun in phrase.nouns()]
    if ours and ours[-1].domain in FORMAT_DOMAINS:
        return 0 if ours[-1].text.lower() in hit.prompt.text.lower() else 2
    theirs = _shown(next((tag.text for tag in hit.prompt.tags if tag.slot == "subject"), ""))
    if any(_ancestry(noun.text) & _ancestry(other.text) for noun in ours for other in theirs):
        return 0
    kinds = {_kind(noun.domain) for noun in ours[-1:]} - {""}
    return 1 if kinds & {_kind(other.domain) for other in theirs} else 2


def _main(brief: Brief) -> list[Phrase]:
    """The phrase of what the picture is about, if there is one."""
    named = [phrase for phrase in brief.phrases if phrase.nouns()]
    return sorted(named, key=lambda phrase: phrase.slot != "subject")[:1]


def _kind(domain: str) -> str:
    return "scenery" if domain in _SCENERY else domain


def _shown(text: str) -> list[Word]:
    """The things that a subject tag is about: a young woman with curly red hair is a woman, a bowl of ramen both."""
    lexicon, found = lexicons.load(), list[Word]()
    about = _BEHIND.split(text.lower() + " ")[0]
    for part in about.split(" of "):
        words = part.split()
        names = (" ".join(words[start:]) for start in range(len(words)))
        known = ((name, lexicon.find_english(name)) for name in names)
        noun = next((Word(name, "noun", entry.domain) for name, entry in known if entry and entry.kind == "noun"), None)
        found += [noun] if noun else [Word(words[-1])] if words else []
    return found


def _ancestry(noun: str) -> set[str]:
    """A noun and what it is a kind of, and what its last word is."""
    lexicon = lexicons.load()
    above, found = lexicon.groups.get("hypernyms", {}), set[str]()
    steps = [lexicon.lemma(noun), lexicon.lemma(noun.rpartition(" ")[2])] if noun else []
    while steps:
        step = steps.pop()
        if step and step not in found:
            found.add(step)
            steps.append(above.get(step, ""))
    return found


def fits(wish: Wish, tag: Tag) -> bool:
    """Whether a tag suits what is shown, names nothing new, and contradicts nothing that was said."""
    pieces = list(_pieces(tag.text, tag.slot))
    if not pieces or any(not _suits(piece, tag.slot, wish.domain) for piece in pieces):
        return False
    padded = f" {wish.avoided} "
    if f" {tag.text.lower()} " in f" {wish.text} " or any(f" {piece} " in padded for piece in pieces):
        return False
    sides = sides_of(tag.text)
    needed = {_needs()[piece] for piece in pieces if piece in _needs()}
    return needed <= wish.sides and not sides & wish.avoided_sides and not _opposed(sides, wish.sides)


def _suits(piece: str, slot: str, domain: str) -> bool:
    domains = _lent().get((slot, piece), set())
    return "any" in domains or domain in domains


def _pieces(text: str, slot: str) -> Iterator[str]:
    """The words of a tag, with what borrowing.tsv has as one expression in one piece."""
    words, at = _words(text), 0
    while at < len(words):
        spans = range(min(_LONGEST, len(words) - at), 1, -1)
        length = next((n for n in spans if (slot, " ".join(words[at : at + n])) in _lent()), 1)
        yield " ".join(words[at : at + length])
        at += length


def sides_of(text: str) -> set[Side]:
    """The sides that the words of a text take, such as night in the matter of time."""
    words, found = _words(text), set[Side]()
    for at in range(len(words)):
        for length in range(1, min(_LONGEST, len(words) - at) + 1):
            found |= _sides().get(" ".join(words[at : at + length]), set())
    return found


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9'-]+", text.lower())


def _opposed(sides: Iterable[Side], others: Iterable[Side]) -> bool:
    """Of one matter, and different, where the others do not take both sides."""
    choices: dict[str, set[str]] = {}
    for matter, side in others:
        choices.setdefault(matter, set()).add(side)
    return any(matter in choices and choices[matter] != {side} for matter, side in sides)


@cache
def _lent() -> dict[tuple[str, str], set[str]]:
    """By slot and expression, the domains that it suits."""
    groups = lexicons.load().groups
    return {
        (slot, word): set(domains.split()) for slot in SLOTS for word, domains in groups.get(f"lent_{slot}", {}).items()
    }


@cache
def _sides() -> dict[str, set[Side]]:
    """By expression, the sides it takes."""
    found: dict[str, set[Side]] = {}
    for name, table in lexicons.load().groups.items():
        if name.startswith("exclusive_"):
            for word, side in table.items():
                found.setdefault(word, set()).add((name.removeprefix("exclusive_"), side))
    return found


@cache
def _needs() -> dict[str, Side]:
    """By expression, what must have been said for it to be borrowed."""
    sides = {word: label.partition(":") for word, label in lexicons.load().groups.get("needs", {}).items()}
    return {word: (matter, side) for word, (matter, _, side) in sides.items()}
