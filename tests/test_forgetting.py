"""What is stored about a person, handed out and deleted: every table, every file, every byte."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from conftest import CHAT, USER, rows
from sqlite_utils import Database

from bot import forgetting
from bot.assistant import Assistant
from bot.errors import EaselError
from bot.messages import Incoming
from pipeline.jobs import Job, Picture
from pipeline.queue import JobQueue
from promptlib.library import Library

Make = Callable[..., Incoming]
OTHER, GROUP = "telegram:8", "telegram:-500"
#: What stands in this person's requests and nowhere else.
SECRET = "Zyxquo"


def requested(assistant: Assistant, incoming: Incoming) -> Job:
    assistant.accept(incoming)
    answer = assistant.answer(incoming)
    assert answer.job is not None, answer.text
    return answer.job


def painted(assistant: Assistant, job: Job) -> Job:
    queue = assistant.tables.queue
    assert queue.claim() == assistant.job(job.id)
    path = assistant.settings.images / f"{job.id}-1.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"picture")
    queue.add_picture(Picture(job.id, 1, job.seed, str(path)))
    return queue.finish(job.id)


@pytest.fixture
def lived(assistant: Assistant, incoming: Make) -> Assistant:
    """An assistant with which two people have painted, chosen and rated, each in private, and USER in a group too."""
    tables = assistant.tables
    mine = painted(assistant, requested(assistant, incoming(f'a fox with a sign saying "{SECRET}"', chat=USER)))
    shared = painted(assistant, requested(assistant, incoming("a red apple, rim light", chat=USER)))
    painted(assistant, requested(assistant, incoming(f'an owl with a sign saying "{SECRET}"', chat=GROUP)))
    theirs = painted(assistant, requested(assistant, incoming("a blue horse", chat=OTHER, user=OTHER)))
    requested(assistant, incoming("two blue horses", chat=OTHER, user=OTHER))
    for job in (mine, shared, theirs):
        assistant.rate(job.id, USER, 5)
    assistant.rate(shared.id, OTHER, 5)
    assistant.rate(theirs.id, OTHER, 4)
    assistant.set_amount(USER, "lot")
    assistant.tables.switches.toggle(mine, 0, USER, USER)
    assistant.tables.switches.keep_off(mine, USER, USER)
    assistant.tables.switches.toggle(theirs, 0, OTHER, OTHER)
    assert tables.db.execute("SELECT count(*) FROM switched_off").fetchone()[0] == 3
    return assistant


def test_everything_is_told(lived: Assistant) -> None:
    found = lived.about_person(USER)
    assert json.loads(forgetting.document(found)) == found
    assert [job["extra"]["request"][:5] for job in found["jobs"]] == ["a fox", "a red", "an ow"]
    counts = {name: len(found[name]) for name in ("requests", "deliveries", "pictures", "prompts", "ratings")}
    assert counts == {"requests": 3, "deliveries": 3, "pictures": 3, "prompts": 2, "ratings": 3}
    assert found["conversations"][0]["amount"] == "lot"
    assert found["conversations"][0]["brief"]["text"] == "a red apple, rim light"
    assert len(found["switched_off"]) == 2
    assert OTHER not in forgetting.document(found).decode()


def test_nothing_is_left_in_any_table_or_file(lived: Assistant) -> None:
    files = [Path(row["path"]) for row in lived.about_person(USER)["pictures"]]
    gone = lived.forget_person(USER)
    assert (gone.pictures, gone.kept, gone.rows["jobs"], gone.rows["prompts"]) == (3, 1, 3, 1)
    assert not any(path.exists() for path in files)
    db = lived.tables.db
    for table in db.table_names():
        for row in db.query(f'SELECT * FROM "{table}"'):
            assert USER not in map(str, row.values()), (table, row)
            assert SECRET.lower() not in str(row).lower(), (table, row)
    empty = {name: found for name, found in lived.about_person(USER).items() if isinstance(found, list) and found}
    assert empty == {}
    assert USER not in [row["person"] for row in lived.people()]


def test_no_byte_is_left(lived: Assistant) -> None:
    home = lived.settings.home
    before = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert SECRET.encode() in before
    lived.forget_person(USER)
    for path in home.rglob("*"):
        if path.is_file():
            left = path.read_bytes().lower()
            assert SECRET.lower().encode() not in left, path
            assert b"telegram:7" not in left.replace(b"telegram:70", b""), path


def test_others_keep_what_is_theirs(lived: Assistant) -> None:
    before = {name: found for name, found in lived.about_person(OTHER).items() if name != "told"}
    lived.forget_person(USER)
    after = {name: found for name, found in lived.about_person(OTHER).items() if name != "told"}
    for name in ("jobs", "requests", "deliveries", "pictures", "conversations", "switched_off"):
        assert after[name] == before[name], name
    assert [row["value"] for row in after["ratings"]] == [row["value"] for row in before["ratings"]]
    assert after["prompts"][0]["score"] < before["prompts"][0]["score"], "without the other's 5"


def test_what_others_rated_stays_and_serves_them(lived: Assistant) -> None:
    lived.forget_person(USER)
    found = lived.tables.writer.find("a red apple rim light", lived.profile("sd15"), "telegram:9")
    (stays,) = [hit.prompt for hit in found if hit.prompt.owner.startswith("forgotten:")]
    assert "rim light" in stays.text and stays.extra == {}


def test_a_group_forgets_what_it_was_about(lived: Assistant, incoming: Make) -> None:
    lived.forget_person(USER)
    lived.accept(message := incoming("16:9", chat=GROUP, user=OTHER))
    assert lived.answer(message).job is None


def test_waiting_jobs_are_cancelled_and_those_of_dead_processes_too(assistant: Assistant, incoming: Make) -> None:
    waiting, dead = (requested(assistant, incoming(text, chat=USER)) for text in ("a cat", "a dog"))
    assistant.tables.db.execute("UPDATE jobs SET status = 'running', worker = '999999@1.00#ab' WHERE id = ?", [dead.id])
    assert assistant.forget_person(USER).rows["jobs"] == 2
    assert assistant.tables.queue.list() == []
    assert waiting.id != dead.id


def test_a_picture_that_does_not_stop_is_told_and_nothing_is_deleted(lived: Assistant, incoming: Make) -> None:
    job = requested(lived, incoming("a cat", chat=USER))
    lived.tables.db.execute("UPDATE jobs SET status = 'running', worker = ? WHERE id = ?", ["1@0", job.id])
    tables = lived.tables
    with pytest.raises(EaselError, match="still being painted"):
        forgetting.forget(tables.db, tables.library, lived.index, USER, stop=lambda: None, patience=0.05)
    assert len(lived.about_person(USER)["pictures"]) == 3


def test_what_is_painted_while_somebody_is_forgotten_leaves_no_file(
    lived: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, forget = lived.tables.queue.list(owner=USER)[0], Library.forget
    late = lived.settings.images / "late.png"

    def meanwhile(library: Library, who: str) -> object:
        """Another process, which may be kept waiting and then comes afterwards."""
        connection = sqlite3.connect(lived.settings.database, timeout=0.01)
        with closing(connection), suppress(sqlite3.OperationalError):
            queue = JobQueue(Database(connection))
            added = queue.add(job, claimed=True)
            late.write_bytes(b"picture")
            queue.add_picture(Picture(added.id, 1, added.seed, str(late)))
            queue.finish(added.id)
        return forget(library, who)

    monkeypatch.setattr(Library, "forget", meanwhile)
    lived.forget_person(USER)
    assert not late.exists() and lived.tables.queue.list(owner=USER) == []


def test_a_job_that_comes_in_while_one_waits_is_stopped_too(lived: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    tables, wait = lived.tables, forgetting._await_the_worker
    late = [tables.queue.list(owner=USER)[0]]
    stopped: list[int] = []

    def and_then(*arguments: Any) -> None:
        wait(*arguments)
        if late:
            tables.queue.add(late.pop(), claimed=True)

    def stop() -> None:
        running = tables.queue.list(owner=USER, status="running")
        stopped.extend(tables.queue.stopped(one.id).id for one in running)

    monkeypatch.setattr(forgetting, "_await_the_worker", and_then)
    forgetting.forget(tables.db, tables.library, lived.index, USER, stop=stop)
    assert len(stopped) == 1 and tables.queue.list(owner=USER) == []


def test_twice_is_as_good_as_once(lived: Assistant) -> None:
    lived.forget_person(USER)
    assert lived.forget_person(USER).total == 0
    assert lived.forget_person("telegram:404").total == 0


def test_every_table_says_whether_it_holds_something_about_people(lived: Assistant) -> None:
    known = {table for _, table, _ in forgetting.HELD} | {*forgetting.LIBRARY, *forgetting.OTHERS}
    shadows = {f"prompts_words_{part}" for part in ("data", "idx", "content", "docsize", "config")}
    assert set(lived.tables.db.table_names()) <= known | shadows


def test_a_report_outlives_whom_it_is_about(lived: Assistant) -> None:
    """Otherwise whoever was reported could make it unseen."""
    reports, queue = lived.tables.reports, lived.tables.queue
    (job,) = queue.with_prompt(lived.tables.queue.list(owner=USER)[1].prompt)
    other = queue.list(owner=USER)[0]
    reports.add(job.id, GROUP, OTHER, "k1")
    reports.add(other.id, GROUP, OTHER, "k2")
    reports.settle(reports.open()[1].id, "dismissed", "telegram:9")
    lived.forget_person(USER)
    (report,) = reports.open()
    assert report.prompt == job.prompt and report.who == OTHER
    lived.remove_prompt(report.prompt, "telegram:9")
    assert reports.is_banned(job.prompt)
    reports.settle(report.id, "removed", "telegram:9")
    settled = reports.get(report.id)
    assert settled and settled.prompt == ""


def test_the_words_of_one_are_not_kept_with_the_jobs_of_another(assistant: Assistant, incoming: Make) -> None:
    mine = painted(assistant, requested(assistant, incoming(f'a fox with a sign saying "{SECRET}"', chat=USER)))
    assistant.rate(mine.id, USER, 5)
    assistant.promote(mine.id, "telegram:1")
    theirs = requested(assistant, incoming("a fox with a sign", chat=OTHER, user=OTHER))
    assert len(theirs.extra["sources"]) > 0
    assistant.promote(mine.id, "telegram:1")
    assistant.forget_person(USER)
    assert SECRET.lower() not in str(assistant.job(theirs.id)).lower()


# --- the command line ---------------------------------------------------------------------------------------------


def test_the_command_line_exports_and_forgets(
    easel: Callable[..., Result], lived: Assistant, home: Path, tmp_path: Path
) -> None:
    assert "telegram:7  3 jobs, 3 ratings, 2 prompts" in easel("people").stdout
    assert {row["person"] for row in json.loads(easel("people", "list", "--json").stdout)} == {USER, OTHER}
    assert len(json.loads(easel("people", "export", "7").stdout)["jobs"]) == 3
    assert easel("people", "export", USER, str(tmp_path / "mine.json")).exit_code == 0
    assert json.loads((tmp_path / "mine.json").read_bytes())["person"] == USER
    assert easel("people", "forget", "7", input="n\n").exit_code == 1
    assert rows(home / "easel.db", "SELECT count(*) FROM jobs WHERE owner = 'telegram:7'") == [(3,)]
    done = easel("people", "forget", "7", "--yes")
    assert "telegram:7 were deleted; 1 prompts stay" in done.stdout
    assert rows(home / "easel.db", "SELECT count(*) FROM jobs WHERE owner = 'telegram:7'") == [(0,)]
    assert CHAT not in easel("people").stdout


def test_nobody_is_no_person(easel: Callable[..., Result]) -> None:
    for command in ("block", "unblock", "export", "forget"):
        done = easel("people", command, " ")
        assert done.exit_code == 2 and "such as telegram:7" in done.stderr
