"""The vector index with real FAISS and SQLite: following the library, damage, rebuilds beside searches."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hashing_embedder import HashingEmbedder
from sqlite_utils import Database

from promptlib import index as index_module
from promptlib.errors import IndexNotSaved
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.records import LibraryPrompt

#: Words of different buckets of the embedder, as are bird, frog and zz.
WORDS = ["apple", "cat", "dog", "moon"]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], Library]:
    def opened() -> Library:
        db = Database(tmp_path / "easel.db")
        db.enable_wal()
        db.execute("PRAGMA busy_timeout = 5000").fetchall()
        return Library(db)

    return opened


@pytest.fixture
def library(opened: Callable[[], Library]) -> Library:
    library = opened()
    for word in WORDS:
        library.add(LibraryPrompt(0, word))
    return library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(folder: Path) -> VectorIndex:
    return VectorIndex(folder, HashingEmbedder())


def found(index: VectorIndex, library: Library, text: str, k: int = 10) -> list[str]:
    """Texts that a search finds with similarity above zero, nearest first."""
    index.refresh(library)
    near = index.search(index.embedder.queries([text])[0], k)
    return [library.get(row_id).text for row_id, similarity in near if similarity > 0]


def current(folder: Path) -> Path:
    return folder / (folder / "current").read_text()


def test_first_use_builds_and_saves(index: VectorIndex, library: Library, folder: Path) -> None:
    assert index.search(index.embedder.queries(["cat"])[0], 3) == []
    assert found(index, library, "cat") == ["cat"]
    manifest = json.loads((current(folder) / "manifest.json").read_text())
    assert (manifest["embedder"], manifest["dimension"], manifest["rows"]) == ("hashing-16", 16, 4)
    assert (manifest["revision"], manifest["library"]) == (library.revision, library.identity)
    assert index.verify(library) == []


def test_fewer_rows_than_asked_for(index: VectorIndex, library: Library) -> None:
    index.refresh(library)
    assert len(index.search(index.embedder.queries(["cat"])[0], 100)) == len(index) == 4


def test_next_search_sees_what_was_added_removed_restored_edited(index: VectorIndex, library: Library) -> None:
    assert found(index, library, "bird") == []
    row_id, _ = library.add(LibraryPrompt(0, "bird", source="seed"))
    assert found(index, library, "bird") == ["bird"]
    library.remove(row_id)
    assert found(index, library, "bird") == []
    library.restore(row_id)
    assert found(index, library, "bird") == ["bird"]
    library.replace_source("seed", [LibraryPrompt(0, "bird", source="seed", extra={"title_en": "zz"})])
    assert found(index, library, "zz") == ["bird"]
    assert len(index) == 5


def test_changes_by_another_process_are_seen(
    index: VectorIndex, library: Library, opened: Callable[[], Library]
) -> None:
    assert found(index, library, "bird") == []
    row_id, _ = opened().add(LibraryPrompt(0, "bird"))
    assert found(index, library, "bird") == ["bird"]
    opened().remove(row_id)
    assert found(index, library, "bird") == []


def test_a_saved_index_is_taken_up_without_embedding(index: VectorIndex, library: Library, folder: Path) -> None:
    index.refresh(library)
    library.add(LibraryPrompt(0, "bird"))
    again = HashingEmbedder()
    assert found(VectorIndex(folder, again), library, "bird") == ["bird"]
    assert again.seen == ["bird", "bird"]


def test_unchanged_library_costs_no_embedding(index: VectorIndex, library: Library) -> None:
    index.refresh(library)
    embedder = index.embedder
    assert isinstance(embedder, HashingEmbedder)
    seen = len(embedder.seen)
    library.rate(1, "ann", 5)
    index.refresh(library)
    index.rebuild(library)
    assert len(embedder.seen) == seen


def test_a_bulk_of_new_rows_is_embedded_a_little_at_a_time(index: VectorIndex, library: Library) -> None:
    index.refresh(library)
    list(library.add_many(LibraryPrompt(0, f"bird {number}") for number in range(40)))
    sizes = []
    for _ in range(4):
        index.refresh(library)
        sizes.append(len(index))
    assert sizes == [20, 36, 44, 44]
    assert index.verify(library) == []


def test_many_changes_are_saved(
    index: VectorIndex, library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "SAVE_AFTER", 3)
    index.refresh(library)
    first = current(folder)
    library.add(LibraryPrompt(0, "bird"))
    index.refresh(library)
    assert current(folder) == first
    library.add(LibraryPrompt(0, "frog"))
    library.add(LibraryPrompt(0, "fox"))
    index.refresh(library)
    assert json.loads((current(folder) / "manifest.json").read_text())["rows"] == 7


def truncate(folder: Path) -> None:
    path = current(folder) / "index.faiss"
    path.write_bytes(path.read_bytes()[:-10])


def flip(folder: Path) -> None:
    path = current(folder) / "index.faiss"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit(**fields: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = current(folder) / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return edit


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": truncate,
    "one bit": flip,
    "no index file": lambda folder: (current(folder) / "index.faiss").unlink(),
    "no manifest": lambda folder: (current(folder) / "manifest.json").unlink(),
    "half a manifest": lambda folder: (current(folder) / "manifest.json").write_text('{"embedder": "ha'),
    "manifest without fields": lambda folder: (current(folder) / "manifest.json").write_text("{}"),
    "manifest is a list": lambda folder: (current(folder) / "manifest.json").write_text("[]"),
    "pointer to nowhere": lambda folder: (folder / "current").write_text("v99"),
    "empty pointer": lambda folder: (folder / "current").write_text(""),
    "pointer is binary": lambda folder: (folder / "current").write_bytes(b"\xff\x00\xfe"),
    "wrong checksum": edit(checksum="0" * 64),
    "wrong rows": edit(rows=3),
    "another embedder": edit(embedder="other"),
    "another dimension": edit(dimension=17),
    "another library": edit(library="f" * 32),
    "from the future": edit(revision=10_000),
    "another format": edit(format=99),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_index_is_rebuilt_with_a_warning(
    index: VectorIndex,
    library: Library,
    folder: Path,
    damage: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    index.refresh(library)
    damage(folder)
    fresh = VectorIndex(folder, HashingEmbedder())
    assert len(fresh.verify(library)) == 1
    with caplog.at_level(logging.WARNING):
        assert found(fresh, library, "cat") == ["cat"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert fresh.verify(library) == []


def test_an_index_that_claims_to_be_further_than_it_is(index: VectorIndex, library: Library, folder: Path) -> None:
    index.refresh(library)
    row_id, _ = library.add(LibraryPrompt(0, "bird"))
    edit(revision=library.revision, last_id=row_id)(folder)
    fresh = VectorIndex(folder, HashingEmbedder())
    assert "does not hold the rows" in fresh.verify(library)[0]
    assert found(fresh, library, "bird") == ["bird"]


def test_an_index_with_vectors_of_other_prompts_is_found_out(library: Library, folder: Path) -> None:
    """A library whose rows were swapped behind the index's back: same ids, other texts."""
    VectorIndex(folder, HashingEmbedder()).refresh(library)
    library.db.execute("UPDATE prompts SET text = 'moon' WHERE text = 'cat'")
    assert VectorIndex(folder, HashingEmbedder()).verify(library) == [
        "1 vectors of the index do not belong to their prompts; run `easel library rebuild`."
    ]


