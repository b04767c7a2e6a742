"""Scores by hand: shrinkage, priors, centring, own ratings, promotion, likes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlib.scoring import (
    GOOD,
    NEUTRAL,
    Rating,
    centred,
    is_eligible,
    lower_bound,
    prior_from_likes,
    score,
)


def from_newcomer(value: int) -> Rating:
    """A rating by someone who rated this prompt only."""
    return Rating(value, rater_sum=value, rater_count=1)


def test_unrated_is_neutral() -> None:
    assert score([]) == NEUTRAL


def test_first_rating_by_hand() -> None:
    # The rater's mean is (5*3 + 5) / 6 = 3.333, so a 5 counts 4.667: (2*3 + 4.667) / 3.
    assert score([from_newcomer(5)]) == pytest.approx(3.5556, abs=1e-4)
    assert score([from_newcomer(1)]) == pytest.approx(2.4444, abs=1e-4)


def test_many_ratings_outweigh_the_neutral_start() -> None:
    assert score([Rating(5)] * 100) > 4.9


def test_prior_counts_as_two_people() -> None:
    assert score([], prior=5.0) == 4.0
    assert score([Rating(1), Rating(1)], prior=5.0) == pytest.approx((6 + 10 + 2) / 6)


def test_own_rating_counts_a_quarter() -> None:
    assert score([Rating(5, own=True)]) == pytest.approx((6 + 0.25 * 5) / 2.25)


def test_who_always_says_five_says_little_and_a_newcomer_is_hardly_centred() -> None:
    always_five = Rating(5, rater_sum=500, rater_count=100)
    assert centred(always_five) == pytest.approx(5 - (515 / 105 - 3))
    assert centred(from_newcomer(5)) > 4.6


def test_a_severe_rater_is_lifted_within_the_scale() -> None:
    assert centred(Rating(3, rater_sum=100, rater_count=100)) == pytest.approx(3 + 3 - 115 / 105)
    assert centred(Rating(5, rater_sum=100, rater_count=100)) == 5.0


@given(st.lists(st.integers(1, 5), max_size=30), st.one_of(st.none(), st.floats(1, 5)))
def test_scores_stay_on_the_scale_and_one_more_five_never_lowers(values: list[int], prior: float | None) -> None:
    ratings = [Rating(value) for value in values]
    assert 1 <= score(ratings, prior) <= 5
    assert score([*ratings, Rating(5)], prior) >= score(ratings, prior)


@given(st.lists(st.integers(1, 5), max_size=30))
def test_lower_bound_lies_below_the_mean(values: list[int]) -> None:
    assert lower_bound(values) < score([Rating(value) for value in values])


def test_lower_bound_rises_with_evidence() -> None:
    assert lower_bound([4]) < lower_bound([4] * 5) < lower_bound([4] * 50) < 4


def test_what_nobody_owns_is_eligible_at_once() -> None:
    assert is_eligible([], owned=False)


@pytest.mark.parametrize(
    ("others", "expected"),
    [([], False), ([3], False), ([4], True), ([5], True), ([4, 1], False), ([4, 1, 5], True), ([5, 1, 1, 1], False)],
)
def test_painted_waits_for_someone_elses_good_rating(others: list[int], expected: bool) -> None:
    assert is_eligible([Rating(value) for value in others], owned=True) is expected


def test_own_ratings_never_promote() -> None:
    assert not is_eligible([Rating(5, own=True)], owned=True)
    assert GOOD == 4


def test_an_admins_decision_stands() -> None:
    assert is_eligible([], owned=True, promoted=True)
    assert not is_eligible([Rating(5)] * 9, owned=False, promoted=False)


def test_likes_are_logarithmic() -> None:
    assert prior_from_likes(0) == 2.0
    assert prior_from_likes(999) == pytest.approx(4.25)
    assert prior_from_likes(9999) == pytest.approx(5.0)
    assert prior_from_likes(10**9) == 5.0
    assert prior_from_likes(-5) == 2.0
