"""The doctor finds what is really broken, one thing at a time, in a home that is otherwise sound."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from click.testing import Result
from conftest import rows

from bot import doctor
from bot.doctor import setup
from bot.doctor.checks import CHECKS
from pipeline import inspection
from pipeline.profiles import BUILT_IN, load_profiles

Run = Callable[..., Result]
Ill = Callable[..., list[dict[str, Any]]]

JOB = """
    INSERT INTO jobs (owner, model, prompt, negative, width, height, count, seed, steps, guidance, priority, turn,
        extra, status, worker, created, started, finished)
    VALUES ('telegram:1', 'doodle', 'a cat', '', 256, 256, 1, 1, 1, 1, 0, 1, '{}', ?, ?, ?, ?, ?)
"""
LONG_AGO = "2026-01-01T00:00:00+00:00"


def change(home: Path, sql: str, *values: object) -> None:
    db = sqlite3.connect(home / "easel.db")
    with db:
        db.execute(sql, values)
    db.close()


@pytest.fixture
def ill(easel: Run) -> Ill:
    """What `easel doctor --json` finds beside what is in order; versions left out, as machines differ."""

    def find(*options: str, code: int | None = None) -> list[dict[str, Any]]:
        done = easel("doctor", "--offline", "--json", *options)
        found = [row for row in json.loads(done.stdout) if row["level"] != "ok" and row["check"] != "versions"]
        assert done.exit_code == (any(row["level"] == "broken" for row in found) if code is None else code)
        return found

    return find


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_TELEGRAM_TOKEN", "7000000001:AAE-test_token_of_a_bot_that_lives_here0")
    monkeypatch.setenv("EASEL_ADMINS", "1")


def only(found: list[dict[str, Any]], check: str, level: str, *words: str) -> None:
    """One finding, and it says this."""
    assert [(row["check"], row["level"]) for row in found] == [(check, level)]
    assert all(word in found[0]["text"] for word in words), found[0]["text"]


def test_a_sound_home_is_found_sound(ill: Ill, easel: Run) -> None:
    assert ill() == []
    lines = easel("doctor", "--offline").stdout.splitlines()
    assert [line.split()[1] for line in lines] == list(CHECKS)


def test_looking_changes_nothing(ill: Ill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    monkeypatch.setenv("EASEL_HOME", str(empty))
    assert {(row["check"], row["level"]) for row in ill()} == {("home", "note"), ("database", "note")}
    assert not empty.exists()


def test_a_damaged_database(ill: Ill, home: Path) -> None:
    with (home / "easel.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\x55" * 8192)
    found = ill("--fix", code=1)
    assert any(row["check"] == "database" and "restore a backup" in row["text"] for row in found)


def test_a_file_that_is_no_database(ill: Ill, home: Path) -> None:
    (home / "easel.db").write_bytes(b"damaged " * 1000)
    assert any(row["check"] == "database" and "is damaged" in row["text"] for row in ill(code=1))


def test_rows_whose_owner_is_gone(ill: Ill, home: Path) -> None:
    change(home, "INSERT INTO ratings (prompt_id, who, value, created) VALUES (99999, 'x', 3, '')")
    only(ill(), "database", "broken", "1 rows of ratings")


def test_a_database_of_another_version(ill: Ill, home: Path) -> None:
    change(home, "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('bot', 'm999_future')")
    only(ill(), "database", "warning", "m999_future")
    change(home, "DELETE FROM _sqlite_migrations WHERE name IN ('m999_future', 'm004_applied_files')")
    only(ill(), "database", "note", "m004_applied_files")


def test_full_text_search_out_of_step_is_refilled(ill: Ill, home: Path, easel: Run) -> None:
    change(home, "DELETE FROM prompts_words WHERE rowid = 1")
    change(home, "UPDATE prompts_words SET words = 'something else' WHERE rowid = 2")
    change(home, "INSERT INTO prompts_words (rowid, words) VALUES (99999, 'ghost')")
    only(ill(), "words", "broken", "with 3 prompts")
    assert "Full-text search holds every prompt again." in easel("doctor", "--offline", "--fix").stderr
    assert ill() == []
    assert "fisherman" in easel("library", "search", "--text", "fisherman").stdout


@pytest.mark.parametrize("file", ["index.faiss", "manifest.json"])
def test_a_damaged_index_is_built_anew(ill: Ill, home: Path, file: str) -> None:
    (path,) = (home / "index").glob(f"v*/{file}")
    path.write_bytes(path.read_bytes()[:-20])
    only(ill(), "index", "broken", "easel library rebuild")
    assert ill("--fix") == []


def test_a_library_changed_behind_the_index(ill: Ill, home: Path) -> None:
    change(home, "UPDATE prompts SET removed = 'person' WHERE id = 1")
    only(ill(), "index", "broken", "does not hold the rows")


def test_stuck_jobs_and_undelivered_pictures(ill: Ill, home: Path) -> None:
    change(home, JOB, "running", "999999@1.00", LONG_AGO, LONG_AGO, "")
    change(home, JOB, "queued", "", LONG_AGO, "", "")
    change(home, JOB, "done", "", LONG_AGO, LONG_AGO, LONG_AGO)
    change(home, "INSERT INTO deliveries (job, key, chat, message, language) VALUES (3, 'k', 'telegram:1', '', 'en')")
    change(
        home,
        "INSERT INTO inbox (key, chat, user, text, language, message, received) "
        f"VALUES ('k2', 'telegram:1', 'telegram:1', 'a', 'en', '', '{LONG_AGO}')",
    )
    found = ill()
    assert {row["check"] for row in found} == {"jobs"} and {row["level"] for row in found} == {"warning"}
    for words in ("Jobs 1 were being painted", "Jobs 2 have waited", "jobs 3 were not delivered", "1 messages wait"):
        assert any(words in row["text"] for row in found), words


def test_pictures_without_files_and_files_without_pictures(ill: Ill, home: Path) -> None:
    change(home, JOB, "done", "", LONG_AGO, LONG_AGO, LONG_AGO)
    lost, orphan = home / "images" / "2026-01" / "1-1.png", home / "images" / "2026-01" / "77-1.png"
    change(home, "INSERT INTO pictures (job_id, position, seed, path) VALUES (1, 1, 1, ?)", str(lost))
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x" * 2**20)
    os.utime(orphan, (1, 1))
    texts = [row["text"] for row in ill()]
    assert any("files of 1 pictures are gone (jobs 1)" in text for text in texts)
    assert any("1 files in" in text and "(1.0 MB)" in text for text in texts)


def test_unfinished_files_are_removed_unless_somebody_may_be_writing_them(ill: Ill, home: Path) -> None:
    old = [home / "index" / "building-v1", home / "images" / "2026-01" / "1-1.part", home / "restoring-1"]
    old[1].parent.mkdir(parents=True)
    old[1].write_bytes(b"x")
    for folder in (old[0], old[2]):
        folder.mkdir()
    for path in old:
        os.utime(path, (1, 1))
    fresh = home / "index" / "building-v2"
    fresh.mkdir()
    only(ill(), "leftovers", "note", "3 unfinished files")
    assert ill("--fix") == []
    assert fresh.exists() and not any(path.exists() for path in old)


def test_a_large_write_ahead_log_is_emptied(ill: Ill, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.doctor.data.LARGE_WAL", 4096)
    reader = sqlite3.connect(home / "easel.db")
    reader.execute("SELECT count(*) FROM prompts").fetchone()
    change(home, "UPDATE prompts SET negative = ''")
    only(ill(), "database", "warning", "write-ahead log")
    assert ill("--fix") == []
    reader.close()


# --- what easel stands on -----------------------------------------------------------------------------------------


def test_settings_that_are_unknown_or_contradict_each_other(ill: Ill, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "EASEL_ADMIN": "1",
        "EASEL_ADMINS": "",
        "EASEL_WEBHOOK_URL": "http://example.org/x",
        "EASEL_WEBHOOK_SECRET": "not allowed!",
        "EASEL_METRICS": "0.0.0.0:9464",
        "EASEL_LOG_LEVEL": "debug",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    found = ill()
    assert {row["check"] for row in found} == {"settings"}
    text = " ".join(row["text"] for row in found)
    for words in ("did you mean EASEL_ADMINS?", "https://", "letters, digits", "127.0.0.1", "what people say"):
        assert words in text
    assert len(found) == 6


def test_a_setting_that_cannot_be_read_is_the_only_finding(easel: Run, home: Path) -> None:
    (home / "easel.toml").write_text("colour = 'red'")
    done = easel("doctor", "--json")
    assert done.exit_code == 1
    only(json.loads(done.stdout), "settings", "broken", "'colour'")


def test_a_token_that_others_can_read_is_closed(ill: Ill, home: Path) -> None:
    file = home / "easel.toml"
    file.write_text('telegram_token = "1:x"')
    file.chmod(0o644)
    only(ill(), "settings", "warning", "chmod 600")
    assert ill("--fix") == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_full_disk(ill: Ill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "LITTLE", 2**60)
    only(ill(), "home", "warning", "are free")
    monkeypatch.setattr(setup, "TOO_LITTLE", 2**60)
    only(ill(), "home", "broken", "are free")


def test_a_clock_that_went_back(ill: Ill, home: Path) -> None:
    change(home, JOB, "done", "", "2999-01-01T00:00:00+00:00", "", "")
    only(ill(), "clock", "warning", "set it right")


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_a_token_that_is_none(ill: Ill, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("EASEL_TELEGRAM_TOKEN", token)
    only(ill(), "token", "broken" if token else "note", "BotFather")


def test_telegram_is_asked_about_the_token(easel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(token: str, url: str) -> str:
        monkeypatch.setenv("EASEL_TELEGRAM_TOKEN", token)
        monkeypatch.setenv("EASEL_TELEGRAM_API", url)
        lines = easel("doctor").output.splitlines()
        assert token not in " ".join(lines)
        return next(line for line in lines if line.split()[1] == "token")

    with BotApi() as api:
        assert asked(api.token, api.url).startswith("ok")
        assert "refuses the token" in asked("7000000002:" + "B" * 35, api.url)
    assert "cannot be reached" in asked(api.token, api.url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[bad", "no-scheme"])
def test_whatever_goes_wrong_with_telegram_the_token_is_not_shown(
    easel: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("EASEL_TELEGRAM_API", url)
    done = easel("doctor")
    assert done.exit_code == 1 and "cannot be reached" in done.output
    assert "AAE-test" not in done.output


def test_a_model_that_is_not_there(ill: Ill, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "models.toml").write_text('[mine]\nlike = "sd15"\nsource = "/nowhere/mine"\n')
    only(ill(), "models", "warning", "mine: /nowhere/mine is not there")
    monkeypatch.setenv("EASEL_MODEL", "mine")
    only(ill(), "models", "broken", "mine")
    monkeypatch.setenv("EASEL_MODEL", "nothing")
    assert any("EASEL_MODEL=nothing is no model" in row["text"] for row in ill())
    (home / "models.toml").write_text("[mine")
    only(ill(), "models", "broken", "not valid TOML")


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(settings: Any) -> None:
    def broken(patient: doctor.Patient) -> Any:
        raise ValueError("no such luck")

    patient = doctor.Patient(settings, {}, online=False)
    found = list(doctor.examine(patient, {"first": broken, "home": setup.check_home}))
    assert [(finding.check, finding.level) for finding in found] == [("first", "broken"), ("home", "ok")]
    assert "no such luck" in found[0].text


# --- weights ------------------------------------------------------------------------------------------------------


@pytest.fixture
def weights(tiny_folder: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(tiny_folder, tmp_path / "weights"))


def inspect(folder: Path, tmp_path: Path) -> list[str]:
    own = tmp_path / "models.toml"
    own.write_text(f'[own]\nlike = "sd15"\nsource = {json.dumps(str(folder))}\n')
    return inspection.problems(load_profiles(BUILT_IN, own)["own"])


def test_sound_weights(weights: Path, tmp_path: Path) -> None:
    assert inspect(weights, tmp_path) == []
    assert inspection.problems(load_profiles(BUILT_IN)["doodle"]) == []


def test_weights_that_are_cut_missing_or_pickled(weights: Path, tmp_path: Path) -> None:
    file = next((weights / "unet").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-100])
    (problem,) = inspect(weights, tmp_path)
    assert file.name in problem and "cannot be read" in problem
    file.rename(file.with_suffix(".bin"))
    assert inspect(weights, tmp_path) == ["unet holds no safetensors"]
    for path in (weights / "tokenizer").iterdir():
        path.unlink()
    assert "tokenizer holds no tokenizer" in inspect(weights, tmp_path)
    (weights / "model_index.json").write_text("[]")
    assert inspect(weights, tmp_path)[0].startswith("model_index.json cannot be read")


def test_a_model_that_was_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    profiles = load_profiles(BUILT_IN)
    assert inspection.missing_download(profiles["sd15"])
    assert not inspection.missing_download(profiles["doodle"])


def test_nothing_was_written(ill: Ill, home: Path) -> None:
    before = rows(home / "easel.db", "SELECT count(*), max(changed) FROM prompts")
    begun = time.time()
    ill()
    assert rows(home / "easel.db", "SELECT count(*), max(changed) FROM prompts") == before
    assert [path for path in home.rglob("*") if path.is_file() and path.stat().st_mtime > begun] == []
