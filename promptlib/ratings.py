"""Scores and eligibility in the database: reads ratings, asks `promptlib.scoring`, writes what it says.

Assumes that the caller holds a write transaction, on a connection that `know_the_forgotten` was told of.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence

from sqlite_utils import Database

from promptlib import scoring

#: What the owners of prompts that stay when their owner is forgotten begin with; see `know_the_forgotten`.
NOBODY = "forgotten"

#: Whether a rating is of oneself. What a group's anonymous admins painted, under the group's name, may be anybody's:
#: their ratings come under names of their own. Who was forgotten may paint the same again.
_OWN = f"""(owner = who OR instr(owner, ':-')
    OR (owner GLOB '{NOBODY}:*' AND owner = forgotten(prompts.id, who)))"""

_RATINGS = f"""
    WITH these AS (SELECT value AS id FROM json_each(:ids)),
    raters AS (
        SELECT who, sum(value) AS total, count(*) AS n
        FROM ratings JOIN prompts ON prompts.id = prompt_id
        WHERE counts AND NOT {_OWN} AND who IN (SELECT who FROM ratings WHERE prompt_id IN these)
        GROUP BY who
    )
    SELECT prompt_id, value, {_OWN} AS own, coalesce(total, 0), coalesce(n, 0)
    FROM ratings JOIN prompts ON prompts.id = prompt_id LEFT JOIN raters USING (who)
    WHERE counts AND prompt_id IN these
"""

#: Ratings of oneself are no votes: they count a quarter, for oneself, and promote nothing.
_VOTES = f"""
    SELECT count(*) FROM ratings JOIN prompts ON prompts.id = prompt_id
    WHERE who = ? AND counts AND NOT {_OWN} AND prompt_id != ? AND ratings.created > ?
"""


def know_the_forgotten(db: Database, salt: str) -> None:
    """Teach SQL ``forgotten(id, who)``: the owner of a prompt when that person is forgotten, a pseudonym.

    It serves to know the same person again, or being forgotten would turn their ratings into somebody else's. Each
    prompt has another, so that nobody sees which belong together.
    """

    def forgotten(prompt_id: int, who: str) -> str:
        return f"{NOBODY}:{hashlib.sha256(f'{salt} {prompt_id} {who}'.encode()).hexdigest()}"

    db.conn.create_function("forgotten", 2, forgotten, deterministic=True)


def has_vote_left(db: Database, prompt_id: int, who: str, votes: int | None, since: str) -> bool:
    """Whether a rating of this prompt counts, when each person has so many votes from a time on; None is no limit."""
    if votes is None:
        return True
    own = db.execute(f"SELECT {_OWN} FROM prompts, (SELECT ? AS who) WHERE id = ?", [who, prompt_id]).fetchone()[0]
    used: int = db.execute(_VOTES, [who, prompt_id, since]).fetchone()[0]
    return bool(own) or used < votes


def touched_by(db: Database, prompt_id: int, who: str) -> list[int]:
    """The prompts whose score may move when `who` changes a rating: theirs all, since their mean moves."""
    sql = "SELECT prompt_id FROM ratings WHERE who = ? UNION SELECT ?"
    return [row[0] for row in db.execute(sql, [who, prompt_id])]


def rescore(db: Database, ids: Sequence[int]) -> None:
    """Derive score and eligibility of these prompts anew from their priors, ratings and admins' decisions."""
    listed = json.dumps(list(ids))
    ratings: dict[int, list[scoring.Rating]] = defaultdict(list)
    for prompt_id, value, own, total, count in db.execute(_RATINGS, {"ids": listed}):
        ratings[prompt_id].append(scoring.Rating(value, bool(own), total, count))
    rows = [
        (prompt_id, prior, bool(owned), None if promoted is None else bool(promoted))
        for prompt_id, prior, owned, promoted in db.execute(
            "SELECT id, prior, owner != '', promoted FROM prompts WHERE id IN (SELECT value FROM json_each(?))",
            [listed],
        )
    ]
    db.conn.executemany(
        "UPDATE prompts SET score = ?, eligible = ? WHERE id = ?",
        [
            (
                scoring.score(ratings[prompt_id], prior, owned=owned, promoted=promoted),
                scoring.is_eligible(ratings[prompt_id], owned=owned, promoted=promoted),
                prompt_id,
            )
            for prompt_id, prior, owned, promoted in rows
        ],
    )
