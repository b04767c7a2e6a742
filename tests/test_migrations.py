"""The schema from a blank database and from the oldest one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from promptlib import migrations
from promptlib.library import Library
from promptlib.scripts import match_expression, searchable


def schema(db: Database) -> set[str]:
    return {table.schema for table in db.tables if not table.name.startswith(("_sqlite", "sqlite_"))}


def test_blank_database_gets_everything_and_applying_again_changes_nothing(tmp_path: Path) -> None:
    db = Database(tmp_path / "easel.db")
    migrations.library.apply(db)
    assert {"prompts", "ratings", "library", "library_files", "prompts_words"} <= set(db.table_names())
    before = schema(db)
    migrations.library.apply(db)
    assert schema(db) == before


def test_oldest_schema_is_brought_up_with_its_rows(tmp_path: Path) -> None:
    db = Database(tmp_path / "easel.db")
    migrations.library.apply(db, stop_before="m002_ratings")
    db.execute("""INSERT INTO prompts (key, text, extra, score, eligible, changed, created)
        VALUES ('k', 'a red apple', '{"title_zh": "红苹果"}', 3, 1, 1, '2024-01-01')""")
    assert "ratings" not in db.table_names()
    library = Library(db)
    assert [prompt.text for prompt in library.search("apples")] == ["a red apple"]
    assert [prompt.text for prompt in library.search("苹果")] == ["a red apple"]
    assert library.rate(1, "ann", 5) > 3
    blank = Database(tmp_path / "blank.db")
    migrations.library.apply(blank)
    assert schema(blank) == schema(db)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    db = Database(tmp_path / "easel.db")
    db.execute("CREATE TABLE ratings (note TEXT)")
    with pytest.raises(Exception, match="already exists"):
        migrations.library.apply(db)
    assert [migration.name for migration in migrations.library.applied(db)] == ["m001_prompts"]


def test_other_migration_sets_in_the_same_file_are_left_alone(tmp_path: Path) -> None:
    db = Database(tmp_path / "easel.db")
    Library(db)
    migrations.embeddings.apply(db)
    names = {row["migration_set"] for row in db["_sqlite_migrations"].rows}
    assert names == {"promptlib.library", "promptlib.embeddings"}


def test_cjk_characters_become_words() -> None:
    assert searchable("红apple苹果").split() == ["红", "apple", "苹", "果"]
    assert match_expression("红苹果 cat, dog!") == '"红  苹  果" "cat" "dog"'
    assert match_expression('"; -- *') == ""
