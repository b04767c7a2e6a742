"""Writing a prompt: the brief's words in the model's dialect, a little of what scored well, within the budget.

The person's words come first and are cut last. What is taken from the library never names a thing that was not
asked for and never speaks against the request. Knows nothing of how hits are found or pictures are painted.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib import tokens
from promptlib.brief import Brief
from promptlib.dialects import Dialect, Nearest, dialect
from promptlib.records import Hit, Prompt, Tag, Target

#: How many tags are borrowed from the library.
AMOUNTS = {"none": 0, "little": 3, "lot": 7}
#: What may be borrowed: how a picture looks, never what it shows.
_BORROWED_SLOTS = ("style", "medium", "light", "camera", "mood", "color")
#: A hit that shares no word with the request must be this similar to lend its words.
_SIMILAR = 0.45
#: Larger pictures than this many times the model's native area are scaled down.
_LARGEST = 4.0


def compose(
    brief: Brief,
    hits: Sequence[Hit],
    target: Target,
    *,
    seed: int = 0,
    amount: str = "little",
    nearest: Nearest | None = None,
) -> Prompt:
    """The prompt for a brief, a pure function of its arguments.

    Args:
        hits: library prompts found for the request, the best first.
        seed: settles which of several equally good tags is borrowed.
        amount: how much is borrowed: ``none``, ``little`` or ``lot``.
        nearest: finds the nearest word of a closed vocabulary; only the ``doodle`` dialect asks it.
    """
    width, height = size_for(brief, target)
    notes = list(brief.notes)
    if brief.width and (brief.width, brief.height) != (width, height):
        notes.append(("size", {"asked": f"{brief.width}x{brief.height}", "used": f"{width}x{height}"}))
    prompt = Prompt("", "", width, height, brief.count or 1, brief.seed)
    if brief.raw:
        negative = ", ".join(brief.avoid)
        tags = (Tag(brief.raw, "other", "words"),)
        return replace(prompt, positive=brief.raw, negative=negative, tags=tags, notes=tuple(notes))
    speaker = dialect(target.dialect)
    draft = speaker.draft(brief, target, nearest)
    borrowed = borrow(brief, hits, AMOUNTS[amount], seed) if speaker.enriched else []
    authors = [Tag(text, "quality", "authors") for text in target.quality if speaker.quality_at != "nowhere"]
    learned = speaker.learn(draft.tags, hits, target)
    lenders = [*borrowed, *[(tag, hit) for tag, hit in learned if hit]]
    kept, cut = fit(speaker, [tag for tag, _ in learned], [tag for tag, _ in borrowed], authors, target)
    dropped = (*draft.dropped, *[(tag, "budget") for tag in cut])
    if cut:
        notes.append(("dropped", {"tags": ", ".join(tag.text for tag in cut), "budget": str(target.tokens)}))
    if brief.avoid and not target.negative:
        notes.append(("negative_unsupported", {"avoid": ", ".join(brief.avoid)}))
    prompt = replace(
        prompt,
        negative=", ".join(dict.fromkeys((*brief.avoid, *(target.negative_default if target.negative else ())))),
        tags=tuple(kept),
        sources=tuple({hit.prompt.id: hit for tag, hit in lenders if tag in kept}.values()),
        dropped=dropped,
        notes=(*notes, *draft.notes),
    )
    return replace(prompt, positive=speaker.finish(speaker.render(kept), prompt))


def size_for(brief: Brief, target: Target) -> tuple[int, int]:
    """Width and height: as asked in pixels, else the aspect asked for at the model's native area."""
    if brief.width and brief.height:
        area = min(brief.width * brief.height, _LARGEST * target.width * target.height)
        return _sides(brief.width / brief.height, area, target.multiple, exact=area == brief.width * brief.height)
    if not brief.aspect:
        return target.width, target.height
    wide, high = map(int, brief.aspect.split(":"))
    return _sides(wide / high, target.width * target.height, target.multiple)


def _sides(ratio: float, area: float, multiple: int, *, exact: bool = False) -> tuple[int, int]:
    """Sides that are multiples, of about that area, as near to the ratio as can be."""
    ideal = math.sqrt(area * ratio)
    if exact:
        return _rounded(ideal, multiple), _rounded(ideal / ratio, multiple)
    widths = {_rounded(ideal + step * multiple, multiple) for step in (-1, 0, 1)}
    sides = [(width, _rounded(width / ratio, multiple)) for width in sorted(widths)]
    return min(sides, key=lambda side: (abs(math.log(side[0] / side[1] / ratio)), abs(side[0] - ideal)))


