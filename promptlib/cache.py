"""Embeddings kept in SQLite, so that rebuilding an index computes nothing twice.

Keyed by embedder and text, so a vector is right whichever prompt it belongs to. Stored in 16 bits; a vector read
back equals the one handed out when it was computed. What cannot be kept, or is damaged, is computed again. Knows
nothing of prompts or FAISS.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Sequence

import numpy as np
from sqlite_utils import Database

from promptlib import migrations
from promptlib.embeddings import Embedder, Vectors, unit

log = logging.getLogger(__name__)


class EmbeddingCache:
    """Owns the table `embeddings`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        migrations.bring_up(db, migrations.embeddings)

    def passages(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        """The embedder's passage vectors; what is not stored is computed and stored, batch by batch."""
        known = self.lookup(embedder, texts)
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        for start in range(0, len(missing), embedder.batch_size):
            batch = missing[start : start + embedder.batch_size]
            vectors = embedder.passages(batch)
            try:
                known |= self.store(embedder, batch, vectors)
            except sqlite3.OperationalError as error:
                # A full disk or a locked database costs time, not the answer.
                log.warning("Embeddings cannot be kept (%s); they are computed again when they are needed.", error)
                known |= dict(zip(batch, vectors, strict=True))
        return np.array([known[text] for text in texts], dtype=np.float32).reshape(len(texts), embedder.dimension)

    def lookup(self, embedder: Embedder, texts: Sequence[str]) -> dict[str, Vectors]:
        """Of these texts, the vectors that are stored."""
        by_key = {text_key(text): text for text in texts}
        found: dict[str, Vectors] = {}
        keys = list(by_key)
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ", ".join("?" * len(part))
            sql = f"SELECT key, vector FROM embeddings WHERE embedder = ? AND key IN ({marks})"
            for key, blob in self.db.execute(sql, [embedder.id, *part]):
                vector = _unpack(blob)
                if vector.shape == (embedder.dimension,) and np.isfinite(vector).all():
                    found[by_key[key]] = vector
        return found

    def store(self, embedder: Embedder, texts: Sequence[str], vectors: Vectors) -> dict[str, Vectors]:
        """Keep vectors; gives them back as they will be read."""
        blobs = [np.asarray(vector, dtype=np.float16).tobytes() for vector in vectors]
        rows = [(text_key(text), embedder.id, blob) for text, blob in zip(texts, blobs, strict=True)]
        with self.db.atomic():
            self.db.conn.executemany("INSERT OR REPLACE INTO embeddings (key, embedder, vector) VALUES (?, ?, ?)", rows)
        return {text: _unpack(blob) for text, blob in zip(texts, blobs, strict=True)}

    def forget(self, texts: Sequence[str]) -> None:
        """Delete the vectors of these texts, by whichever embedder."""
        with self.db.atomic():
            keys = [(text_key(text),) for text in texts]
            self.db.conn.executemany("DELETE FROM embeddings WHERE key = ?", keys)


def text_key(text: str) -> bytes:
    """Sixteen bytes that stand for a text."""
    return hashlib.sha256(text.encode()).digest()[:16]


def _unpack(blob: bytes) -> Vectors:
    whole = blob[: len(blob) // 2 * 2]
    vector: Vectors = unit(np.frombuffer(whole, dtype=np.float16).astype(np.float32)[None])[0]
    return vector
