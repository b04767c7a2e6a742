"""Looks after the library's full-text table: finds rows in which it is out of step with the prompts, and refills it.

Reads and writes through a library that is passed in. The vector index looks after itself: see `promptlib.index`.
"""

from __future__ import annotations

import json

from promptlib.library import Library
from promptlib.rows import searched_text
from promptlib.scripts import searchable


def words_out_of_step(library: Library) -> list[int]:
    """Ids of prompts whose words are missing or stale in full-text search, and of words without a prompt."""
    words = dict(library.db.execute("SELECT rowid, words FROM prompts_words").fetchall())
    wrong = [
        row_id
        for row_id, text, extra in library.db.execute("SELECT id, text, extra FROM prompts ORDER BY id")
        if _bag(words.pop(row_id, "")) != _bag(searchable(searched_text(text, json.loads(extra))))
    ]
    return wrong + sorted(words)


def _bag(words: str) -> list[str]:
    """Words whatever their order: the parts of `extra` are stored in another one than they came in."""
    return sorted(words.split())


def refill_words(library: Library) -> None:
    """Fill the full-text table anew from the prompts, in one transaction."""
    db = library.db
    db.execute("BEGIN IMMEDIATE")
    with db.conn:
        db.execute("DELETE FROM prompts_words")
        rows = db.execute("SELECT id, text, extra FROM prompts").fetchall()
        db.conn.executemany(
            "INSERT INTO prompts_words (rowid, words) VALUES (?, ?)",
            [(row_id, searchable(searched_text(text, json.loads(extra)))) for row_id, text, extra in rows],
        )
