"""From a text to a prompt: understand, retrieve, compose, with the time each took.

The one way that `easel rewrite`, `easel draw` and every chat go. Knows nothing of chats, jobs or pictures.
"""

from __future__ import annotations

import dataclasses
import random
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.profiles import Profile
from promptlib import retrieval, screening
from promptlib.brief import Brief
from promptlib.cache import EmbeddingCache
from promptlib.compose import compose
from promptlib.errors import RequestError
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.llm import Understanding
from promptlib.records import Hit, Prompt, Tag, Target
from promptlib.understanding import understand

#: Longer than any message a chat can send, shorter than what would keep everybody waiting.
MAX_TEXT = 8000
#: Neighbours that are looked at for words to borrow.
HITS = 16
#: Whose prompts a dialect learns from: its own first, then those whose style words it can use.
LENDERS = {"sentence": ("sentence", "tags"), "booru": ("booru", "tags")}
MAX_SEED = 2**31 - 1
#: Neighbours further away than this are neighbours in name only and are not shown.
SHOWN = 0.2


@dataclass(frozen=True)
class Written:
    """What became of a text. `prompt` is None where nothing is to be painted; then the brief says why."""

    brief: Brief
    prompt: Prompt | None
    hits: tuple[Hit, ...]
    seconds: dict[str, float]


def target_of(profile: Profile) -> Target:
    """What promptlib must know of a model."""
    return Target(
        id=profile.id,
        dialect=profile.dialect,
        family=profile.family,
        width=profile.width,
        height=profile.height,
        multiple=profile.multiple,
        tokens=profile.tokens,
        tokenizer=profile.tokenizer,
        negative=profile.negative,
        quality=profile.quality,
        quality_at=profile.quality_at,
        negative_default=profile.negative_default,
        vocabulary=profile.vocabulary,
    )


