"""Taking a person out of the library: their ratings and their prompts, and every trace of the words.

What others rated, or an admin promoted, stays without the words it was asked for with, and with a pseudonym for its
owner (`ratings.know_the_forgotten`). A row that goes leaves an empty one behind, so that every vector index learns
that it is gone. Assumes that the caller holds a write transaction, on a connection with ``secure_delete``, or else the
pages of the file keep what was deleted.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from promptlib import ratings
from promptlib.rows import passage_text, searched_text
from promptlib.scripts import searchable

_MINE = """
    SELECT id, text, removed,
        promoted IS 1 OR EXISTS (SELECT 1 FROM ratings WHERE prompt_id = id AND who != :who) AS stays
    FROM prompts WHERE owner = :who
"""
_STAYS = "UPDATE prompts SET owner = forgotten(id, owner), author = '', extra = '{}', changed = ? WHERE id = ?"
#: A prompt that was removed by hand keeps its key, which tells nothing, so that nobody brings it back.
_GOES = """
    UPDATE prompts SET key = iif(removed = 'person', key, ?), text = '', negative = '', tags = '[]', source = '',
        source_url = '', author = '', licence = '', params = '{}', extra = '{}', owner = '', created = '', prior = NULL,
        promoted = NULL, eligible = 0, removed = 'forgotten', changed = ?
    WHERE id = ?
"""


@dataclass(frozen=True)
class Forgotten:
    """How much of a person's part of the library is gone, and the passages of prompts that stay, as they are now."""

    ratings: int
    prompts: int
    kept: tuple[str, ...]


def about(db: Database, who: str) -> dict[str, list[dict[str, Any]]]:
    """A person's prompts and ratings, as they are stored."""
    return {
        "prompts": list(db.query("SELECT * FROM prompts WHERE owner = ? ORDER BY id", [who])),
        "ratings": list(
            db.query(
                "SELECT prompt_id, text, value, ratings.created FROM ratings JOIN prompts ON prompts.id = prompt_id "
                "WHERE who = ? ORDER BY prompt_id",
                [who],
            )
        ),
    }


def passages(db: Database, who: str) -> list[str]:
    """The texts that were embedded for a person's prompts."""
    rows = db.execute("SELECT text, extra FROM prompts WHERE owner = ?", [who])
    return [passage_text(text, json.loads(extra)) for text, extra in rows]


def forget(db: Database, who: str, revision: int) -> Forgotten:
    """Take a person out; scores and eligibility follow."""
    rated = [row[0] for row in db.execute("SELECT prompt_id FROM ratings WHERE who = ?", [who])]
    mine = db.execute(_MINE, {"who": who}).fetchall()
    db.execute("DELETE FROM ratings WHERE who = ?", [who])
    kept: list[str] = []
    for row_id, text, removed, stays in mine:
        if stays and not removed:
            kept.append(passage_text(text, {}))
            db.execute(_STAYS, [revision, row_id])
            words = searchable(searched_text(text, {}))
            db.execute("UPDATE prompts_words SET words = ? WHERE rowid = ?", [words, row_id])
        else:
            db.execute("DELETE FROM ratings WHERE prompt_id = ?", [row_id])
            db.execute(_GOES, [secrets.token_hex(16), revision, row_id])
            db.execute("DELETE FROM prompts_words WHERE rowid = ?", [row_id])
    if mine:
        # Full-text search keeps deleted words until its segments are merged.
        db.execute("INSERT INTO prompts_words (prompts_words) VALUES ('optimize')")
    ratings.rescore(db, [row_id for row_id in rated if row_id not in {row[0] for row in mine}])
    ratings.rescore(db, [row_id for row_id, _, removed, stays in mine if stays and not removed])
    return Forgotten(len(rated), len(mine) - len(kept), tuple(kept))
