"""The library's schema, as numbered steps. Each runs once per database; none is ever edited after a release.

`prompts.changed` is the library revision at which a row last changed in a way the vector index must follow (added,
removed, restored, its embedded text edited); `library.revision` also counts ratings and promotions.
`prompts.removed` says why a row is gone: empty (it is not), ``person``, ``retired`` (its source dropped it), or
``forgotten`` (its owner is, and the row is empty).
"""

from __future__ import annotations

import json
import uuid

from sqlite_utils import Database, Migrations

from promptlib.scripts import searchable

library = Migrations("promptlib.library")
embeddings = Migrations("promptlib.embeddings")


def bring_up(db: Database, steps: Migrations) -> None:
    """Apply what is pending. Two processes may start at once: the second waits, and finds nothing left to do."""
    if steps.pending(db):
        db.execute("BEGIN IMMEDIATE")
        with db.conn:
            steps.apply(db)


@library()
def m001_prompts(db: Database) -> None:
    db.execute("""
        CREATE TABLE prompts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL,
            negative TEXT NOT NULL DEFAULT '',
            dialect TEXT NOT NULL DEFAULT 'tags',
            family TEXT NOT NULL DEFAULT '',
            tags TEXT NOT NULL DEFAULT '[]',
            source TEXT NOT NULL DEFAULT '',
            source_url TEXT NOT NULL DEFAULT '',
            author TEXT NOT NULL DEFAULT '',
            licence TEXT NOT NULL DEFAULT '',
            language TEXT NOT NULL DEFAULT 'en',
            params TEXT NOT NULL DEFAULT '{}',
            extra TEXT NOT NULL DEFAULT '{}',
            prior REAL,
            score REAL NOT NULL,
            owner TEXT NOT NULL DEFAULT '',
            promoted INTEGER,
            eligible INTEGER NOT NULL,
            removed TEXT NOT NULL DEFAULT '',
            changed INTEGER NOT NULL,
            created TEXT NOT NULL
        )""")
    db.execute("CREATE INDEX prompts_changed ON prompts (changed, id)")
    db.execute("CREATE INDEX prompts_source ON prompts (source)")
    db.execute("CREATE INDEX prompts_score ON prompts (score)")
    db.execute("CREATE INDEX prompts_dialect ON prompts (dialect)")
    db.execute("CREATE TABLE library (identity TEXT NOT NULL, revision INTEGER NOT NULL)")
    # The identity tells one database from another, so an index never answers for a library it was not built from.
    db.execute("INSERT INTO library VALUES (?, 0)", [uuid.uuid4().hex])


@library()
def m002_ratings(db: Database) -> None:
    db.execute("""
        CREATE TABLE ratings (
            prompt_id INTEGER NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
            who TEXT NOT NULL,
            value INTEGER NOT NULL CHECK (value BETWEEN 1 AND 5),
            created TEXT NOT NULL,
            PRIMARY KEY (prompt_id, who)
        ) WITHOUT ROWID""")
    db.execute("CREATE INDEX ratings_who ON ratings (who)")


@library()
def m003_full_text(db: Database) -> None:
    db.execute("CREATE VIRTUAL TABLE prompts_words USING fts5 (words, tokenize='porter unicode61')")
    rows = db.execute("SELECT id, text, extra FROM prompts").fetchall()
    db.conn.executemany(
        "INSERT INTO prompts_words (rowid, words) VALUES (?, ?)",
        [(row_id, searchable(" ".join([text, *map(str, json.loads(extra).values())]))) for row_id, text, extra in rows],
    )


@library()
def m004_applied_files(db: Database) -> None:
    db.execute("CREATE TABLE library_files (name TEXT PRIMARY KEY, checksum TEXT NOT NULL)")


@library()
def m005_ratings_that_count(db: Database) -> None:
    # What a person rated beyond their day's votes is kept and shown to them, and moves nothing.
    db.execute("ALTER TABLE ratings ADD COLUMN counts INTEGER NOT NULL DEFAULT 1")


@embeddings()
def m001_embeddings(db: Database) -> None:
    db.execute("""
        CREATE TABLE embeddings (
            key BLOB NOT NULL,
            embedder TEXT NOT NULL,
            vector BLOB NOT NULL,
            PRIMARY KEY (embedder, key)
        ) WITHOUT ROWID""")