def clean(text: str) -> str:
    """The text without what no library down the way can take: halves of surrogate pairs and control characters."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", re.sub(r"[\ud800-\udfff]", "\ufffd", text)).strip()


def lender(tag: Tag) -> int | None:
    """The library prompt that a tag was borrowed from."""
    origin, _, number = tag.origin.partition(":")
    return int(number) if origin == "library" else None


def lenders(brief: Brief) -> list[int]:
    return [number for tag in brief.lent if (number := lender(tag))]


def new_seed() -> int:
    return random.randint(0, MAX_SEED)


class Writer:
    """Writes prompts with a library and its index. One per thread: a library is bound to its thread."""

    def __init__(self, library: Library, index: VectorIndex, reader: Understanding = understand) -> None:
        self.library = library
        self.index = index
        self._understand = reader
        self._cache = EmbeddingCache(library.db)

    def write(
        self,
        text: str,
        profile: Profile,
        *,
        previous: Brief | None = None,
        raw: bool = False,
        amount: str = "little",
        owner: str | None = None,
        without: Collection[str] = (),
        while_refining: Collection[str] = (),
        blocked: Collection[str] = (),
    ) -> Written:
        """Understand a text and write its prompt for a model.

        Args:
            previous: the brief of the last request in this conversation.
            raw: leave the text alone; it becomes the prompt as it stands.
            owner: whose own well-rated prompts are used besides everybody's.
            without: added tags that are switched off, as `bot.switches.folded` writes them.
            while_refining: such tags that are off for as long as the text goes on from `previous`.
            blocked: matters that are not painted here, besides those that never are; see `promptlib.screening`.

        Raises:
            RequestError: the text is empty or far too long.
        """
        text = clean(text)
        if not text:
            raise RequestError("There is nothing to draw yet; write what you want to see, for example: a red apple.")
        if len(text) > MAX_TEXT:
            raise RequestError(
                f"That request has {len(text):,} characters; please describe the picture in at most {MAX_TEXT:,}."
            )
        begun = time.perf_counter()
        # What will not be painted is read the built-in way: no language model is shown it.
        barred = screening.screen(text).matter in {*screening.ALWAYS, *blocked}
        read = understand if barred else self._understand
        brief = Brief("image", text, raw=text) if raw else read(text, previous)
        asked = screening.screen_brief(brief)
        brief = screening.refuse(brief, asked, blocked)
        understood = time.perf_counter()
        if brief.kind not in ("image", "refine"):
            return Written(brief, None, (), {"understand": understood - begun, "retrieve": 0.0, "compose": 0.0})
        hits = () if brief.raw or amount == "none" else self.find(brief.query(), profile, owner, lenders(brief))
        found = time.perf_counter()
        off = {*without, *(while_refining if brief.kind == "refine" else ())}
        prompt = compose(brief, hits, target_of(profile), amount=amount, nearest=self.nearest, without=off)
        # What was added may make something else of what was asked for.
        seen = screening.refuse(brief, screening.screen_prompt(prompt).joined(asked), blocked)
        if seen.kind == "refused":
            return Written(seen, None, (), {"understand": understood - begun, "retrieve": 0.0, "compose": 0.0})
        # What is switched off stays among the lent, or else something would be borrowed in its place the next time.
        switched = [tag for tag, reason in prompt.dropped if reason == "off"]
        brief = dataclasses.replace(brief, lent=tuple(tag for tag in (*prompt.tags, *switched) if lender(tag)))
        if profile.fixed_size and (prompt.width, prompt.height) != (profile.width, profile.height):
            size = {"asked": f"{prompt.width}x{prompt.height}", "used": f"{profile.width}x{profile.height}"}
            prompt = dataclasses.replace(
                prompt, width=profile.width, height=profile.height, notes=(*prompt.notes, ("fixed_size", size))
            )
        composed = time.perf_counter()
        seconds = {"understand": understood - begun, "retrieve": found - understood, "compose": composed - found}
        return Written(brief, prompt, hits, seconds)

    def find(self, query: str, profile: Profile, owner: str | None = None, also: Sequence[int] = ()) -> tuple[Hit, ...]:
        """The best library prompts for a text, from the dialects that this model's dialect can learn from.

        Args:
            also: prompts to have among them, be they near or not; those that are gone are left out.
        """
        vector = self.index.embedder.queries([query])[0]
        found: dict[int, Hit] = {}
        for dialect in LENDERS.get(profile.dialect, (profile.dialect,)):
            for hit in retrieval.retrieve_near(
                self.library, self.index, vector, k=HITS, family=profile.family, dialect=dialect, owner=owner
            ):
                found[hit.prompt.id] = hit
        best = sorted(found.values(), key=lambda hit: -hit.rank)[:HITS]
        missing = set(also) - {hit.prompt.id for hit in best}
        near = dict(self.index.search(vector, len(missing), among=sorted(missing))) if missing else {}
        known = [prompt for prompt in self.library.get_many(sorted(near)) if not prompt.removed]
        return (*best, *[Hit(prompt, near[prompt.id], near[prompt.id]) for prompt in known])

    def nearest(self, word: str, among: Sequence[str]) -> tuple[str, float]:
        """The word of a closed vocabulary that means most nearly the same, and their cosine."""
        names = list(among)
        vectors = self._cache.passages(self.index.embedder, names)
        cosines = vectors @ self.index.embedder.queries([word])[0]
        best = int(np.argmax(cosines))
        return names[best], float(cosines[best])


def tags_json(prompt: Prompt) -> list[dict[str, str]]:
    return [{"text": tag.text, "slot": tag.slot, "origin": tag.origin} for tag in prompt.tags]


def notes_json(prompt: Prompt) -> list[dict[str, str]]:
    """What a person is to be told of a prompt: a code, and its values."""
    return [{"code": code, **values} for code, values in prompt.notes]


def sources_json(written: Written) -> list[dict[str, Any]]:
    """The library prompts that were looked at, those that lent words first."""
    used = {hit.prompt.id for hit in written.prompt.sources} if written.prompt else set()
    near = [hit for hit in written.hits if hit.prompt.id in used or hit.similarity >= SHOWN]
    hits = sorted(near, key=lambda hit: (hit.prompt.id not in used, -hit.rank))
    return [
        {
            "id": hit.prompt.id,
            "score": round(hit.prompt.score, 3),
            "similarity": round(hit.similarity, 3),
            "text": hit.prompt.text,
            "used": hit.prompt.id in used,
        }
        for hit in hits
    ]
