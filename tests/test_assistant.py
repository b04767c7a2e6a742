"""The assistant over real parts: SQLite file, seed library, index, embedder, queue, and a tiny real model to paint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CHAT, USER, rows

from bot.assistant import MAX_COUNT, Assistant
from bot.errors import EaselError, NotYours, SettingsError
from bot.messages import Answer, Incoming
from bot.settings import Settings, load_settings
from pipeline.errors import ModelMissing, NoSuchJob
from pipeline.jobs import Job, Picture
from promptlib.errors import EmbedderError
from promptlib.records import LibraryPrompt
from promptlib.retrieval import retrieve

Make = Callable[..., Incoming]
OTHER = "telegram:8"


def requested(assistant: Assistant, incoming: Incoming) -> Job:
    """The job that a message becomes."""
    assistant.accept(incoming)
    answer = assistant.answer(incoming)
    assert answer.job is not None, answer.text
    return answer.job


def painted(assistant: Assistant, job: Job, folder: Path) -> Job:
    """The job as the worker leaves it, with a file for each picture."""
    queue = assistant.tables.queue
    assert queue.claim() is not None
    for position, seed in enumerate(job.seeds, 1):
        path = folder / f"{job.id}-{position}.png"
        path.write_bytes(b"picture")
        queue.add_picture(Picture(job.id, position, seed, str(path)))
    return queue.finish(job.id)


# --- requests -----------------------------------------------------------------------------------------------------


def test_a_request_becomes_a_job_with_the_reasons_for_its_prompt(assistant: Assistant, incoming: Make) -> None:
    message = incoming("帮我画一只红色的苹果")
    assert assistant.accept(message)
    answer = assistant.answer(message)
    assert (answer.language, answer.position) == ("zh", 1)
    job = answer.job
    assert job is not None
    assert job == assistant.job(job.id)
    assert job.prompt.startswith("red apple, ")
    assert (job.model, job.owner, job.status) == ("sd15", USER, "queued")
    assert (job.width, job.height, job.steps, job.guidance) == (512, 512, 50, 7.5)
    assert job.extra["request"] == "帮我画一只红色的苹果"
    assert {tag["text"] for tag in job.extra["tags"]} >= {"red apple"}
    assert any(tag["origin"].startswith("library:") for tag in job.extra["tags"])
    assert job.extra["sources"][0]["used"]
    assert assistant.waiting() == []


def test_the_place_in_the_queue_is_told(assistant: Assistant, incoming: Make) -> None:
    first = requested(assistant, incoming("a cat"))
    second = assistant.answer(incoming("a dog", user=OTHER, chat="telegram:80"))
    assert second.position == 2
    assert "1 before yours" in second.text
    assert assistant.position(first.id) == 1
    assistant.cancel(USER)
    assert assistant.position(first.id) == 0


@pytest.mark.parametrize("text", ["", "   \n", "\0", "猫" * 8001])
def test_what_cannot_be_painted_is_answered_with_words(assistant: Assistant, incoming: Make, text: str) -> None:
    answer = assistant.answer(incoming(text, language="zh"))
    assert answer.job is None
    assert answer.text
    assert "Nothing" not in answer.text


def test_small_talk_is_answered_and_not_painted(assistant: Assistant, incoming: Make) -> None:
    hello, thanks = (assistant.answer(incoming(text)) for text in ("你好", "thank you!"))
    assert (hello.job, thanks.job) == (None, None)
    assert (hello.language, thanks.language) == ("zh", "en")
    assert "你好" in hello.text
    assert assistant.tables.queue.list() == []


def test_words_are_owed_until_the_front_has_sent_them(assistant: Assistant, incoming: Make) -> None:
    hello = incoming("hello")
    assistant.accept(hello)
    assistant.answer(hello)
    assert assistant.waiting() == [hello]
    assistant.answered(hello.key)
    assert assistant.waiting() == []


def test_a_chat_refines_its_own_request(assistant: Assistant, incoming: Make) -> None:
    requested(assistant, incoming("一个苹果"))
    requested(assistant, incoming("a dog", chat="telegram:80", user=OTHER))
    job = requested(assistant, incoming("你这个颜色不够红,给我鲜艳点颜色的苹果"))
    assert "apple" in job.prompt
    assert "deep red" in job.prompt
    assert "dog" not in job.prompt


def test_a_refinement_survives_a_restart(assistant: Assistant, settings: Settings, incoming: Make) -> None:
    requested(assistant, incoming("a cat on a sofa"))
    job = requested(Assistant(settings), incoming("watercolor style"))
    assert "cat" in job.prompt
    assert "watercolor" in job.prompt


def test_raw_leaves_the_text_alone(assistant: Assistant, incoming: Make) -> None:
    assistant.set_raw(CHAT, True)
    job = requested(assistant, incoming("((masterpiece)), 1girl <lora:x:1>"))
    assert job.prompt == "((masterpiece)), 1girl <lora:x:1>"
    assert job.extra["sources"] == []


def test_the_count_has_a_limit_and_any_seed_is_usable(assistant: Assistant) -> None:
    written = assistant.tables.writer.write("a cat", assistant.profile("sd15"))
    job = assistant.job_for(written, "sd15", USER, count=99, seed=2**80, steps=0)
    assert job.count == MAX_COUNT
    assert 0 <= job.seed < 2**31
    assert job.steps == 50
    assert assistant.job_for(written, "sd15", USER, guidance=0.0).guidance == 0.0


def test_admins_go_first(assistant: Assistant, incoming: Make) -> None:
    requested(assistant, incoming("a cat"))
    answer = assistant.answer(incoming("a dog", user="telegram:1", chat="telegram:1"))
    assert answer.position == 1


# --- once and only once -------------------------------------------------------------------------------------------


def test_messages_are_accepted_once_and_wait_through_a_crash(
    assistant: Assistant, settings: Settings, incoming: Make
) -> None:
    message = incoming("a cat")
    assert assistant.accept(message)
    assert not assistant.accept(message)
    restarted = Assistant(settings)
    assert restarted.waiting() == [message]
    requested(restarted, message)
    assert assistant.waiting() == []


def test_a_message_answered_twice_becomes_one_job(assistant: Assistant, settings: Settings, incoming: Make) -> None:
    message = incoming("a cat")
    first = requested(assistant, message)
    again = Assistant(settings).answer(message)
    assert again.job == first
    assert [job.id for job in assistant.tables.queue.list()] == [first.id]


def test_a_message_answered_by_two_threads_becomes_one_job(assistant: Assistant, incoming: Make) -> None:
    message = incoming("a cat")
    assistant.accept(message)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: assistant.answer(message), range(4)))
    assert len({answer.job.id for answer in answers if answer.job}) == 1
    assert len(assistant.tables.queue.list()) == 1


def test_a_button_pressed_once_paints_once(assistant: Assistant, incoming: Make) -> None:
    first = requested(assistant, incoming("a cat"))
    press = incoming("")
    answers = [assistant.again(first.id, press) for _ in range(2)]
    assert answers[0].job == answers[1].job
    assert len(assistant.tables.queue.list()) == 2
    assistant.again(first.id, incoming(""))
    assert len(assistant.tables.queue.list()) == 3


def test_a_crash_in_the_middle_of_answering_leaves_only_the_message(
    assistant: Assistant, settings: Settings, incoming: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = incoming("a cat")
    assistant.accept(message)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    # The last write of the transaction: the job is in it already.
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(assistant.tables.store, "promise", crash)
        assistant.answer(message)
    assert rows(settings.database, "SELECT count(*) FROM jobs") == [(0,)]
    assert rows(settings.database, "SELECT count(*) FROM chats") == [(0,)]
    assert assistant.waiting() == [message]
    requested(assistant, message)


def test_many_people_at_once(assistant: Assistant, incoming: Make) -> None:
    messages = [incoming("a cat", user=f"telegram:{n}", chat=f"telegram:{n}") for n in range(100, 110)]

    def converse(message: Incoming) -> Answer:
        assistant.accept(message)
        return assistant.answer(message)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(converse, messages))
    assert len({answer.job.id for answer in answers if answer.job}) == 10
    assert {delivery.chat for delivery in assistant.undelivered()} == set()
    assert assistant.waiting() == []


def test_several_processes_may_fill_a_new_home_at_once(tmp_path: Path) -> None:
    settings = load_settings({"EASEL_HOME": str(tmp_path / "new")})
    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: Assistant(settings).tables.library.count(), range(3)))
    assert counts[0] > 300
    assert len(set(counts)) == 1


# --- painting -----------------------------------------------------------------------------------------------------


@pytest.fixture
def running(home: Path, tiny: str) -> Iterator[tuple[Assistant, list[tuple[int, int, int]], threading.Event]]:
    """An assistant whose worker paints with the tiny model, what it told of its steps, and that a job has ended."""
    steps: list[tuple[int, int, int]] = []
    ended = threading.Event()
    assistant = Assistant(
        load_settings({"EASEL_HOME": str(home), "EASEL_MODEL": tiny}),
        on_progress=lambda *told: steps.append(told),
        on_ended=lambda job: ended.set(),
    )
    yield assistant, steps, ended
    assistant.stop()


def test_the_worker_paints_what_was_asked_for(
    running: tuple[Assistant, list[tuple[int, int, int]], threading.Event], incoming: Make
) -> None:
    assistant, steps, ended = running
    job = requested(assistant, incoming("two red apples"))
    assistant.start()
    assert ended.wait(60)
    job = assistant.job(job.id)
    assert (job.status, job.error) == ("done", "")
    pictures = assistant.pictures(job.id)
    assert [picture.seed for picture in pictures] == list(job.seeds)
    assert all(Path(picture.path).read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert {told[0] for told in steps} == {job.id}
    assert steps[-1][1] == steps[-1][2]
    assert [delivery.job.id for delivery in assistant.undelivered()] == [job.id]


def test_a_job_that_fails_is_delivered_as_well(
    running: tuple[Assistant, list[tuple[int, int, int]], threading.Event], incoming: Make
) -> None:
    assistant, _, ended = running
    assistant.set_model(CHAT, "gone")
    requested(assistant, incoming("a cat"))
    assistant.start()
    assert ended.wait(60)
    (delivery,) = assistant.undelivered()
    assert delivery.job.status == "failed"
    assert "/nowhere/gone" in delivery.job.error


def test_deliveries_are_owed_until_all_parts_are_sent(assistant: Assistant, incoming: Make, tmp_path: Path) -> None:
    message = incoming("a cat")
    job = requested(assistant, message)
    assert assistant.undelivered() == []
    painted(assistant, job, tmp_path)
    (delivery,) = assistant.undelivered()
    assert (delivery.chat, delivery.message, delivery.sent) == (message.chat, message.message, {})
    assert assistant.undelivered("terminal") == []
    assistant.mark_sent(job.id, "pictures", "17")
    assert assistant.delivery(job.id).sent == {"pictures": "17"}
    assistant.delivered(job.id)
    assert assistant.undelivered() == []
    with pytest.raises(EaselError, match="not owed"):
        assistant.delivery(99)


def test_again_is_the_same_prompt_with_another_seed_for_whoever_asks(assistant: Assistant, incoming: Make) -> None:
    first = requested(assistant, incoming("画一只猫"))
    answer = assistant.again(first.id, incoming("", user=OTHER))
    assert answer.job is not None
    assert answer.language == "zh"
    assert (answer.job.prompt, answer.job.extra) == (first.prompt, first.extra)
    assert answer.job.seed != first.seed
    assert (answer.job.owner, answer.job.status) == (OTHER, "queued")
    with pytest.raises(NoSuchJob):
        assistant.again(99, incoming(""))


def test_cancel_ends_all_of_a_persons_jobs_and_nobody_elses(assistant: Assistant, incoming: Make) -> None:
    mine = [requested(assistant, incoming(text)) for text in ("a cat", "a dog")]
    other = requested(assistant, incoming("a cow", user=OTHER))
    assert assistant.cancel(USER) == 2
    assert [assistant.job(job.id).status for job in mine] == ["cancelled"] * 2
    assert assistant.job(other.id).status == "queued"
    assert assistant.cancel(USER) == 0


def test_forget_deletes_pictures_of_ones_own(assistant: Assistant, incoming: Make, tmp_path: Path) -> None:
    job = painted(assistant, requested(assistant, incoming("a cat")), tmp_path)
    (picture,) = assistant.pictures(job.id)
    with pytest.raises(NotYours):
        assistant.forget(job.id, OTHER)
    assert Path(picture.path).exists()
    assistant.forget(job.id, USER)
    assert not Path(picture.path).exists()
    assistant.forget(job.id, "telegram:1")  # an admin, and there is nothing left


# --- learning -----------------------------------------------------------------------------------------------------

REQUEST = "a violet hippopotamus on roller skates"


def ids_for(assistant: Assistant, owner: str) -> list[int]:
    writer, profile = assistant.tables.writer, assistant.profile("sd15")
    return [hit.prompt.id for hit in writer.write(REQUEST, profile, owner=owner).hits]


def prompt_id(assistant: Assistant, job: Job) -> int:
    (found,) = [row for row in assistant.tables.library.list(source="painted", removed=True) if row.text == job.prompt]
    return found.id


def test_a_rated_prompt_is_found_by_its_owner_and_by_others_once_one_of_them_likes_it(
    assistant: Assistant, incoming: Make
) -> None:
    job = requested(assistant, incoming(REQUEST))
    count = assistant.tables.library.count()
    rated = assistant.rate(job.id, USER, 5)
    assert (rated.value, rated.ratings) == (5, 1)
    assert rated.score > 3
    assert assistant.tables.library.count() == count + 1
    new = prompt_id(assistant, job)
    assert ids_for(assistant, USER)[0] == new
    assert new not in ids_for(assistant, OTHER)
    assert assistant.rate(job.id, OTHER, 5).ratings == 2
    assert ids_for(assistant, "telegram:9")[0] == new


def test_the_next_request_borrows_from_what_was_rated(assistant: Assistant, incoming: Make) -> None:
    first = requested(assistant, incoming(f"{REQUEST}, rim light"))
    assistant.rate(first.id, USER, 5)
    job = requested(assistant, incoming(REQUEST, chat="telegram:90"))
    used = [source for source in job.extra["sources"] if source["used"]]
    assert prompt_id(assistant, first) in {source["id"] for source in used}
    assert "rim light" in job.prompt
    assert f"#{prompt_id(assistant, first)}" in assistant.why(job.id, "en")


def test_ratings_change_the_rank(assistant: Assistant, incoming: Make) -> None:
    job = requested(assistant, incoming(REQUEST))
    twin = requested(assistant, incoming(REQUEST + ", risograph print"))
    for one in (job, twin):
        assistant.rate(one.id, OTHER, 4)
    both = [prompt_id(assistant, job), prompt_id(assistant, twin)]
    for worse, better in ((0, 1), (1, 0)):
        for who in ("telegram:20", "telegram:21"):
            assistant.rate((job, twin)[worse].id, who, 3)
            assistant.rate((job, twin)[better].id, who, 5)
        found = [found for found in ids_for(assistant, "telegram:9") if found in both]
        assert found == [both[better], both[worse]]


def test_the_same_value_once_more_withdraws_a_rating_and_another_replaces_it(
    assistant: Assistant, incoming: Make
) -> None:
    job = requested(assistant, incoming(REQUEST))
    assert [assistant.rate(job.id, OTHER, value).value for value in (5, 4, 4, 4)] == [5, 4, 0, 4]
    rated = assistant.rate(job.id, OTHER, 4)
    assert (rated.value, rated.ratings, rated.score) == (0, 0, 3.0)


@pytest.mark.parametrize("value", [0, 6, -1])
def test_a_rating_off_the_scale_is_refused_and_adds_nothing(assistant: Assistant, incoming: Make, value: int) -> None:
    job = requested(assistant, incoming(REQUEST))
    with pytest.raises(EaselError, match="from 1 to 5"):
        assistant.rate(job.id, USER, value)
    assert assistant.tables.library.list(source="painted") == []


def test_a_removed_prompt_is_not_found_and_rating_does_not_bring_it_back(assistant: Assistant, incoming: Make) -> None:
    job = requested(assistant, incoming(REQUEST))
    assistant.rate(job.id, USER, 5)
    new = prompt_id(assistant, job)
    assistant.tables.library.remove(new)
    assert new not in ids_for(assistant, USER)
    assistant.rate(job.id, OTHER, 5)
    assert new not in ids_for(assistant, OTHER)
    assert prompt_id(assistant, job) == new


def test_another_process_sees_a_rating_at_once(assistant: Assistant, settings: Settings, incoming: Make) -> None:
    other = Assistant(settings)
    ids_for(other, USER)
    job = requested(assistant, incoming(REQUEST))
    assistant.rate(job.id, USER, 5)
    assert ids_for(other, USER)[0] == prompt_id(assistant, job)


def test_a_prompt_that_is_in_the_library_already_is_rated_there(assistant: Assistant, incoming: Make) -> None:
    assistant.set_raw(CHAT, True)
    seed = assistant.tables.library.list(source="seed", dialect="tags", limit=1)[0]
    known, _ = assistant.tables.library.add(LibraryPrompt(0, seed.text, dialect="tags", family="sd15"))
    job = requested(assistant, incoming(seed.text))
    count = assistant.tables.library.count()
    assistant.rate(job.id, USER, 5)
    assert assistant.tables.library.count() == count
    assert assistant.tables.library.get(known).ratings == 1


# --- chats, people, failures --------------------------------------------------------------------------------------


def test_a_chat_chooses_its_model_and_its_language(assistant: Assistant, incoming: Make) -> None:
    assistant.set_model(CHAT, "sdxl")
    assistant.set_language(CHAT, "en")
    answer = assistant.answer(incoming("画一只猫"))
    assert answer.job is not None
    assert (answer.job.model, answer.job.width, answer.language) == ("sdxl", 1024, "en")
    assert assistant.chat_settings("telegram:71").model == "sd15"
    with pytest.raises(ModelMissing, match="nope"):
        assistant.set_model(CHAT, "nope")


def test_a_model_that_is_gone_does_not_lock_a_chat_out(assistant: Assistant) -> None:
    assistant.tables.store.set_chat(CHAT, model="removed-since")
    assert assistant.chat_settings(CHAT).model == "sd15"


def test_a_brief_of_another_version_does_not_lock_a_chat_out(
    assistant: Assistant, incoming: Make, caplog: pytest.LogCaptureFixture
) -> None:
    assistant.tables.store.set_chat(CHAT, brief='{"kind": "image", "moods": []}')
    assert requested(assistant, incoming("a cat")).prompt.startswith("cat")
    assert "another version" in caplog.text
    assert "watercolor" in requested(assistant, incoming("watercolor style")).prompt


def test_the_blocked_are_known(assistant: Assistant) -> None:
    assistant.tables.blocked.block(USER, "telegram:1")
    assert assistant.is_blocked(USER, "") and not assistant.is_blocked("telegram:9", "")
    assert assistant.is_admin("telegram:1") and not assistant.is_admin(USER)


def test_stats_count_everything(assistant: Assistant, incoming: Make) -> None:
    job = requested(assistant, incoming("a cat"))
    assistant.rate(job.id, USER, 4)
    stats = assistant.stats()
    assert (stats["jobs_queued"], stats["ratings"], stats["people"], stats["owed"]) == (1, 1, 1, 1)
    assert stats["prompts"] > 300


def test_a_damaged_index_is_built_anew(assistant: Assistant, settings: Settings) -> None:
    for path in settings.index.rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    tables = assistant.tables
    assert retrieve(tables.library, assistant.index, "a cat")
    assert assistant.index.verify(tables.library) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "nope"}, ModelMissing),
        ({"home": Path("/proc/easel")}, SettingsError),
    ],
)
def test_settings_that_cannot_be_used_are_told_at_the_start(
    settings: Settings, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Assistant(replace(settings, **changes))  # type: ignore[arg-type]


def test_an_embedder_that_is_not_named_is_told(settings: Settings) -> None:
    with pytest.raises(EmbedderError, match="EASEL_EMBEDDER"):
        _ = Assistant(replace(settings, embedder=" ")).tables
