"""`easel queue …` and `easel models …` on a real queue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from bot.store import open_database
from pipeline.jobs import Job, Picture
from pipeline.queue import JobQueue

Run = Callable[..., Result]


@pytest.fixture
def queue(home: Path) -> JobQueue:
    """Job 1 is done with a picture, job 2 failed, job 3 waits."""
    queue = JobQueue(open_database(home / "easel.db"))
    for prompt in ("a cat", "a dog", "猫" * 90):
        queue.add(Job("sdxl", prompt, 64, 64, 5, 2, 1.0, owner="telegram:7", extra={"request": prompt}))
    queue.claim()
    queue.add_picture(Picture(1, 1, 5, "/pictures/1-1.png"))
    queue.finish(1)
    queue.claim()
    queue.fail(2, "It broke.")
    return queue


def test_jobs_are_listed_for_people_and_for_programs(easel: Run, queue: JobQueue) -> None:
    lines = easel("queue", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["#3", "queued"], ["#2", "failed"], ["#1", "done"]]
    assert lines[0].endswith("…")
    rows = json.loads(easel("queue", "list", "--json").stdout)
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert rows[0]["prompt"] == "猫" * 90


def test_jobs_are_chosen_by_status_and_owner(easel: Run, queue: JobQueue) -> None:
    def found(*options: str) -> list[int]:
        return [row["id"] for row in json.loads(easel("queue", "list", "--json", *options).stdout)]

    assert found("--status", "failed") == [2]
    assert found("--owner", "telegram:8") == []
    assert found("--limit", "1") == [3]
    assert easel("queue", "list", "--owner", "telegram:8").stdout == "No jobs.\n"


def test_one_job_with_its_pictures(easel: Run, queue: JobQueue) -> None:
    whole = json.loads(easel("queue", "show", "1", "--json").stdout)
    assert whole["pictures"] == ["/pictures/1-1.png"]
    assert whole["extra"] == {"request": "a cat"}
    assert "error: It broke." in easel("queue", "show", "2").stdout.splitlines()


def test_cancel_and_retry(easel: Run, queue: JobQueue) -> None:
    assert easel("queue", "cancel", "3").stdout == "Job 3 is cancelled.\n"
    assert easel("queue", "retry", "3").stdout == "Job 3 is queued.\n"
    assert easel("queue", "cancel", "1").stdout == "Job 1 is done.\n"
    refused = easel("queue", "retry", "1")
    assert refused.exit_code == 1
    assert "Job 1 is done; only failed and cancelled jobs" in refused.stderr


def test_models_are_listed_with_what_they_need(easel: Run, home: Path) -> None:
    (home / "models.toml").write_text('[mine]\nlike = "sdxl"\nsource = "mine.safetensors"\nwidth = 64\n')
    rows = {row["id"]: row for row in json.loads(easel("models", "list", "--json").stdout)}
    assert {"doodle", "sd15", "sdxl", "flux-schnell", "mine"} <= set(rows)
    assert (rows["mine"]["width"], rows["mine"]["source"]) == (64, str(home / "mine.safetensors"))
    lines = {line.split()[0]: line for line in easel("models").stdout.splitlines()}
    assert "any CPU" in lines["doodle"]
    assert "8 GB GPU" in lines["sdxl"]


def test_one_model(easel: Run) -> None:
    assert json.loads(easel("models", "show", "sdxl", "--json").stdout)["dialect"] == "tags"
    assert "dialect: sentence" in easel("models", "show", "flux-dev").stdout


def test_a_broken_models_file_is_told(easel: Run, home: Path) -> None:
    (home / "models.toml").write_text("[mine]\nsteps = 'many'\n")
    for command in (["models"], ["rewrite", "a cat"]):
        done = easel(*command)
        assert done.exit_code == 1
        assert "models.toml" in done.stderr
        assert done.stderr.count("\n") == 1
