"""What ratings are worth: pure functions from ratings to a score and to eligibility.

A score is the shrunken mean ``(C*m + sum) / (C + n)`` on the scale 1 to 5: one rating moves it a little, many
ratings carry it. Knows nothing of SQLite; `promptlib.library` feeds it. Does not cover comparisons of pairs
(arenas), which need another model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: The middle of the scale, where a prompt that nobody rated stands.
NEUTRAL = 3.0
#: Pseudo-ratings at NEUTRAL: with two, a first 5 lifts a prompt to about 3.6 and a first 1 lowers it to about 2.4.
SHRINKAGE = 2.0
#: A prior known at import weighs as much as two people.
PRIOR_WEIGHT = 2.0
#: How much a person's rating of their own prompt counts.
OWN_WEIGHT = 0.25
#: Ratings at NEUTRAL that a rater's mean starts from: who rated once is hardly centred, who rated 50 times fully.
RATER_SHRINKAGE = 5.0
#: From this value on, a rating says "good".
GOOD = 4
#: The lower bound that others' ratings must hold; a single 4 does (2.61), a 4 and a 1 do not (2.23).
PROMOTION_BOUND = 2.3
#: Fewer people than this rank a prompt that nobody owns last, and no lower: accounts are cheap, and what ships with
#: easel must not be voted away with five of them. Retrieval takes nothing below the floor.
CROWD, FLOOR = 8, 2.2
#: One-sided 90 % of a normal distribution.
CREDIBLE_Z = 1.28


@dataclass(frozen=True)
class Rating:
    """One person's rating of one prompt, with what is known of that person's other ratings.

    `rater_sum` and `rater_count` run over the rater's ratings of other people's prompts only, so that rating
    oneself cannot bend one's own scale and through it other prompts' scores.
    """

    value: int
    own: bool = False
    rater_sum: float = 0.0
    rater_count: int = 0


def centred(rating: Rating) -> float:
    """The rating as it would be by a rater whose mean is NEUTRAL, kept within the scale."""
    mean = (RATER_SHRINKAGE * NEUTRAL + rating.rater_sum) / (RATER_SHRINKAGE + rating.rater_count)
    return min(5.0, max(1.0, rating.value - (mean - NEUTRAL)))


def score(
    ratings: Iterable[Rating], prior: float | None = None, *, owned: bool = True, promoted: bool | None = None
) -> float:
    """The shrunken mean that retrieval ranks by; not below `FLOOR` for what an admin promoted.

    What nobody owns (imported, seed) stands as high until a `CROWD` has rated it.
    """
    ratings = list(ratings)
    total, weight = SHRINKAGE * NEUTRAL, SHRINKAGE
    if prior is not None:
        total, weight = total + PRIOR_WEIGHT * prior, weight + PRIOR_WEIGHT
    for rating in ratings:
        share = OWN_WEIGHT if rating.own else 1.0
        total, weight = total + share * centred(rating), weight + share
    held = promoted or (not owned and promoted is None and len(ratings) < CROWD)
    return max(FLOOR, total / weight) if held else total / weight


def lower_bound(values: Iterable[int]) -> float:
    """Where the mean of these ratings lies at least, with 90 % credibility (unit variance, shrunken mean)."""
    listed = list(values)
    weight = SHRINKAGE + len(listed)
    return (SHRINKAGE * NEUTRAL + sum(listed)) / weight - CREDIBLE_Z / math.sqrt(weight)


def is_eligible(ratings: Iterable[Rating], *, owned: bool, promoted: bool | None = None) -> bool:
    """Whether everybody's retrieval may use a prompt.

    An admin's decision stands. Otherwise what nobody owns (imported, seed) is eligible at once, and what somebody
    painted waits for a good rating by someone else; one is enough until others disagree.
    """
    if promoted is not None:
        return promoted
    if not owned:
        return True
    others = [rating.value for rating in ratings if not rating.own]
    return any(value >= GOOD for value in others) and lower_bound(others) >= PROMOTION_BOUND


def prior_from_likes(likes: int) -> float:
    """Likes as a prior score: ``2 + 0.75 * log10(1 + likes)``, at most 5.

    No likes prove little, hence 2 and not 1; 20 likes are about neutral, 1,000 are 4.25, 10,000 and more are 5.
    """
    return min(5.0, 2.0 + 0.75 * math.log10(1 + max(0, likes)))
