"""A real little embedder for tests: each word adds one to one of sixteen buckets, so vectors can be made by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from promptlib.embeddings import Embedder, Vectors


class HashingEmbedder(Embedder):
    """Counts words by bucket; a word's bucket is the sum of its code points modulo the dimension."""

    id = "hashing-16"
    dimension = 16
    batch_size = 4

    def __init__(self) -> None:
        #: Every text that was embedded, in order.
        self.seen: list[str] = []

    def _embed(self, texts: Sequence[str], *, query: bool) -> Vectors:
        self.seen += texts
        out = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                out[row, sum(map(ord, word)) % self.dimension] += 1
        return out