def test_old_versions_go_and_the_previous_stays(index: VectorIndex, library: Library, folder: Path) -> None:
    for _ in range(4):
        index.rebuild(library)
    long_ago = time.time() - 3600
    for path in folder.iterdir():
        os.utime(path, (long_ago, long_ago))
    previous = current(folder)
    index.rebuild(library)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["current", previous.name, current(folder).name])


def test_rebuild_tells_its_progress(index: VectorIndex, library: Library) -> None:
    told: list[tuple[int, int]] = []
    index.rebuild(library, progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 4)]


def test_a_folder_that_cannot_be_written(library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "index").write_text("a file where the folder should be")
    index = VectorIndex(tmp_path / "index" / "below", HashingEmbedder())
    with pytest.raises(IndexNotSaved, match="Nothing is lost"):
        index.rebuild(library)
    assert found(index, library, "cat") == ["cat"]


def test_an_index_whose_pointer_cannot_be_read(
    index: VectorIndex, library: Library, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index.refresh(library)
    (folder / "current").unlink()
    (folder / "current").mkdir()
    fresh = VectorIndex(folder, HashingEmbedder())
    assert "cannot be read" in fresh.verify(library)[0]
    assert found(fresh, library, "cat") == ["cat"]
    assert "It is rebuilt from the library." in caplog.text


def test_vectors_that_are_no_numbers_are_found_though_their_texts_were_never_kept(
    index: VectorIndex, library: Library
) -> None:
    index.embedder.passages = lambda texts: np.full((len(texts), 16), np.nan, dtype=np.float32)  # type: ignore[method-assign]
    index.rebuild(library)
    library.db.execute("DELETE FROM embeddings")
    assert "4 vectors" in index.verify(library)[0]


def test_rebuilding_elsewhere_disturbs_no_search(
    index: VectorIndex, library: Library, folder: Path, opened: Callable[[], Library]
) -> None:
    index.refresh(library)
    done = threading.Event()
    wrong: list[object] = []

    def search() -> None:
        mine = opened()
        while not done.is_set():
            for word in WORDS:
                answer = found(index, mine, word)
                if answer != [word]:
                    wrong.append((word, answer))

    def add_and_remove() -> None:
        mine, text = opened(), ""
        while not done.is_set():
            text += "zz "
            row_id, _ = mine.add(LibraryPrompt(0, text))
            mine.remove(row_id)
            time.sleep(0.01)

    threads = [
        threading.Thread(target=search),
        threading.Thread(target=search),
        threading.Thread(target=add_and_remove),
    ]
    for thread in threads:
        thread.start()
    for _ in range(3):
        VectorIndex(folder, HashingEmbedder()).rebuild(opened())
        index.rebuild(library)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert VectorIndex(folder, HashingEmbedder()).verify(library) == []
