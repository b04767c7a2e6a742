"""Writing a prompt: the brief's words in the model's dialect, a little of what scored well, within the budget.

The person's words come first and are cut last. Knows nothing of how hits are found or pictures are painted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from promptlib import tokens
from promptlib.borrowing import borrow
from promptlib.brief import Brief
from promptlib.dialects import Dialect, Nearest, dialect
from promptlib.records import Hit, Prompt, Tag, Target

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
    without: Collection[str] = (),
) -> Prompt:
    """The prompt for a brief, a pure function of its arguments.

    Args:
        hits: library prompts found for the request, the best first, and those that lent to the last turn.
        seed: settles which of several equally good tags is borrowed.
        amount: how much is borrowed, one of `borrowing.AMOUNTS`.
        nearest: finds the nearest word of a closed vocabulary; only the ``doodle`` dialect asks it.
        without: added tags that are switched off. Nothing else is added in their place.
    """
    width, height = size_for(brief, target)
    notes = list(brief.notes)
    if brief.width and (brief.width, brief.height) != (width, height):
        notes.append(("size", {"asked": f"{brief.width}x{brief.height}", "used": f"{width}x{height}"}))
    prompt = Prompt("", "", width, height, brief.count or 1, brief.seed)
    if brief.raw:
        tags, negatives = (Tag(brief.raw, "other", "words"),), _negatives(brief.avoid, ())
        negative = ", ".join(brief.avoid)
        return replace(
            prompt, positive=brief.raw, negative=negative, tags=tags, negatives=negatives, notes=tuple(notes)
        )
    speaker = dialect(target.dialect)
    draft = speaker.draft(brief, target, nearest)
    lent = borrow(brief, hits, amount=amount, seed=seed) if speaker.enriched else []
    borrowed = [(known, hit) for tag, hit in lent if (known := speaker.adopted(tag, target))]
    authors = [Tag(text, "quality", "authors") for text in target.quality if speaker.quality_at != "nowhere"]
    learned = speaker.learn(draft.tags, hits, target)
    negatives = _negatives(brief.avoid, target.negative_default if target.negative else ())
    lenders = [*borrowed, *[(tag, hit) for tag, hit in learned if hit]]
    words, ours = [tag for tag, _ in learned], [tag for tag, _ in borrowed]
    off = [tag for tag in (*words, *ours, *authors, *negatives) if tag.added and tag.text.casefold() in without]
    words, ours, authors = ([tag for tag in tags if tag not in off] for tags in (words, ours, authors))
    kept, cut = fit(speaker, words, ours, authors, target)
    dropped = (*draft.dropped, *[(tag, "budget") for tag in cut], *[(tag, "off") for tag in off])
    if cut:
        notes.append(("dropped", {"tags": ", ".join(tag.text for tag in cut), "budget": str(target.tokens)}))
    unmet = [] if target.negative else [thing for thing in brief.avoid if not speaker.leaves_out(thing)]
    if unmet:
        notes.append(("negative_unsupported", {"avoid": ", ".join(unmet)}))
    prompt = replace(
        prompt,
        tags=tuple(kept),
        negatives=tuple(tag for tag in negatives if tag not in off),
        sources=tuple({hit.prompt.id: hit for tag, hit in lenders if tag in kept}.values()),
        dropped=dropped,
        notes=(*notes, *draft.notes),
    )
    return rendered(prompt, target)


def rendered(prompt: Prompt, target: Target) -> Prompt:
    """The prompt, with its texts written from its tags."""
    speaker = dialect(target.dialect)
    prompt = replace(prompt, negative=", ".join(tag.text for tag in prompt.negatives))
    return replace(prompt, positive=speaker.finish(speaker.render(prompt.tags), prompt))


def switched_on(prompt: Prompt, tag: Tag, target: Target) -> Prompt:
    """The prompt with an added tag where it would stand; its texts are written anew by `rendered`."""
    if tag.slot == "negative":
        return replace(prompt, negatives=(*prompt.negatives, tag))
    front = tag.origin == "authors" and _quality_at(dialect(target.dialect), target) == "front"
    return replace(prompt, tags=(tag, *prompt.tags) if front else (*prompt.tags, tag))


def _negatives(avoid: Sequence[str], authors: Sequence[str]) -> tuple[Tag, ...]:
    said = [Tag(text, "negative", "words") for text in dict.fromkeys(avoid)]
    return (*said, *[Tag(text, "negative", "authors") for text in dict.fromkeys(authors) if text not in avoid])


def _quality_at(speaker: Dialect, target: Target) -> str:
    """Where the authors' words stand: where they want them, else where the dialect has them."""
    return target.quality_at or speaker.quality_at


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
    front = _quality_at(speaker, target) == "front"
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
