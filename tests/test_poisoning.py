"""Attacks on the library: what others are given does not move by self-ratings, nor by more than the shrunken mean."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hashing_embedder import HashingEmbedder
from sqlite_utils import Database

from bot.assistant import Assistant
from pipeline.jobs import Job
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.records import LibraryPrompt
from promptlib.retrieval import retrieve
from promptlib.scoring import CROWD, FLOOR, NEUTRAL, SHRINKAGE

GOOD_ONES = ("cat moon", "cat sun", "cat sea", "dog moon", "cat cat snow")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(Database(tmp_path / "easel.db"))
    for text in GOOD_ONES:
        library.rate(add(library, text, owner="ann"), "bob", 5)
    return library


@pytest.fixture
def index(tmp_path: Path) -> VectorIndex:
    return VectorIndex(tmp_path / "index", HashingEmbedder())


def add(library: Library, text: str, owner: str = "") -> int:
    return library.add(LibraryPrompt(0, text, owner=owner))[0]


def given(library: Library, index: VectorIndex, owner: str = "victim") -> list[tuple[str, float]]:
    """What a person is given, with its rank."""
    return [(hit.prompt.text, hit.rank) for hit in retrieve(library, index, "cat", owner=owner)]


def job(prompt: str) -> Job:
    return Job("sd15", prompt, 512, 512, 7, 20, 7.5, owner="telegram:7")


def yesterday(library: Library) -> None:
    """Let a day pass."""
    library.db.execute("UPDATE ratings SET created = '2020-01-01T00:00:00+00:00'")


def test_thirty_self_rated_prompts_serve_their_author_and_nobody_else(library: Library, index: VectorIndex) -> None:
    before = given(library, index)
    spam = [add(library, f"cat spam {number}", owner="eve") for number in range(30)]
    for _ in range(30):
        for prompt_id in spam:
            library.rate(prompt_id, "eve", 5)
    assert given(library, index) == before
    assert {text for text, _ in given(library, index, "eve")} & {f"cat spam {number}" for number in range(30)}


def test_thirty_accounts_that_rate_themselves_move_nothing(library: Library, index: VectorIndex) -> None:
    before = given(library, index)
    for number in range(30):
        library.rate(add(library, f"cat spam {number}", owner=f"eve {number}"), f"eve {number}", 5)
    assert given(library, index) == before


def test_a_self_rating_lifts_what_others_already_like_by_a_quarter_of_theirs(library: Library) -> None:
    liked = add(library, "cat hat", owner="eve")
    before = library.rate(liked, "bob", 4)
    by_herself = library.rate(liked, "eve", 5) - before
    library.unrate(liked, "eve")
    by_another = library.rate(liked, "cid", 5) - before
    assert 0 < by_herself < 0.4 * by_another


def test_five_accounts_together_move_a_score_by_no_more_than_the_shrunken_mean(
    library: Library, index: VectorIndex
) -> None:
    spam = add(library, "cat spam", owner="eve")
    victim, before = add(library, "cat hat"), NEUTRAL
    for number in range(5):
        for _ in range(10):
            library.rate(spam, f"puppet {number}", 5)
            library.rate(victim, f"puppet {number}", 1)
    highest = (SHRINKAGE * NEUTRAL + 5 * 5) / (SHRINKAGE + 5)
    lowest = (SHRINKAGE * NEUTRAL + 5 * 1) / (SHRINKAGE + 5)
    assert before < library.get(spam).score <= highest
    assert lowest <= library.get(victim).score < before
    untouched = [rank for text, rank in given(library, index) if text in GOOD_ONES]
    assert len(untouched) == len(GOOD_ONES)


def test_an_admins_word_ends_what_puppets_began(library: Library, index: VectorIndex) -> None:
    before, spam = given(library, index), add(library, "cat spam", owner="eve")
    for number in range(5):
        library.rate(spam, f"puppet {number}", 5)
    assert given(library, index) != before
    library.promote(spam, False)
    assert given(library, index) == before


def test_votes_beyond_the_days_are_kept_and_do_not_count(library: Library) -> None:
    seeds = [add(library, f"seed {number}") for number in range(5)]
    for prompt_id in seeds:
        library.rate(prompt_id, "eve", 1, votes_a_day=3)
    assert [library.get(prompt_id).score < NEUTRAL for prompt_id in seeds] == [True] * 3 + [False] * 2
    assert all(library.get(prompt_id).ratings == 1 for prompt_id in seeds)
    assert [row.counts for prompt_id in seeds for row in library.ratings_of(prompt_id)] == [True] * 3 + [False] * 2
    library.rescore()
    assert library.get(seeds[4]).score == NEUTRAL


def test_a_vote_that_does_not_count_promotes_nothing_and_leaves_the_raters_mean(library: Library) -> None:
    first, painted = add(library, "seed"), add(library, "painted", owner="ann")
    before = library.rate(first, "eve", 5, votes_a_day=1)
    library.rate(painted, "eve", 5, votes_a_day=1)
    assert not library.get(painted).eligible
    assert library.get(first).score == before


def test_changing_or_withdrawing_a_vote_wins_none(library: Library) -> None:
    seeds = [add(library, f"seed {number}") for number in range(4)]
    for value in (1, 5, 2, 1):
        for prompt_id in seeds[:2]:
            library.rate(prompt_id, "eve", value, votes_a_day=2)
    library.rate(seeds[2], "eve", 1, votes_a_day=2)
    assert library.get(seeds[2]).score == NEUTRAL
    library.unrate(seeds[0], "eve")
    assert library.rate(seeds[3], "eve", 1, votes_a_day=2) < NEUTRAL
    assert library.get(seeds[0]).score == NEUTRAL


def test_the_next_day_brings_new_votes(library: Library) -> None:
    one, two = add(library, "one"), add(library, "two")
    library.rate(one, "eve", 1, votes_a_day=1)
    assert library.rate(two, "eve", 1, votes_a_day=1) == NEUTRAL
    yesterday(library)
    assert library.rate(two, "eve", 1, votes_a_day=1) < NEUTRAL
    assert library.get(one).score < NEUTRAL


def test_ones_own_prompts_need_no_votes(library: Library, index: VectorIndex) -> None:
    own = [add(library, f"cat own {number}", owner="eve") for number in range(3)]
    for prompt_id in own:
        assert library.rate(prompt_id, "eve", 5, votes_a_day=1) > NEUTRAL
    assert sum("own" in text for text, _ in given(library, index, "eve")) == 3
    assert library.rate(add(library, "seed"), "eve", 1, votes_a_day=1) < NEUTRAL


def test_whoever_has_no_votes_left_is_thanked_like_everybody(assistant: Assistant) -> None:
    limited = Assistant(dataclasses.replace(assistant.settings, votes=1))
    jobs = [limited.tables.queue.add(job(f"cat number {number}")) for number in range(2)]
    first, second = (limited.rate(one.id, "telegram:8", 5) for one in jobs)
    assert (first.value, first.ratings, second.value, second.ratings) == (5, 1, 5, 1)
    assert first.score > second.score == NEUTRAL
    limited.tables.db.close()


def test_puppets_cannot_vote_a_shipped_prompt_away(library: Library, index: VectorIndex) -> None:
    """They rank it last. What a crowd agrees on goes, and an admin's word stands against a crowd too."""
    seed, kept = add(library, "cat lamp"), add(library, "cat fern")
    library.promote(kept)
    for number in range(CROWD - 1):
        for prompt_id in (seed, kept):
            library.rate(prompt_id, f"puppet {number}", 1)
    assert {"cat lamp", "cat fern"} <= {text for text, _ in given(library, index)}
    assert library.get(seed).score == FLOOR
    for prompt_id in (seed, kept):
        library.rate(prompt_id, "one more", 1)
    assert {"cat lamp", "cat fern"} & {text for text, _ in given(library, index)} == {"cat fern"}
    library.promote(seed)
    assert {"cat lamp", "cat fern"} <= {text for text, _ in given(library, index)}


def test_two_people_take_out_what_somebody_painted(library: Library, index: VectorIndex) -> None:
    painted = add(library, "cat lamp", owner="eve")
    library.rate(painted, "ann", 4)
    assert "cat lamp" in {text for text, _ in given(library, index)}
    for who in ("ann", "bob", "cid"):
        library.rate(painted, who, 1)
    assert "cat lamp" not in {text for text, _ in given(library, index)}


def test_who_painted_under_a_groups_name_cannot_rate_it_as_somebody_else(library: Library, index: VectorIndex) -> None:
    """An anonymous admin's requests go by the group's name, and buttons are pressed under one's own."""
    before = given(library, index)
    spam = add(library, "cat spam", owner="telegram:-100")
    for who in ("telegram:1", "telegram:2"):
        assert library.rate(spam, who, 5) < NEUTRAL + 0.5
    library.rescore()
    assert given(library, index) == before
    library.promote(spam)
    assert "cat spam" in {text for text, _ in given(library, index)}