def _rounded(side: float, multiple: int) -> int:
    return max(multiple, round(side / multiple) * multiple)


def fit(
    speaker: Dialect, words: Sequence[Tag], borrowed: Sequence[Tag], authors: Sequence[Tag], target: Target
) -> tuple[list[Tag], list[Tag]]:
    """The tags that fit the budget, in prompt order, and those that do not. The person's own go last."""
    front = speaker.quality_at == "front"
    ours = [*authors, *borrowed]
    kept_words, cut = list(words), list[Tag]()

    def row() -> list[Tag]:
        lead = [tag for tag in ours if front and tag.origin == "authors"]
        return [*lead, *kept_words, *[tag for tag in ours if tag not in lead]]

    while tokens.count(speaker.render(row()), target.tokenizer) > target.tokens:
        if ours:
            cut.append(ours.pop())
        elif len(kept_words) > 1:
            cut.append(kept_words.pop())
        else:
            break
    return row(), cut


def borrow(brief: Brief, hits: Sequence[Hit], limit: int, seed: int) -> list[tuple[Tag, Hit]]:
    """Tags of good prompts for similar requests, for what the person left open."""
    taken_slots = {phrase.slot for phrase in brief.phrases}
    if taken_slots & {"style", "medium", "artist"}:
        taken_slots |= {"style", "medium", "artist"}
    if any(word.kind == "color" for phrase in brief.phrases for word in phrase.words):
        taken_slots.add("color")
    chooser = random.Random(f"{seed}:{brief.query()}")
    found: list[tuple[Tag, Hit]] = []
    for hit in hits:
        if not lends(brief, hit):
            continue
        candidates = [tag for tag in hit.prompt.tags if tag.slot in _BORROWED_SLOTS and tag.slot not in taken_slots]
        chooser.shuffle(candidates)
        for tag in candidates:
            if len(found) == limit:
                return found
            if tag.slot not in taken_slots and fits(brief, tag.text):
                found.append((Tag(tag.text, tag.slot, f"library:{hit.prompt.id}"), hit))
                taken_slots.add(tag.slot)
                if tag.slot in ("style", "medium"):
                    taken_slots |= {"style", "medium"}
    return found


def lends(brief: Brief, hit: Hit) -> bool:
    """Whether a hit is close enough to the request, and good enough, to learn from."""
    lexicon = lexicons.load()
    nouns = {lexicon.lemma(word.text) for phrase in brief.phrases for word in phrase.nouns()}
    text = f" {' '.join(re.findall('[a-z]+', hit.prompt.text.lower()))} "
    shared = any(f" {noun} " in text or f" {lexicon.plural(noun)} " in text for noun in nouns)
    return (shared or hit.similarity >= _SIMILAR) and (not hit.prompt.score or hit.prompt.score >= 3)


def fits(brief: Brief, text: str) -> bool:
    """Whether a borrowed tag names nothing new and contradicts nothing that was said."""
    lexicon = lexicons.load()
    said = f" {' '.join(re.findall('[a-z]+', f'{brief.query()}'.lower()))} "
    against = " ".join(brief.avoid).lower()
    exclusive = lexicon.groups.get("exclusive", {})
    sides = {side for word, side in exclusive.items() if f" {word} " in said}
    for words in _pieces(text):
        entry = lexicon.find_english(words)
        if f" {words} " in said:
            return False
        if re.search(rf"\b{re.escape(words)}\b", against):
            return False
        if entry and entry.kind == "noun" and len(words) > 2:
            return False
        if (side := exclusive.get(words)) and any(_opposed(side, other) for other in sides):
            return False
    return not any(_opposed(exclusive.get(text.lower(), ""), side) for side in sides)


def _pieces(text: str) -> Iterable[str]:
    """The words of a tag, known expressions (golden hour) in one piece."""
    lexicon, words = lexicons.load(), re.findall(r"[a-z'-]+", text.lower())
    at = 0
    while at < len(words):
        length = next(
            (n for n in range(min(4, len(words) - at), 1, -1) if " ".join(words[at : at + n]) in lexicon.english), 1
        )
        yield " ".join(words[at : at + length])
        at += length


def _opposed(side: str, other: str) -> bool:
    """Sides are written ``time:day``: of one matter, and different."""
    matter, _, choice = side.partition(":")
    other_matter, _, other_choice = other.partition(":")
    return bool(choice) and matter == other_matter and choice != other_choice
