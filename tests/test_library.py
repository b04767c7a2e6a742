"""The library on a real SQLite file: identity, removal, ratings and what follows from them, search, two processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database

from promptlib import feed
from promptlib.errors import LibraryError, NoSuchPrompt
from promptlib.library import Library
from promptlib.records import LibraryPrompt, Tag


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "easel.db"


@pytest.fixture
def opened(path: Path) -> Callable[[], Library]:
    def opened() -> Library:
        db = Database(path)
        db.enable_wal()
        db.execute("PRAGMA busy_timeout = 5000").fetchall()
        return Library(db)

    return opened


@pytest.fixture
def library(opened: Callable[[], Library]) -> Library:
    return opened()


def prompt(text: str, **fields: object) -> LibraryPrompt:
    return LibraryPrompt(0, text, **fields)  # type: ignore[arg-type]


def test_all_fields_come_back(library: Library) -> None:
    given = prompt(
        "red apple, 3d render",
        negative="blurry",
        dialect="doodle",
        family="doodle",
        tags=(Tag("red apple", "subject", ""),),
        source="mine",
        source_url="https://example.org/1",
        author="Ann",
        licence="MIT",
        language="en",
        params={"steps": 20},
        extra={"title_zh": "红苹果"},
        prior=4.0,
        created="2024-05-01T00:00:00+00:00",
        owner="telegram:7",
    )
    row_id, created = library.add(given)
    assert created
    got = library.get(row_id)
    assert got.tags == (Tag("red apple", "subject", f"library:{row_id}"),)
    assert got.score == 3.5
    assert got.ratings == 0
    assert not got.eligible
    for name in ("text", "negative", "dialect", "family", "source", "source_url", "author", "licence", "language"):
        assert getattr(got, name) == getattr(given, name)
    for name in ("params", "extra", "prior", "created", "owner"):
        assert getattr(got, name) == getattr(given, name)


def test_adding_is_idempotent_by_key(library: Library) -> None:
    first, created = library.add(prompt("A red apple"))
    assert created
    revision = library.revision
    assert library.add(prompt("a  RED apple, ")) == (first, False)
    assert library.revision == revision
    assert library.add(prompt("a red apple", negative="blurry"))[1]
    assert library.add(prompt("a red apple", family="sdxl"))[1]


def test_add_many_takes_what_comes_in_batches(library: Library) -> None:
    texts = (prompt(f"prompt {number % 7}") for number in range(20))
    outcomes = list(library.add_many(texts, batch=3))
    assert sum(outcome.created for outcome in outcomes) == library.count() == 7
    assert outcomes[0].id == outcomes[7].id


def test_unknown_prompt_is_one_clear_error(library: Library) -> None:
    for call in (library.get, library.remove, library.restore, library.promote):
        with pytest.raises(NoSuchPrompt, match="no prompt 99"):
            call(99)
    with pytest.raises(NoSuchPrompt):
        library.rate(99, "ann", 5)


def test_removed_stays_out_until_restored(library: Library) -> None:
    row_id, _ = library.add(prompt("a red apple"))
    library.remove(row_id)
    assert library.get(row_id).removed
    assert library.list() == []
    assert [one.id for one in library.list(removed=True)] == [row_id]
    assert library.search("apple") == []
    assert feed.usable(library, [row_id], min_score=0) == {}
    assert library.add(prompt("a red apple")) == (row_id, False)
    assert next(library.add_many([prompt("a red apple")])).removed
    assert library.count() == 0
    library.restore(row_id)
    assert library.count() == 1
    assert library.search("apple")


def test_list_filters_orders_and_pages(library: Library) -> None:
    for number in range(5):
        library.add(prompt(f"p{number}", source="a" if number < 3 else "b", prior=float(number + 1)))
    assert [one.text for one in library.list(limit=2, offset=1)] == ["p3", "p2"]
    assert [one.text for one in library.list(source="a")] == ["p2", "p1", "p0"]
    assert library.count(min_score=3.4) == len(library.list(min_score=3.4)) == 2
    assert library.count(dialect="sentence") == 0


def test_ratings_can_be_changed_and_taken_back(library: Library) -> None:
    row_id, _ = library.add(prompt("a red apple"))
    up = library.rate(row_id, "ann", 5)
    down = library.rate(row_id, "ann", 1)
    assert up > 3 > down
    assert [(row.who, row.value) for row in library.ratings_of(row_id)] == [("ann", 1)]
    assert library.get(row_id).ratings == 1
    assert library.unrate(row_id, "ann") == 3.0
    assert library.unrate(row_id, "ann") == 3.0
    assert library.ratings_of(row_id) == []


@pytest.mark.parametrize("value", [0, 6, -1, 2.5])
def test_a_rating_off_the_scale_is_refused(library: Library, value: int) -> None:
    row_id, _ = library.add(prompt("a red apple"))
    with pytest.raises(LibraryError, match="from 1 to 5"):
        library.rate(row_id, "ann", value)
    assert library.ratings_of(row_id) == []


def test_a_raters_other_scores_follow_their_mean(library: Library) -> None:
    first, _ = library.add(prompt("one"))
    second, _ = library.add(prompt("two"))
    alone = library.rate(first, "ann", 5)
    library.rate(second, "ann", 5)
    assert library.get(first).score < alone
    library.unrate(second, "ann")
    assert library.get(first).score == alone


def test_nobody_moves_others_by_rating_themselves(library: Library) -> None:
    foreign, _ = library.add(prompt("foreign"))
    before = library.rate(foreign, "eve", 4)
    for number in range(20):
        own, _ = library.add(prompt(f"own {number}", owner="eve"))
        own_score = library.rate(own, "eve", 1)
        assert own_score > library.rate(own, "eve", 5) - 1
        library.rate(own, "eve", 1)
    assert library.get(foreign).score == before


def test_painted_prompts_wait_for_others_but_serve_their_owner(library: Library) -> None:
    row_id, _ = library.add(prompt("a red apple", source="painted", owner="ann"))

    def usable(owner: str | None) -> bool:
        return row_id in feed.usable(library, [row_id], min_score=0, owner=owner)

    assert not usable("ann")
    library.rate(row_id, "ann", 4)
    assert usable("ann")
    assert not usable("bob")
    assert not usable(None)
    assert not usable("")
    library.rate(row_id, "bob", 4)
    assert usable(None)
    library.unrate(row_id, "bob")
    assert not usable(None)
    library.promote(row_id)
    assert usable(None)
    library.promote(row_id, False)
    assert not usable("ann")
    library.promote(row_id, None)
    assert usable("ann")
    assert not usable(None)


def test_full_text_search_in_two_languages(library: Library) -> None:
    library.add(prompt("two cats on a sofa, oil painting"))
    library.add(prompt("concatenated pipes, blueprint"))
    library.add(prompt("一只可爱的猫咪坐在沙发上", dialect="chinese"))
    library.add(prompt("red apple", extra={"title_zh": "红苹果"}))
    found = {query: [one.text for one in library.search(query)] for query in ("cat", "猫", "猫咪 沙发", "咪猫", "苹果")}
    assert found["cat"] == ["two cats on a sofa, oil painting"]
    assert found["猫"] == found["猫咪 沙发"] == ["一只可爱的猫咪坐在沙发上"]
    assert found["咪猫"] == []
    assert found["苹果"] == ["red apple"]
    assert library.search("cat", limit=0) == []
    for query in ("", "  ", '"', "NEAR(", "a OR", "*", "(cat", "col:cat"):
        library.search(query)


def test_replace_source_adds_updates_retires_and_respects_removal(library: Library) -> None:
    seed = [prompt(text, source="seed") for text in ("one", "two", "three")]
    assert library.replace_source("seed", seed) == 3
    assert library.replace_source("seed", seed) == 0
    one, two, three = (row.id for row in sorted(library.list(), key=lambda row: row.id))
    library.rate(one, "ann", 5)
    library.remove(two)
    changed = [prompt("one", source="seed", extra={"use": "icon"}), prompt("two", source="seed")]
    assert library.replace_source("seed", changed) == 2
    assert library.get(one).extra == {"use": "icon"}
    assert library.get(one).ratings == 1
    assert [row.id for row in library.search("icon")] == [one]
    assert library.get(two).removed
    assert library.get(three).removed
    assert library.replace_source("seed", [*changed, seed[2]]) == 1
    assert not library.get(three).removed
    assert library.get(two).removed


def test_changes_since_a_point(library: Library) -> None:
    one, _ = library.add(prompt("one", extra={"title_zh": "一", "title_en": "One"}))
    two, _ = library.add(prompt("two"))
    first = list(feed.changes(library, feed.START))
    assert [(change.point.id, change.text) for change in first] == [(one, "一; One; one"), (two, "two")]
    library.rate(one, "ann", 5)
    assert list(feed.changes(library, first[-1].point)) == []
    assert library.revision > first[-1].point.revision
    library.remove(one)
    later = list(feed.changes(library, first[-1].point))
    assert [(change.point.id, change.removed) for change in later] == [(one, True)]
    assert feed.ids(library) == {two}
    assert feed.ids(library, after=first[-1].point) == {one}


def test_a_failed_write_changes_nothing(library: Library) -> None:
    library.add(prompt("one"))
    revision = library.revision
    with pytest.raises(TypeError):
        list(library.add_many([prompt("two"), prompt("three", params={"x": object()})]))
    assert (library.count(), library.revision) == (1, revision)
    assert library.add(prompt("two"))[1]


def test_writers_in_several_threads_lose_nothing(opened: Callable[[], Library]) -> None:
    library = opened()
    shared, _ = library.add(prompt("shared"))

    def work(worker: int) -> None:
        mine = opened()
        for number in range(10):
            mine.add(prompt(f"{worker} {number}"))
            mine.rate(shared, f"{worker} {number}", 4)

    threads = [threading.Thread(target=work, args=[worker]) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert library.count() == 41
    assert library.get(shared).ratings == 40
    assert library.revision == 81


def test_stats_count_what_is_there(library: Library) -> None:
    assert library.stats()["prompts"] == 0
    one, _ = library.add(prompt("one", source="seed"))
    two, _ = library.add(prompt("two", owner="ann", source="painted"))
    library.rate(two, "ann", 5)
    library.rate(two, "bob", 2)
    library.remove(one)
    stats = library.stats()
    assert (stats["prompts"], stats["eligible"], stats["removed"]) == (1, 0, 1)
    assert (stats["ratings"], stats["raters"]) == (2, 2)
    assert stats["by_source"] == {"painted": 1}


def test_rescore_restores_damaged_scores(library: Library) -> None:
    row_id, _ = library.add(prompt("one", prior=4.0))
    right = library.rate(row_id, "ann", 5)
    library.db.execute("UPDATE prompts SET score = 1, eligible = 0")
    library.rescore()
    assert library.get(row_id).score == right
    assert library.get(row_id).eligible
