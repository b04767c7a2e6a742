"""`easel library …` on the seed library."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def data(easel: Run) -> Callable[..., Any]:
    def run(*arguments: str) -> Any:
        done = easel("library", *arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_best_come_first_and_can_be_filtered(easel: Run, data: Callable[..., Any]) -> None:
    rows = data("list", "--limit", "400", "--dialect", "tags")
    assert len(rows) > 300
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert {row["dialect"] for row in rows} == {"tags"}
    assert data("list", "--limit", "3", "--offset", "2") == data("list", "--limit", "5")[2:]
    assert data("list", "--min-score", "4.9") == []
    assert easel("library", "list", "--source", "nowhere").stdout == "No prompt fits.\n"


def test_a_prompt_is_added_once_rated_removed_and_restored(easel: Run, data: Callable[..., Any]) -> None:
    added = data("add", "violet hippopotamus, risograph print", "--negative", "blurry")
    number = str(added["id"])
    assert added["created"]
    assert data("add", "Violet hippopotamus, risograph print ", "--negative", "blurry") == {
        "id": added["id"],
        "created": False,
    }
    assert data("rate", number, "5")["score"] > 3
    assert data("rate", number, "1", "--who", "ann")["score"] == 3.0
    assert data("rate", number, "0")["score"] < 3
    shown = data("show", number)
    assert (shown["text"], [row["who"] for row in shown["rated"]]) == ("violet hippopotamus, risograph print", ["ann"])
    assert "negative: blurry" in easel("library", "show", number).stdout
    assert f"library restore {number}" in easel("library", "remove", number).stdout
    assert data("search", "violet hippopotamus", "--text")["results"] == []
    assert number in {str(row["id"]) for row in data("list", "--removed", "--limit", "1000")}
    easel("library", "restore", number)
    assert data("search", "violet hippopotamus", "--text")["results"][0]["id"] == added["id"]


def test_search_by_meaning_crosses_languages(easel: Run, data: Callable[..., Any]) -> None:
    found = data("search", "雨夜的城市", "--limit", "5", "--dialect", "tags")
    assert len(found["results"]) == 5
    assert any("rain" in row["text"] and ("city" in row["text"] or "street" in row["text"]) for row in found["results"])
    assert found["seconds"] < 5
    assert all(-1 <= row["similarity"] <= 1 for row in found["results"])
    assert len(easel("library", "search", "rainy city").stdout.splitlines()) == 10


def test_search_by_word(easel: Run, data: Callable[..., Any]) -> None:
    assert all("neon" in row["text"].lower() for row in data("search", "neon", "--text")["results"])
    assert easel("library", "search", "qwertyuiop", "--text").stdout == "Nothing found.\n"


@pytest.mark.parametrize("query", ["'); DROP TABLE prompts;--", '"', "*", "a AND OR NOT", "😀", "\udcff", "\u202e"])
def test_no_query_breaks_the_search(easel: Run, query: str) -> None:
    for options in ([], ["--text"]):
        assert easel("library", "search", query, *options).exit_code == 0


def test_what_is_exported_is_imported_elsewhere_and_twice_is_as_good_as_once(
    easel: Run, data: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data("add", "violet hippopotamus")
    file = tmp_path / "prompts.jsonl"
    assert str(file) in easel("library", "export", str(file)).stdout
    number = len(file.read_text("utf-8").splitlines())
    printed = easel("library", "export", "-")
    assert printed.stdout == file.read_text("utf-8") and f"{number} prompts" in printed.stderr
    again = data("import", str(file))
    assert (again["added"], again["existing"]) == (0, number)
    monkeypatch.setenv("EASEL_HOME", str(tmp_path / "elsewhere"))
    elsewhere = data("import", str(file))
    assert (elsewhere["added"], elsewhere["existing"]) == (1, number - 1)


def test_rows_that_cannot_be_imported_are_reported(easel: Run, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"text": "a violet hippopotamus"}\nnonsense\n{"text": ""}\n{"text": "a plaid giraffe"}\n')
    done = easel("library", "import", str(file))
    assert done.exit_code == 0
    assert done.stdout.startswith("2 added, 0 there already, 2 skipped.")
    assert "row 2" in done.stdout
    assert easel("library", "import", str(tmp_path / "none.jsonl")).exit_code == 2


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00binary", b"name,prompt"])
def test_a_file_that_is_no_collection_is_told_or_brings_nothing(easel: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.bin"
    file.write_bytes(content)
    done = easel("library", "import", str(file))
    assert (done.exit_code == 1 and done.stderr.startswith("Error: ")) or done.stdout.startswith("0 added")


def test_export_to_where_nothing_can_be_written(easel: Run) -> None:
    done = easel("library", "export", "/proc/prompts.jsonl")
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


def test_promotion_decides_whatever_the_ratings_say(easel: Run, data: Callable[..., Any]) -> None:
    number = str(data("add", "violet hippopotamus")["id"])
    easel("library", "promote", number, "--no")
    assert data("search", "violet hippopotamus")["results"][0]["id"] != int(number)
    easel("library", "promote", number)
    assert data("search", "violet hippopotamus")["results"][0]["id"] == int(number)


def test_a_damaged_index_is_found_and_rebuilt_and_search_goes_on_meanwhile(
    easel: Run, home: Path, data: Callable[..., Any]
) -> None:
    assert easel("library", "verify").stdout == "The library and its indexes are sound.\n"
    for path in (home / "index").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    broken = easel("library", "verify", "--json")
    assert broken.exit_code == 1
    assert "easel library rebuild" in broken.stderr
    assert [row["level"] for row in json.loads(broken.stdout)] == ["ok", "ok", "broken"]
    count = data("stats")["prompts"]
    assert easel("library", "rebuild").stdout == f"The index holds {count} prompts.\n"
    assert easel("library", "verify").exit_code == 0


def test_an_index_that_cannot_be_read_is_replaced_by_the_next_search(easel: Run, home: Path) -> None:
    for path in (home / "index").rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    assert easel("library", "search", "a cat").exit_code == 0
    assert easel("library", "verify").exit_code == 0


def test_stats_and_path(easel: Run, home: Path, data: Callable[..., Any]) -> None:
    stats = data("stats")
    assert stats["by_source"] == {"seed": stats["prompts"]}
    assert f"prompts: {stats['prompts']}" in easel("library", "stats").stdout
    assert easel("library", "path").stdout == f"{home / 'easel.db'}\n"


def test_adding_nothing_or_in_no_dialect_is_refused(easel: Run) -> None:
    for arguments in (["add", " "], ["add", "a cat", "--dialect", "klingon"]):
        done = easel("library", *arguments)
        assert done.exit_code == 1
        assert done.stderr.count("\n") == 1
