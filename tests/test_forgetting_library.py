"""Taking a person out of the library: rows, scores, full-text search, vectors, and the bytes of the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hashing_embedder import HashingEmbedder
from sqlite_utils import Database

from bot.store import open_database
from promptlib import feed, forgetting
from promptlib.cache import EmbeddingCache, text_key
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.records import LibraryPrompt, Tag
from promptlib.retrieval import retrieve
from promptlib.scoring import NEUTRAL

#: A word that stands nowhere else; the porter stemmer leaves it as it is.
SECRET = "zyxquo"


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_database(tmp_path / "easel.db")


@pytest.fixture
def library(db: Database) -> Library:
    library = Library(db)
    for number in range(60):
        library.add(LibraryPrompt(0, f"seed number {number}", source="seed"))
    return library


@pytest.fixture
def index(tmp_path: Path) -> VectorIndex:
    return VectorIndex(tmp_path / "index", HashingEmbedder())


def painted(library: Library, text: str, owner: str = "eve") -> int:
    request = {"title_en": f"{SECRET} please"}
    tags = (Tag(text, "subject", "words"),)
    return library.add(LibraryPrompt(0, text, owner=owner, source="painted", extra=request, tags=tags))[0]


def test_ratings_go_and_scores_follow(library: Library) -> None:
    library.rate(1, "eve", 5)
    both = library.rate(1, "bob", 5)
    library.rate(2, "eve", 1)
    forgotten = library.forget("eve")
    assert (forgotten.ratings, forgotten.prompts, forgotten.kept) == (2, 0, ())
    assert NEUTRAL < library.get(1).score < both
    assert library.get(2).score == NEUTRAL
    assert library.about("eve") == {"prompts": [], "ratings": []}
    assert len(library.about("bob")["ratings"]) == 1


def test_a_prompt_that_nobody_else_rated_goes(library: Library) -> None:
    row_id = painted(library, f"a {SECRET} cat")
    library.rate(row_id, "eve", 5)
    assert library.forget("eve").prompts == 1
    row = library.get(row_id)
    assert (row.text, row.owner, row.extra, row.tags, row.removed) == ("", "", {}, (), True)
    assert row_id not in [one.id for one in library.list(removed=True, limit=1000)]
    assert library.search(SECRET) == []
    library.restore(row_id)
    assert library.get(row_id).removed
    assert library.add(LibraryPrompt(0, f"a {SECRET} cat"))[1], "somebody else may come to the same words"


def test_what_others_rated_or_an_admin_promoted_stays_without_its_owner(library: Library) -> None:
    rated, promoted = painted(library, "a cat"), painted(library, "a dog")
    library.rate(rated, "eve", 5)
    library.rate(rated, "bob", 5)
    library.promote(promoted)
    assert library.forget("eve").kept == ("a cat", "a dog")
    for row_id in (rated, promoted):
        row = library.get(row_id)
        assert row.owner.startswith("forgotten:")
        assert (row.extra, row.eligible, row.removed) == ({}, True, False)
    assert library.search(SECRET) == []
    assert [one.id for one in library.search("cat")] == [rated]
    library.unrate(rated, "bob")
    assert not library.get(rated).eligible, "without an owner it still waits for a rating by somebody"


def test_being_forgotten_does_not_make_ones_own_prompt_somebody_elses(library: Library) -> None:
    row_id = painted(library, "a cat")
    library.rate(row_id, "bob", 1)
    library.forget("eve")
    assert painted(library, "A cat.") == row_id, "the same once more"
    before = library.get(row_id).score
    by_herself = library.rate(row_id, "eve", 5, votes_a_day=0) - before
    assert not library.get(row_id).eligible
    library.unrate(row_id, "eve")
    by_another = library.rate(row_id, "cid", 5) - before
    assert 0 < by_herself < 0.4 * by_another
    assert library.get(row_id).eligible
    library.rescore()
    assert library.get(row_id).score == before + by_another


def test_nobody_sees_which_prompts_one_who_is_forgotten_painted(library: Library) -> None:
    for text in ("a cat", "a dog"):
        library.rate(painted(library, text), "bob", 5)
    library.forget("eve")
    owners = {row.owner for row in library.list(limit=100) if row.source == "painted"}
    assert len(owners) == 2 and not any("eve" in owner for owner in owners)


def test_what_was_removed_by_hand_is_emptied_and_cannot_come_back(library: Library) -> None:
    row_id = painted(library, f"a {SECRET} cat")
    library.rate(row_id, "bob", 5)
    library.remove(row_id)
    library.forget("eve")
    assert library.get(row_id).text == ""
    assert next(library.add_many([LibraryPrompt(0, f"a {SECRET} cat")])).removed


def test_the_index_follows_also_one_from_before(library: Library, index: VectorIndex, tmp_path: Path) -> None:
    gone, stays = painted(library, f"a {SECRET} cat"), painted(library, "a cat")
    library.rate(stays, "bob", 5)
    index.rebuild(library)
    library.forget("eve")
    fresh = VectorIndex(tmp_path / "index", HashingEmbedder())
    for one in (index, fresh):
        found = [hit.prompt.id for hit in retrieve(library, one, "cat", k=3, owner="eve")]
        assert gone not in found and found[0] == stays
    assert gone not in feed.ids(library)
    assert len(fresh) == len(index) == library.count()


def test_vectors_are_deleted_from_the_disk(library: Library, index: VectorIndex, tmp_path: Path) -> None:
    painted(library, f"a {SECRET} cat")
    index.rebuild(library)
    index.rebuild(library)
    assert len(list((tmp_path / "index").glob("v*"))) > 1
    passages, cache = forgetting.passages(library.db, "eve"), EmbeddingCache(library.db)
    assert cache.lookup(index.embedder, passages)
    library.forget("eve")
    cache.forget(passages)
    index.purge(library)
    assert library.db.execute("SELECT 1 FROM embeddings WHERE key = ?", [text_key(passages[0])]).fetchall() == []
    assert len(list((tmp_path / "index").glob("v*"))) == 1
    assert VectorIndex(tmp_path / "index", HashingEmbedder()).verify(library) == []


def test_no_byte_of_it_is_left_in_the_file(library: Library, tmp_path: Path) -> None:
    for number in range(40):
        library.rate(painted(library, f"a {SECRET} cat number {number} " + "with a long tail " * 40), "eve", 5)
    library.rate(painted(library, "a cat"), "bob", 5)
    library.forget("eve")
    library.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    left = b"".join(path.read_bytes() for path in tmp_path.glob("easel.db*"))
    assert SECRET.encode() not in left
    assert b"with a long tail" not in left
    assert b"eve" not in left.replace(b"never", b"").replace(b"level", b"")


def test_forgetting_twice_is_as_good_as_once(library: Library) -> None:
    painted(library, "a cat")
    library.forget("eve")
    revision = library.revision
    assert library.forget("eve").prompts == 0
    assert library.revision == revision
