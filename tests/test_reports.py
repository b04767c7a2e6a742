"""Reports are noted once and settled once; a removed prompt is gone from everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import CHAT, USER

from bot.assistant import Assistant
from bot.errors import NotPainted, PicturesGone, TooManyReports
from bot.messages import Incoming
from bot.reports import DISMISSED, MOST, REMOVED, Reports
from bot.showing import shown_files
from bot.store import open_database
from pipeline.jobs import Job, Picture
from promptlib.records import LibraryPrompt

Make = Callable[..., Incoming]
OTHER = "telegram:8"


def requested(assistant: Assistant, incoming: Incoming) -> Job:
    job = assistant.answer(incoming).job
    assert job is not None
    return job


def test_a_report_is_noted_once_for_a_person_and_a_job(assistant: Assistant) -> None:
    reports = assistant.tables.reports
    assert reports.add(1, CHAT, USER, "k1") and reports.add(1, CHAT, USER, "k1"), "the same message again"
    assert not reports.add(1, CHAT, USER, "k2")
    assert reports.add(1, CHAT, OTHER, "k3") and reports.add(2, CHAT, USER, "k4")
    assert [(report.job, report.who) for report in reports.open()] == [(1, USER), (1, OTHER), (2, USER)]


def test_a_report_is_settled_once(assistant: Assistant) -> None:
    reports = assistant.tables.reports
    reports.add(1, CHAT, USER, "k")
    reports.note(1, "9", "17")
    found = reports.get(1)
    assert found is not None and found.told == {"9": "17"} and found.settled == ""
    assert reports.settle(1, DISMISSED, "telegram:1") and not reports.settle(1, REMOVED, "telegram:1")
    assert not reports.open() and reports.get(2) is None


def test_one_person_reports_only_so_much_a_day(assistant: Assistant) -> None:
    reports = assistant.tables.reports
    for job in range(1, MOST + 1):
        assert reports.add(job, CHAT, USER, f"k{job}")
    with pytest.raises(TooManyReports):
        reports.add(MOST + 1, CHAT, USER, "more")
    assert len(reports.open()) == MOST
    assert reports.add(MOST + 1, CHAT, OTHER, "other")


def test_a_prompt_is_removed_everywhere(assistant: Assistant, incoming: Make, tmp_path: Path) -> None:
    first = requested(assistant, incoming("a purple walrus on a unicycle"))
    second = requested(assistant, incoming("a purple walrus on a unicycle", user=OTHER, chat=OTHER))
    kept = requested(assistant, incoming("a red apple"))
    tables = assistant.tables
    for job in (first, kept):
        path = tmp_path / f"{job.id}.png"
        path.write_bytes(b"picture")
        tables.queue.add_picture(Picture(job.id, 1, 1, str(path)))
    assistant.rate(first.id, USER, 5)
    assistant.rate(kept.id, USER, 5)
    assistant.index.refresh(tables.library)
    before = len(assistant.index)

    removed = assistant.remove_everywhere(first.id, "telegram:1")

    assert [job.id for job in removed] == [first.id, second.id]
    assert not (tmp_path / f"{first.id}.png").exists() and (tmp_path / f"{kept.id}.png").exists()
    assert {tables.queue.get(job.id).status for job in (first, second)} == {"cancelled"}
    assert tables.queue.get(kept.id).status == "queued"
    assert not [prompt for prompt in tables.library.search("walrus unicycle") if prompt.source == "painted"]
    assistant.index.refresh(tables.library)
    assert len(assistant.index) == before - 1
    hits = tables.writer.find("a purple walrus on a unicycle", assistant.profile("sd15"), USER)
    assert "unicycle" not in " ".join(hit.prompt.text for hit in hits)


def test_other_case_and_spacing_are_removed_with_it(assistant: Assistant, incoming: Make) -> None:
    for chat in (CHAT, OTHER):
        assistant.set_raw(chat, True)
    first = requested(assistant, incoming("a purple walrus"))
    second = requested(assistant, incoming("A purple  Walrus", user=OTHER, chat=OTHER))
    kept = requested(assistant, incoming("a purple walrus, smiling"))
    assert (first.prompt, second.prompt) == ("a purple walrus", "A purple  Walrus")
    assistant.rate(second.id, OTHER, 5)
    library = assistant.tables.library
    shouted = library.add(LibraryPrompt(0, "A PURPLE WALRUS", negative="blurry", source="painted"))[0]
    assert [job.id for job in assistant.remove_everywhere(first.id, "telegram:1")] == [first.id, second.id]
    assert [assistant.job(job.id).status for job in (second, kept)] == ["cancelled", "queued"]
    assert library.get(shouted).removed
    assert not [prompt for prompt in library.search("walrus") if prompt.source == "painted"]


def test_what_was_removed_is_painted_no_more_by_whomever(assistant: Assistant, incoming: Make) -> None:
    for chat in (CHAT, OTHER):
        assistant.set_amount(chat, "none")
    job = requested(assistant, incoming("a purple walrus on a unicycle"))
    assistant.remove_everywhere(job.id, "telegram:1")
    with pytest.raises(NotPainted):
        assistant.again(job.id, incoming("a:1"))
    with pytest.raises(NotPainted):
        assistant.answer(incoming("a purple walrus on a unicycle", user=OTHER, chat=OTHER))
    with pytest.raises(NotPainted):
        assistant.paint_now(job)
    assistant.rate(job.id, OTHER, 5)
    assert not [p for p in assistant.tables.library.search("walrus unicycle") if p.source == "painted"]
    assert requested(assistant, incoming("a red apple")).id


def test_again_obeys_what_was_chosen_since(assistant: Assistant, incoming: Make) -> None:
    job = requested(assistant, incoming("a beheaded knight"))
    assistant.tables.moderation.choose(CHAT, "gore", "block")
    with pytest.raises(NotPainted):
        assistant.again(job.id, incoming("a:1"))
    assert assistant.answer(incoming("a beheaded knight")).job is None


def test_a_number_never_becomes_another_reports(tmp_path: Path) -> None:
    """An admin's old button names a report by its number."""
    db = open_database(tmp_path / "easel.db")
    reports = Reports(db)
    db.execute("INSERT INTO reports (job, chat, who, key, created) VALUES (1, 'c', 'w', 'k', '2026')")
    db.execute("DELETE FROM reports")
    db.execute("INSERT INTO reports (job, chat, who, key, created) VALUES (2, 'c', 'w', 'k', '2026')")
    assert [row["id"] for row in reports.db.query("SELECT id FROM reports")] == [2]
    db.close()


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_the_pictures_of_a_job_that_was_not_finished_are_not_handed_out(
    assistant: Assistant, incoming: Make, tmp_path: Path, end: str
) -> None:
    """Its quota was given back, so nobody has paid for them."""
    job, queue = requested(assistant, incoming("a red apple")), assistant.tables.queue
    queue.claim()
    path = tmp_path / "1.png"
    path.write_bytes(b"picture")
    queue.add_picture(Picture(job.id, 1, 1, str(path)))
    ended = queue.fail(job.id, "No.") if end == "fail" else queue.stopped(queue.cancel(job.id).id)
    with pytest.raises(PicturesGone):
        shown_files(assistant, ended, CHAT)
    with pytest.raises(PicturesGone):
        shown_files(assistant, job, CHAT)
