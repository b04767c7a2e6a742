"""Finding library prompts for a request: by meaning and by score together.

Asks the vector index who is near and the library who may be used and how good they are. Does not know how the hits
become a prompt.
"""

from __future__ import annotations

from functools import partial

from promptlib import feed
from promptlib.embeddings import Vectors, unit
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.records import Hit
from promptlib.scoring import FLOOR, NEUTRAL
from promptlib.understanding import understand

#: What a point of score is worth in cosine. Prompts about the same thing lie within 0.1 of each other, so a first
#: 5 (score 3.6) or a first 1 (score 2.4) reorders them, and no score makes up for another subject.
SCORE_WEIGHT = 0.15
#: Two people's 1 take a painted prompt below this; one person's alone does not.
MIN_SCORE = FLOOR
#: Candidates ranked per hit wanted, and at least: room for a well-rated one to rise from below.
CANDIDATES_PER_HIT, MIN_CANDIDATES = 8, 64
#: Rows looked at per candidate before asking the library for everything that may be used, which takes longer.
OVERFETCH = 4


def retrieve(
    library: Library,
    index: VectorIndex,
    query_text: str,
    *,
    k: int = 8,
    family: str | None = None,
    dialect: str | None = None,
    owner: str | None = None,
    min_score: float = MIN_SCORE,
) -> list[Hit]:
    """The `k` best usable prompts for a text, best first; fewer only if the library has no more.

    A request is looked for as it was written and as it reads in English, both at once. `owner` adds that person's
    own prompts that they rated well. A prompt without a family fits every family.
    """
    vector = unit(index.embedder.queries(wordings(query_text)).sum(axis=0, keepdims=True))[0]
    return retrieve_near(library, index, vector, k=k, family=family, dialect=dialect, owner=owner, min_score=min_score)


def wordings(text: str) -> list[str]:
    """A text, and what it asks for in English words, where that is something else.

    Chinese and English together find what either alone misses: of 291 Chinese descriptions of English prompts among
    12,400, ten hits had 0.88 by the Chinese, 0.98 by the English and 0.997 by the sum of both.
    """
    asked = understand(text).query()
    return list(dict.fromkeys(wording for wording in (text, asked) if wording.strip()))


def retrieve_near(
    library: Library,
    index: VectorIndex,
    vector: Vectors,
    *,
    k: int = 8,
    family: str | None = None,
    dialect: str | None = None,
    owner: str | None = None,
    min_score: float = MIN_SCORE,
) -> list[Hit]:
    """`retrieve` for a query that is embedded already."""
    index.refresh(library)
    wanted = max(CANDIDATES_PER_HIT * k, MIN_CANDIDATES)
    usable = partial(feed.usable, library, owner=owner, family=family, dialect=dialect, min_score=min_score)
    near = index.search(vector, OVERFETCH * wanted)
    scores = usable([i for i, _ in near])
    if len(scores) < wanted and len(near) < len(index):
        # Few of the nearest may be used: look among all that may.
        scores = usable()
        near = index.search(vector, wanted, among=list(scores))
    ranked = sorted(
        ((similarity + SCORE_WEIGHT * (scores[i] - NEUTRAL), similarity, i) for i, similarity in near if i in scores),
        key=lambda entry: (-entry[0], entry[2]),
    )[:k]
    # What was removed since the scores were read is left out here.
    prompts = {prompt.id: prompt for prompt in library.get_many([i for _, _, i in ranked]) if not prompt.removed}
    return [Hit(prompts[i], similarity, rank) for rank, similarity, i in ranked if i in prompts]
