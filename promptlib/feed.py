"""What the vector index and retrieval read from the library: passages, changes since a point, usable candidates.

Everything here only reads, and streams where the answer may be long.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from promptlib.library import Library
from promptlib.rows import passage_text
from promptlib.scoring import GOOD

#: Rows fetched at a time; reading by pages leaves no cursor open while others write.
PAGE = 500


class Point(NamedTuple):
    """A place in the order of changes: everything up to row `id` of revision `revision` has been seen."""

    revision: int
    id: int


class Change(NamedTuple):
    """The latest state of a row: its place in the order of changes, the text to embed, whether it is gone."""

    point: Point
    text: str
    removed: bool


#: Before and after every change.
START, END = Point(0, 0), Point(2**62, 0)


def changes(library: Library, after: Point, *, until: Point = END) -> Iterator[Change]:
    """Rows added, edited, removed or restored after a point, oldest change first, each in its latest state."""
    sql = """SELECT changed, id, text, extra, removed FROM prompts
        WHERE (changed, id) > (?, ?) AND (changed, id) <= (?, ?) ORDER BY changed, id LIMIT ?"""
    while rows := library.db.execute(sql, [*after, *until, PAGE]).fetchall():
        for changed, row_id, text, extra, removed in rows:
            after = Point(changed, row_id)
            yield Change(after, passage_text(text, json.loads(extra)), bool(removed))


def ids(library: Library, *, after: Point = START, until: Point = END) -> set[int]:
    """Rows whose latest change lies between two points: all that changed after `after`, or those there at `until`."""
    sql = """SELECT id FROM prompts WHERE (changed, id) > (?, ?) AND (changed, id) <= (?, ?)
        AND (removed = '' OR ?)"""
    rows = library.db.execute(sql, [*after, *until, after != START])
    return {row_id for (row_id,) in rows}


def usable(
    library: Library,
    among: Sequence[int] | None = None,
    *,
    min_score: float,
    owner: str | None = None,
    family: str | None = None,
    dialect: str | None = None,
) -> dict[int, float]:
    """Of these ids (of all, if None), those that retrieval may use, with their scores.

    Eligible for everybody, or the owner's own that the owner rated well. A row without a family fits any.
    """
    sql = """SELECT id, score FROM prompts
        WHERE removed = '' AND score >= :min_score
        AND (:family IS NULL OR family IN ('', :family))
        AND (eligible OR (owner = :owner AND promoted IS NOT 0 AND EXISTS (
            SELECT 1 FROM ratings WHERE prompt_id = id AND who = owner AND value >= :good)))"""
    if among is not None:
        sql += " AND id IN (SELECT value FROM json_each(:ids))"
    if dialect is not None:
        sql += " AND dialect = :dialect"
    values = {"ids": json.dumps(among), "min_score": min_score, "owner": owner or None}
    rows = library.db.execute(sql, values | {"family": family, "dialect": dialect, "good": GOOD})
    return dict(rows.fetchall())
