"""The words that travel through promptlib: prompts in the library, ratings, hits, tags, composed prompts.

Plain frozen data. Knows nothing of SQLite, FAISS or any model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: What a tag is about, in the order in which a prompt names it.
SLOTS = (
    "quality",
    "subject",
    "attribute",
    "action",
    "setting",
    "style",
    "medium",
    "artist",
    "light",
    "color",
    "camera",
    "mood",
    "text",
    "other",
    "negative",
)


@dataclass(frozen=True)
class Tag:
    """One piece of a prompt and where it came from.

    Args:
        text: as it stands in the prompt, such as ``red apple`` or ``(blue cape:1.3)``.
        slot: one of `SLOTS`.
        origin: ``words`` (the person's own), ``translation`` (their words in the model's language),
            ``library:12`` (taken from library prompt 12), ``house`` (easel's own style for this dialect),
            ``authors`` (recommended by the model's authors), or ``nearest`` (the closest thing the model knows).
        source: what the person wrote, where the tag stands for words of theirs; empty otherwise.
    """

    text: str
    slot: str
    origin: str
    source: str = ""

    @property
    def added(self) -> bool:
        """Whether it came from elsewhere than the request, so that it can be switched off."""
        return self.origin in ("house", "authors") or self.origin.startswith("library:")


@dataclass(frozen=True)
class LibraryPrompt:
    """One row of the library.

    `params` holds generation parameters as written by the source (steps, sampler, …). `prior` is a score from
    1 to 5 known at import (likes, for example), or None. `score` is derived from prior and ratings with
    shrinkage, never set by hand. `eligible` tells whether retrieval may use it for everybody; `promoted` holds an
    admin's decision about that, or None where the rule decides. `owner` is who wrote it, empty for imported rows.
    `extra` holds what the source knows beside the prompt, such as `title_zh`, `title_en`, `use`, `likes`.
    """

    id: int
    text: str
    negative: str = ""
    dialect: str = "tags"
    family: str = ""
    tags: tuple[Tag, ...] = ()
    source: str = ""
    source_url: str = ""
    author: str = ""
    licence: str = ""
    language: str = "en"
    params: dict[str, Any] = field(default_factory=dict)
    prior: float | None = None
    score: float = 0.0
    ratings: int = 0
    eligible: bool = True
    created: str = ""
    owner: str = ""
    promoted: bool | None = None
    removed: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """A library prompt found for a request: `similarity` is a cosine, `rank` what it was ordered by."""

    prompt: LibraryPrompt
    similarity: float
    rank: float


@dataclass(frozen=True)
class Target:
    """What promptlib must know of a model to write for it; the faces make it from a model profile.

    Args:
        id: the model's id, such as ``sdxl``.
        dialect: ``tags``, ``booru``, ``sentence``, ``chinese`` or ``doodle``.
        family: models that share prompts, such as ``sdxl``; empty means any.
        width, height: the native size in pixels.
        multiple: sides must be multiples of this.
        tokens: the positive prompt's budget in the model's own tokens, special ones not counted.
        tokenizer: how tokens are counted: ``clip`` or ``words``.
        negative: whether the model takes a negative prompt.
        quality: words the authors recommend, added in front or at the end by the dialect.
        quality_at: ``front`` or ``end``, where the authors want them elsewhere than the dialect has them.
        negative_default: the authors' recommended negative prompt.
        vocabulary: path of a closed vocabulary (``doodle``) or of a tag list (``booru``), else empty.
    """

    id: str
    dialect: str
    family: str = ""
    width: int = 512
    height: int = 512
    multiple: int = 8
    tokens: int = 75
    tokenizer: str = "clip"
    negative: bool = True
    quality: tuple[str, ...] = ()
    quality_at: str = ""
    negative_default: tuple[str, ...] = ()
    vocabulary: str = ""


@dataclass(frozen=True)
class Prompt:
    """A prompt ready to paint, for one model.

    `tags` in prompt order, `negatives` are those of the negative prompt; `sources` are the hits a tag was taken from;
    `dropped` holds what was left out, each with its reason: ``budget`` (did not fit), ``vocabulary`` (the model does
    not know it) or ``off`` (switched off); `notes` are codes and values for the faces to put into words, such as
    ``("nearest", {"asked": "otter", "used": "beaver"})`` or ``("flag_ignored", {"flag": "--chaos"})``.
    """

    positive: str
    negative: str
    width: int
    height: int
    count: int
    seed: int | None
    tags: tuple[Tag, ...] = ()
    negatives: tuple[Tag, ...] = ()
    sources: tuple[Hit, ...] = ()
    dropped: tuple[tuple[Tag, str], ...] = ()
    notes: tuple[tuple[str, dict[str, str]], ...] = ()
