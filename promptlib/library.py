"""The prompt library in SQLite: prompts, ratings, derived scores, full-text search, and a revision to follow.

SQLite is the truth; the vector index is made from it through `promptlib.feed`. Knows nothing of
embeddings or FAISS. A `Library` belongs to the thread that opened its database; other threads and processes open
their own on the same file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from sqlite_utils import Database

from promptlib import forgetting, migrations, ratings
from promptlib.errors import LibraryError, NoSuchPrompt
from promptlib.forgetting import Forgotten
from promptlib.records import LibraryPrompt
from promptlib.rows import CONTENT, content, from_row, prompt_key, searched_text
from promptlib.scoring import is_eligible, score
from promptlib.scripts import match_expression, searchable

_SELECT = "SELECT p.*, (SELECT count(*) FROM ratings r WHERE r.prompt_id = p.id) AS ratings FROM prompts p"

#: Rows per transaction in bulk work: few enough that a writer beside it waits for milliseconds.
BATCH = 500


class Added(NamedTuple):
    """What became of one prompt handed to `Library.add_many`; `removed` if it was here before and was removed."""

    id: int
    created: bool
    removed: bool


class RatingRow(NamedTuple):
    """A person's rating; `counts` is false for what they rated of others beyond their day's votes."""

    who: str
    value: int
    created: str
    counts: bool


class Library:
    """Owns the tables `prompts`, `ratings`, `prompts_words`, `library` and `library_files`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        migrations.bring_up(db, migrations.library)
        self.identity: str = db.execute("SELECT identity FROM library").fetchone()[0]
        ratings.know_the_forgotten(db, self.identity)

    @property
    def revision(self) -> int:
        """Grows with every change of prompts, ratings or eligibility, by whichever process."""
        revision: int = self.db.execute("SELECT revision FROM library").fetchone()[0]
        return revision

    @contextmanager
    def _writing(self) -> Iterator[int]:
        """A transaction that holds the write lock from its start; yields the revision its changes will carry.

        `Database.atomic` begins deferred: what it has read may be stale when it comes to write. In a transaction of
        the caller's, which has written already, this is a part of it. The revision advances only if a row changed.
        """
        if not (joins := self.db.conn.in_transaction):
            self.db.execute("BEGIN IMMEDIATE")
        try:
            before, revision = self.db.conn.total_changes, self.revision + 1
            yield revision
            if self.db.conn.total_changes != before:
                self.db.execute("UPDATE library SET revision = ?", [revision])
        except BaseException:
            if not joins:
                self.db.rollback()
            raise
        if not joins:
            self.db.commit()

    # Prompts

    def add(self, prompt: LibraryPrompt) -> tuple[int, bool]:
        """Add one prompt unless it is there; its id, and whether it is new. `prompt.id` is not looked at."""
        added = next(self.add_many([prompt]))
        return added.id, added.created

    def add_many(self, prompts: Iterable[LibraryPrompt], *, batch: int = BATCH) -> Iterator[Added]:
        """Add prompts as they come, a batch per transaction; tells what became of each once it is committed."""
        source = iter(prompts)
        while chunk := list(islice(source, batch)):
            with self._writing() as revision:
                outcomes = [self._insert(prompt, revision) for prompt in chunk]
            yield from outcomes

    def _insert(self, prompt: LibraryPrompt, revision: int) -> Added:
        key = prompt_key(prompt)
        if found := self.db.execute("SELECT id, removed FROM prompts WHERE key = ?", [key]).fetchone():
            return Added(found[0], created=False, removed=bool(found[1]))
        row = content(prompt) | {
            "key": key,
            "score": score([], prompt.prior),
            "owner": prompt.owner,
            "promoted": prompt.promoted,
            "eligible": is_eligible([], owned=bool(prompt.owner), promoted=prompt.promoted),
            "changed": revision,
            "created": prompt.created or _stamp(datetime.now(UTC)),
        }
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        new_id: int = self.db.execute(f"INSERT INTO prompts ({names}) VALUES ({marks}) RETURNING id", row).fetchone()[0]
        words = searchable(searched_text(prompt.text, prompt.extra))
        self.db.execute("INSERT INTO prompts_words (rowid, words) VALUES (?, ?)", [new_id, words])
        return Added(new_id, created=True, removed=False)

    def replace_source(self, source: str, prompts: Iterable[LibraryPrompt]) -> int:
        """Make the rows of one source what `prompts` says: add, update, and retire what is no longer among them.

        Rows that a person removed stay removed. Returns how many rows changed.
        """
        with self._writing() as revision:
            before = {row_id for (row_id,) in self.db.execute("SELECT id FROM prompts WHERE source = ?", [source])}
            changed, kept = 0, set()
            for prompt in prompts:
                added = self._insert(prompt, revision)
                kept.add(added.id)
                changed += added.created or (added.id in before and self._update(added.id, prompt, revision))
            for row_id in before - kept:
                changed += self._set_removed(row_id, "", "retired", revision)
        return changed

    def _update(self, prompt_id: int, prompt: LibraryPrompt, revision: int) -> bool:
        row = content(prompt) | {"id": prompt_id, "changed": revision}
        assignments = ", ".join(f"{name} = :{name}" for name in (*CONTENT, "changed"))
        differs = " OR ".join(f"{name} IS NOT :{name}" for name in CONTENT)
        cursor = self.db.execute(
            f"UPDATE prompts SET {assignments}, removed = replace(removed, 'retired', '') "
            f"WHERE id = :id AND ({differs} OR removed = 'retired')",
            row,
        )
        if not cursor.rowcount:
            return False
        words = searchable(searched_text(prompt.text, prompt.extra))
        self.db.execute("UPDATE prompts_words SET words = ? WHERE rowid = ?", [words, prompt_id])
        ratings.rescore(self.db, [prompt_id])
        return True

    def get(self, prompt_id: int) -> LibraryPrompt:
        """One prompt, removed or not; raises `NoSuchPrompt`."""
        found = self.get_many([prompt_id])
        if not found:
            raise NoSuchPrompt(f"There is no prompt {prompt_id} in the library; `easel library list` shows the ids.")
        return found[0]

    def find(self, prompt: LibraryPrompt) -> LibraryPrompt | None:
        """The row of a prompt with the same identity (see `rows.prompt_key`), removed or not."""
        row = self.db.execute("SELECT id FROM prompts WHERE key = ?", [prompt_key(prompt)]).fetchone()
        return self.get(row[0]) if row else None

    def get_many(self, ids: Sequence[int]) -> Sequence[LibraryPrompt]:
        """The prompts with these ids, in this order; ids without a row are left out."""
        where = "WHERE p.id IN (SELECT value FROM json_each(?))"
        found = {row["id"]: from_row(row) for row in self.db.query(f"{_SELECT} {where}", [json.dumps(list(ids))])}
        return [found[prompt_id] for prompt_id in ids if prompt_id in found]

    def list(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        source: str | None = None,
        dialect: str | None = None,
        min_score: float | None = None,
        removed: bool = False,
    ) -> Sequence[LibraryPrompt]:
        """Prompts from the best score down; removed ones only if asked for."""
        where, values = _filters(source, dialect, min_score, removed)
        sql = f"{_SELECT} WHERE {where} ORDER BY p.score DESC, p.id LIMIT :limit OFFSET :offset"
        return [from_row(row) for row in self.db.query(sql, values | {"limit": limit, "offset": offset})]

    def count(
        self,
        *,
        source: str | None = None,
        dialect: str | None = None,
        min_score: float | None = None,
        removed: bool = False,
    ) -> int:
        where, values = _filters(source, dialect, min_score, removed)
        number: int = self.db.execute(f"SELECT count(*) FROM prompts p WHERE {where}", values).fetchone()[0]
        return number

    def search(self, query: str, *, limit: int = 20) -> Sequence[LibraryPrompt]:
        """Full-text search, best match first: every word must occur, Chinese ones of any length."""
        expression = match_expression(query)
        if not expression:
            return []
        sql = f"""{_SELECT} JOIN prompts_words w ON w.rowid = p.id
            WHERE prompts_words MATCH ? AND p.removed = '' ORDER BY w.rank, p.id LIMIT ?"""
        return [from_row(row) for row in self.db.query(sql, [expression, limit])]

    def with_text(self, text: str, folded: Callable[[str], str] = str) -> Sequence[int]:
        """The ids of all prompts that are not removed and say this, in whatever dialect.

        Args:
            folded: a text as it is compared; as it stands, unless told otherwise.
        """
        rows, wanted = self.db.execute("SELECT id, text FROM prompts WHERE removed = ''"), folded(text)
        return [row_id for row_id, said in rows if folded(said) == wanted]

    def remove(self, prompt_id: int) -> None:
        """Take a prompt out for good: never retrieved, never imported again, until `restore`."""
        self.get(prompt_id)
        with self._writing() as revision:
            self._set_removed(prompt_id, "", "person", revision)

    def restore(self, prompt_id: int) -> None:
        self.get(prompt_id)
        with self._writing() as revision:
            self._set_removed(prompt_id, "person", "", revision)

    def _set_removed(self, prompt_id: int, before: str, after: str, revision: int) -> bool:
        sql = "UPDATE prompts SET removed = ?, changed = ? WHERE id = ? AND removed = ?"
        return bool(self.db.execute(sql, [after, revision, prompt_id, before]).rowcount)

    # Ratings

    def rate(self, prompt_id: int, who: str, value: int, *, votes_a_day: int | None = None) -> float:
        """Set this person's rating of this prompt, replacing their earlier one; the prompt's new score.

        With `votes_a_day`, what a person rates of others beyond so many within 24 hours is kept and does not count.
        """
        if value not in range(1, 6):
            raise LibraryError(f"A rating is a whole number from 1 to 5, not {value}.")
        self.get(prompt_id)
        now = datetime.now(UTC)
        with self._writing():
            counts = ratings.has_vote_left(self.db, prompt_id, who, votes_a_day, _stamp(now - timedelta(days=1)))
            self.db.execute(
                "INSERT OR REPLACE INTO ratings (prompt_id, who, value, created, counts) VALUES (?, ?, ?, ?, ?)",
                [prompt_id, who, value, _stamp(now), counts],
            )
            ratings.rescore(self.db, ratings.touched_by(self.db, prompt_id, who))
        return self.get(prompt_id).score

    def unrate(self, prompt_id: int, who: str) -> float:
        """Take this person's rating back, if there is one; the prompt's new score."""
        self.get(prompt_id)
        with self._writing():
            self.db.execute("DELETE FROM ratings WHERE prompt_id = ? AND who = ?", [prompt_id, who])
            ratings.rescore(self.db, ratings.touched_by(self.db, prompt_id, who))
        return self.get(prompt_id).score

    def ratings_of(self, prompt_id: int) -> Sequence[RatingRow]:
        sql = "SELECT who, value, created, counts FROM ratings WHERE prompt_id = ? ORDER BY created, who"
        rows = self.db.execute(sql, [prompt_id])
        return [RatingRow(who, value, created, bool(counts)) for who, value, created, counts in rows]

    def promote(self, prompt_id: int, decision: bool | None = True) -> None:
        """An admin's word on whether everybody's retrieval may use a prompt; None leaves it to the rule again."""
        self.get(prompt_id)
        with self._writing():
            self.db.execute("UPDATE prompts SET promoted = ? WHERE id = ?", [decision, prompt_id])
            ratings.rescore(self.db, [prompt_id])

    def rescore(self) -> None:
        """Derive every score and eligibility anew."""
        with self._writing():
            ids = [row[0] for row in self.db.execute("SELECT id FROM prompts")]
            for start in range(0, len(ids), BATCH):
                ratings.rescore(self.db, ids[start : start + BATCH])

    def about(self, who: str) -> dict[str, Sequence[dict[str, Any]]]:
        """A person's prompts and ratings, as they are stored."""
        return {**forgetting.about(self.db, who)}

    def forget(self, who: str) -> Forgotten:
        """Take a person out: see `promptlib.forgetting`."""
        with self._writing() as revision:
            return forgetting.forget(self.db, who, revision)

    def applied_file(self, name: str) -> str:
        """The checksum under which a file was last applied with `set_applied_file`; empty if it never was."""
        row = self.db.execute("SELECT checksum FROM library_files WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else ""

    def set_applied_file(self, name: str, checksum: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO library_files VALUES (?, ?)", [name, checksum])

    def stats(self) -> dict[str, Any]:
        """Figures for people: how many prompts there are, of what kind, and how much they are rated."""
        totals = next(
            self.db.query("""
                SELECT sum(removed = '') AS prompts, sum(removed = '' AND eligible) AS eligible,
                    sum(removed NOT IN ('', 'forgotten')) AS removed, (SELECT count(*) FROM ratings) AS ratings,
                    (SELECT count(DISTINCT who) FROM ratings) AS raters FROM prompts""")
        )
        figures: dict[str, Any] = {name: value or 0 for name, value in totals.items()}
        for column in ("source", "dialect", "language"):
            sql = f"SELECT {column}, count(*) FROM prompts WHERE removed = '' GROUP BY 1 ORDER BY 2 DESC"
            figures[f"by_{column}"] = dict(self.db.execute(sql).fetchall())
        return figures | {"revision": self.revision}


def _filters(
    source: str | None, dialect: str | None, min_score: float | None, removed: bool
) -> tuple[str, dict[str, Any]]:
    """The WHERE clause of `Library.list` and `Library.count`, with its values."""
    clauses = {"p.source = :source": source, "p.dialect = :dialect": dialect, "p.score >= :min_score": min_score}
    chosen = [clause for clause, value in clauses.items() if value is not None]
    chosen.append("p.removed != 'forgotten'" if removed else "p.removed = ''")
    return " AND ".join(chosen), {"source": source, "dialect": dialect, "min_score": min_score}


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
