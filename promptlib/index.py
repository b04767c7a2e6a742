"""The vector index: FAISS over the library's passages, a cache of SQLite that follows it.

Each search first looks whether the library's revision moved, by this process or another, and takes over what
changed. A missing, damaged or foreign index is rebuilt from SQLite. Searches may come from several threads, each
with its own `Library`. Does not know scores or eligibility: `promptlib.retrieval` asks the library for those.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from promptlib import feed, snapshots
from promptlib.cache import EmbeddingCache
from promptlib.embeddings import Embedder, Vectors
from promptlib.errors import IndexDamaged, IndexNotSaved
from promptlib.library import Library
from promptlib.snapshots import Manifest

log = logging.getLogger(__name__)

#: New passages a search embeds itself, about half a second's worth. More wait for the next search, so that a bulk
#: import by another process never holds a person up; imports store their embeddings before their rows anyway.
INLINE = 16
#: Rows taken over since the last save after which the index is saved again; fewer are taken over again at start.
SAVE_AFTER = 1000
BATCH = 256

Progress = Callable[[int, int], None]


@dataclass
class _State:
    """One FAISS index with the ids in it and the point of the library it is at."""

    index: Any
    ids: set[int] = field(default_factory=set)
    point: feed.Point = feed.START

    def apply(self, changes: Sequence[feed.Change], vectors: Vectors) -> None:
        """Take over changes; `vectors` has a row for each that is not a removal."""
        gone = [change.point.id for change in changes if change.point.id in self.ids]
        if gone:
            self.index.remove_ids(np.array(gone, dtype=np.int64))
        added = [change.point.id for change in changes if not change.removed]
        if added:
            self.index.add_with_ids(vectors, np.array(added, dtype=np.int64))
        self.ids = (self.ids - set(gone)) | set(added)
        self.point = changes[-1].point


class VectorIndex:
    """Finds the passages nearest to a query; lives in `folder`, which nothing else may use."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self.embedder = embedder
        self._state: _State | None = None
        self._revision = -1
        self._unsaved = 0
        # Guards the FAISS index: changing it may not overlap with anything.
        self._lock = threading.Lock()
        # Held while taking over changes, which may embed; searches go on meanwhile.
        self._updating = threading.Lock()

    def __len__(self) -> int:
        return len(self._state.ids) if self._state else 0

    def search(self, vector: Vectors, k: int, *, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """Ids and similarities of the `k` nearest passages (of those among these ids), nearest first; or fewer."""
        import faiss

        # One query gains nothing from threads, and beside painting their busy waiting costs 50 ms. Per thread.
        faiss.omp_set_num_threads(1)
        options: Any = None
        if among is not None:
            selector = faiss.IDSelectorBatch(np.array(among, dtype=np.int64))
            options = faiss.SearchParameters()
            options.sel = selector
        with self._lock:
            if not self._state or not self._state.ids:
                return []
            k = min(k, len(self._state.ids))
            similarities, ids = self._state.index.search(vector[None], k, params=options)
        return [(i, s) for i, s in zip(ids[0].tolist(), similarities[0].tolist(), strict=True) if i >= 0]

    def refresh(self, library: Library, *, inline: int = INLINE) -> None:
        """Follow the library: load or build on first use, then take over what changed since.

        Costs one small query if nothing changed. Embeds at most `inline` new passages.
        """
        if self._state and library.revision == self._revision:
            return
        with self._updating:
            if self._state is None:
                self._open(library)
            self._follow(library, inline)

    def rebuild(self, library: Library, *, progress: Progress | None = None) -> None:
        """Build anew from SQLite, save, and swap; searches go on with the old one meanwhile."""
        with self._updating:
            self._build(library, progress)
            self._save(library)

    def purge(self, library: Library) -> None:
        """Follow the library, and leave nothing on the disk of what is no longer in it."""
        with self._updating:
            if self._state is None:
                self._open(library)
            self._follow(library, inline=library.count())
            self._save(library)
            snapshots.keep_only_current(self.folder)

    def verify(self, library: Library) -> list[str]:
        """What is wrong with the index on disk, as sentences; an empty list if nothing is."""
        try:
            loaded = snapshots.load(self.folder)
            if loaded is None:
                return ["There is no index yet; `easel library rebuild` makes one."]
            state = self._checked(library, *loaded)
        except IndexDamaged as error:
            return [f"{error} Run `easel library rebuild`."]
        wrong = self._wrong_vectors(library, state)
        return [f"{wrong} vectors of the index do not belong to their prompts; run `easel library rebuild`."] * (
            wrong > 0
        )

    def _open(self, library: Library) -> None:
        try:
            loaded = snapshots.load(self.folder)
            if loaded is not None:
                self._swap(self._checked(library, *loaded))
                return
        except IndexDamaged as error:
            log.warning("%s It is rebuilt from the library.", error)
        self._build(library, None)
        self._save_or_warn(library)

    def _checked(self, library: Library, index: Any, manifest: Manifest) -> _State:
        """The state of an index read from disk, if it was made from this library by this embedder."""
        import faiss

        if (manifest.embedder, manifest.dimension) != (self.embedder.id, self.embedder.dimension):
            raise IndexDamaged(f"The index was made by the embedder {manifest.embedder}, not {self.embedder.id}.")
        if manifest.library != library.identity or manifest.revision > library.revision:
            raise IndexDamaged("The index was made from another library, or from a later state of this one.")
        point = feed.Point(manifest.revision, manifest.last_id)
        ids = {int(row_id) for row_id in faiss.vector_to_array(index.id_map)}
        if ids - feed.ids(library, after=point) != feed.ids(library, until=point):
            raise IndexDamaged("The index does not hold the rows that the library had when it was made.")
        return _State(index, ids, point)

    def _build(self, library: Library, progress: Progress | None) -> None:
        import faiss

        state = _State(faiss.IndexIDMap2(faiss.IndexFlatIP(self.embedder.dimension)))
        cache, total = EmbeddingCache(library.db), library.count()
        for changes in _batches(feed.changes(library, state.point), BATCH):
            state.apply(changes, cache.passages(self.embedder, _texts(changes)))
            if progress:
                progress(len(state.ids), max(total, len(state.ids)))
        self._swap(state)

    def _follow(self, library: Library, inline: int) -> None:
        """Apply changes in order, up to where the next one would need more than `inline` embeddings."""
        state, cache, revision = self._state, EmbeddingCache(library.db), library.revision
        assert state is not None
        for changes in _batches(feed.changes(library, state.point), BATCH):
            known, ready = cache.lookup(self.embedder, _texts(changes)), len(changes)
            for position, change in enumerate(changes):
                inline -= not change.removed and change.text not in known
                if inline < 0:
                    ready = position
                    break
            if ready:
                vectors = cache.passages(self.embedder, _texts(changes[:ready]))
                with self._lock:
                    state.apply(changes[:ready], vectors)
                self._unsaved += ready
            if inline < 0:
                return
        self._revision = revision
        if self._unsaved >= SAVE_AFTER:
            self._save_or_warn(library)

    def _swap(self, state: _State) -> None:
        with self._lock:
            self._state, self._revision, self._unsaved = state, -1, 0

    def _save(self, library: Library) -> None:
        state = self._state
        assert state is not None
        manifest = Manifest(self.embedder.id, self.embedder.dimension, library.identity, *state.point, 0, "")
        snapshots.save(self.folder, state.index, manifest)
        self._unsaved = 0

    def _save_or_warn(self, library: Library) -> None:
        try:
            self._save(library)
        except IndexNotSaved as error:
            log.warning("%s", error)

    def _wrong_vectors(self, library: Library, state: _State) -> int:
        cache, wrong = EmbeddingCache(library.db), 0
        for changes in _batches(feed.changes(library, feed.START, until=state.point), BATCH):
            known = cache.lookup(self.embedder, _texts(changes))
            for change in changes:
                if not change.removed:
                    stored = state.index.reconstruct(change.point.id)
                    # Of a text that was never kept, only whether it is a vector at all.
                    expected = known.get(change.text, stored)
                    wrong += not (np.isfinite(stored).all() and np.allclose(stored, expected, atol=1e-3))
        return wrong


def _texts(changes: Sequence[feed.Change]) -> list[str]:
    return [change.text for change in changes if not change.removed]


def _batches(items: Iterable[feed.Change], size: int) -> Iterator[list[feed.Change]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
