"""Switching off what easel adds: in a conversation, in one picture painted again, for ever, and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from click.testing import Result
from conftest import CHAT, USER

from bot.assistant import Assistant
from bot.errors import EaselError
from bot.messages import Incoming
from bot.settings import Settings
from bot.switches import added, folded, repainted
from bot.terminal import Terminal
from bot.writer import target_of
from pipeline.jobs import Job

Make = Callable[..., Incoming]
OTHER = "telegram:8"


def requested(assistant: Assistant, incoming: Incoming) -> Job:
    assistant.accept(incoming)
    answer = assistant.answer(incoming)
    assert answer.job is not None, answer.text
    return answer.job


def parts(job: Job) -> list[str]:
    return [*job.prompt.split(", "), *job.negative.split(", ")]


def borrowed(job: Job) -> list[str]:
    return [tag["text"] for tag in job.extra["tags"] if tag["origin"].startswith("library:")]


def number_of(job: Job, text: str) -> int:
    return [one.tag.text for one in added(job)].index(text)


def switch(assistant: Assistant, job: Job, text: str) -> bool:
    tag, on = assistant.tables.switches.toggle(job, number_of(job, text), CHAT, USER)
    assert tag == text
    return on


@pytest.fixture
def job(assistant: Assistant, incoming: Make) -> Job:
    job = requested(assistant, incoming("a red apple"))
    assert borrowed(job)
    return job


def test_only_what_was_added_can_be_switched(assistant: Assistant, job: Job) -> None:
    texts = [text for text, _, _ in assistant.tables.switches.states(job, CHAT, USER)]
    assert "red apple" not in texts
    assert set(borrowed(job)) <= set(texts)
    with pytest.raises(EaselError):
        assistant.tables.switches.toggle(job, len(texts), CHAT, USER)


def test_what_is_off_stays_off_while_the_conversation_goes_on(assistant: Assistant, incoming: Make, job: Job) -> None:
    first, *others = borrowed(job)
    assert not switch(assistant, job, first)
    for change in ("16:9", "make it deep red", "add a leaf"):
        later = requested(assistant, incoming(change))
        assert first not in parts(later)
        assert borrowed(later) == others, "nothing comes in its place"
    assert "Switched off: " + first in assistant.why(later.id, "en")


def test_a_new_request_begins_anew(assistant: Assistant, incoming: Make, job: Job) -> None:
    first = borrowed(job)[0]
    switch(assistant, job, first)
    requested(assistant, incoming("now draw a horse instead"))
    assert first in parts(requested(assistant, incoming("draw a red apple")))
    assert assistant.tables.switches.off(CHAT, USER) == frozenset()


def test_all_of_it_can_be_off(assistant: Assistant, incoming: Make, job: Job) -> None:
    for text, _, _ in assistant.tables.switches.states(job, CHAT, USER):
        switch(assistant, job, text)
    later = requested(assistant, incoming("16:9"))
    assert (later.prompt, later.negative) == ("red apple", "")


def test_painted_again_with_the_switches_it_is_the_same_but_for_them(
    assistant: Assistant, incoming: Make, job: Job
) -> None:
    first = borrowed(job)[0]
    switch(assistant, job, first)
    answer = assistant.again(job.id, incoming("button"), switched=True)
    assert answer.job is not None
    assert parts(answer.job) == [part for part in parts(job) if part != first]
    assert (answer.job.seed, answer.job.width, answer.job.owner) == (job.seed, job.width, USER)
    assert (first, False, False) in assistant.tables.switches.states(answer.job, CHAT, USER)
    assert assistant.tables.switches.states(job, CHAT, USER)[number_of(job, first)] == (first, False, True)


def test_switched_on_again_it_is_what_it_was(assistant: Assistant, incoming: Make, job: Job) -> None:
    for text, _, _ in assistant.tables.switches.states(job, CHAT, USER):
        assert not switch(assistant, job, text)
    bare = assistant.again(job.id, incoming("button"), switched=True).job
    assert bare is not None and bare.prompt == "red apple"
    for text, _, _ in assistant.tables.switches.states(bare, CHAT, USER):
        assert switch(assistant, bare, text)
    full = assistant.again(bare.id, incoming("button"), switched=True).job
    assert full is not None
    assert sorted(parts(full)) == sorted(parts(job))


def test_switches_are_a_chats_own(assistant: Assistant, incoming: Make, job: Job) -> None:
    first = borrowed(job)[0]
    switch(assistant, job, first)
    elsewhere = requested(assistant, incoming("a red apple", chat="telegram:80", user=OTHER))
    assert first in parts(requested(assistant, incoming("16:9", chat="telegram:80", user=OTHER)))
    assert first in parts(elsewhere)


def test_what_a_person_never_wants_is_not_added_for_them_alone(
    assistant: Assistant, settings: Settings, incoming: Make, job: Job
) -> None:
    first = borrowed(job)[0]
    switch(assistant, job, first)
    assert assistant.tables.switches.keep_off(job, CHAT, USER) == [first]
    restarted = Assistant(settings)
    requested(restarted, incoming("now draw a horse instead"))
    assert restarted.tables.switches.off(CHAT, USER) == {first}
    assert first not in parts(requested(restarted, incoming("draw a red apple")))
    assert first in parts(requested(restarted, incoming("a red apple", chat="telegram:80", user=OTHER)))
    assert switch(assistant, job, first), "the switch brings it back"
    assert first in parts(requested(restarted, incoming("16:9")))


def test_never_and_allow_in_words(assistant: Assistant) -> None:
    assert "Nothing is kept off" in assistant.tables.switches.named("", USER, "en")
    assert "rim light, soft focus" in assistant.tables.switches.named("Soft  Focus, rim light", USER, "en")
    assert assistant.tables.switches.never(USER) == {"soft focus", "rim light"}
    assert "又可以加了" in assistant.tables.switches.named("SOFT focus", USER, "zh", allow=True)
    assert "was not off" in assistant.tables.switches.named("soft focus", USER, "en", allow=True)
    assert len(assistant.tables.switches.named("猫" * 90_000, USER, "zh")) < 1000


def test_quality_words_in_front_and_the_negative_prompt_can_be_switched_too(assistant: Assistant) -> None:
    quality, negatives = ("masterpiece", "best quality"), ("lowres", "bad anatomy")
    profile = replace(assistant.profile("sdxl"), dialect="booru", quality=quality, negative_default=negatives)
    assistant.profiles["sdxl"] = profile
    job = assistant.job_for(assistant.tables.writer.write("a cat girl", profile), profile.id, USER)
    front, negative = quality[0], negatives[0]
    bare = repainted(job, target_of(profile), {folded(front), folded(negative)})
    assert front not in parts(bare) and negative not in bare.negative.split(", ")
    assert parts(repainted(bare, target_of(profile), ()))[0] == front


def test_jobs_of_earlier_versions_have_switches_too(assistant: Assistant, job: Job) -> None:
    extra = {key: value for key, value in job.extra.items() if key != "negatives"}
    old = Job("sd15", "cat, glow", 64, 64, 1, 2, 7.0, extra={**extra, "dropped": [{"text": "x", "reason": "budget"}]})
    assert {one.tag.text for one in added(old)} >= set(borrowed(job))
    assert repainted(old, target_of(assistant.profile("sd15")), {folded(borrowed(job)[0])}).extra["dropped"]


# --- the terminal and the command line ----------------------------------------------------------------------------


@pytest.fixture
def terminal(tiny: str) -> Iterator[Terminal]:
    terminal = Terminal(tiny)
    yield terminal
    terminal.assistant.tables.db.close()


def test_the_terminal_switches_off_and_paints_again(terminal: Terminal) -> None:
    terminal.answer("a red apple")
    assert terminal.job is not None
    first, seed = borrowed(terminal.job)[0], terminal.job.seed
    assert first not in terminal.answer(f"/without {first.upper()}")
    assert (first in terminal.job.prompt, terminal.job.seed) == (False, seed)
    assert first not in terminal.answer("16:9")
    assert "No tag “a rhino” was added" in terminal.answer("/without a rhino")
    terminal.answer("now draw a horse instead")
    assert first in terminal.answer("now draw a red apple instead")
    terminal.answer(f"/never {first}")
    assert first not in terminal.answer("16:9")
    terminal.answer(f"/allow {first}")
    assert "only your own words" in terminal.answer("/amount none")
    terminal.answer("now draw a horse instead")
    assert borrowed(terminal.job) == []
    assert "none" in terminal.answer("/amount")


def test_rewrite_leaves_out_what_it_is_told_to(easel: Callable[..., Result]) -> None:
    tags = json.loads(easel("rewrite", "a red apple", "--json").stdout)["tags"]
    first = next(tag["text"] for tag in tags if tag["origin"].startswith("library:"))
    result = easel("rewrite", "a red apple", "--json", "--without", first, "--without", "rhino")
    answer = json.loads(result.stdout)
    assert first not in answer["prompt"]
    assert answer["dropped"] == [{"text": first, "reason": "off"}]
    assert result.stderr.strip() == "No tag 'rhino' was added to this prompt; --explain shows those that are."


def test_draw_leaves_out_what_it_is_told_to(easel: Callable[..., Result], tiny: str) -> None:
    def drawn(*options: str) -> list[str]:
        return [
            tag["text"]
            for tag in json.loads(easel("draw", "a red apple", "--model", tiny, "--json", *options).stdout)["tags"]
        ]

    first, *others = drawn()[1:]
    assert drawn("--without", first)[1:] == others
    assert drawn("--amount", "none", "--without", first) == ["red apple"]


def test_rewrite_borrows_as_much_as_it_is_told_to(easel: Callable[..., Result]) -> None:
    def lent(amount: str) -> int:
        tags = json.loads(easel("rewrite", "a red apple", "--json", "--amount", amount).stdout)["tags"]
        return sum(tag["origin"].startswith("library:") for tag in tags)

    assert lent("none") == 0 < lent("little") < lent("lot")
    assert easel("rewrite", "x", "--amount", "heaps").exit_code == 2


@pytest.mark.parametrize(
    "text", ["a red apple", "画一只戴红帽子的猫,不要文字,16:9", "two dogs in the snow, oil painting"]
)
@pytest.mark.parametrize("model", ["doodle", "sd15", "sdxl", "flux-dev", "booru", "chinese", "midjourney"])
def test_with_all_switches_as_they_were_it_is_the_same_prompt(assistant: Assistant, model: str, text: str) -> None:
    base = assistant.profile("sdxl")
    profile = assistant.profiles.get(model) or replace(base, id=model, dialect=model, quality=("best quality",))
    assistant.profiles[model] = profile
    writer = assistant.tables.writer
    job = assistant.job_for(writer.write(text, profile, amount="lot"), model, USER)
    again = repainted(job, target_of(profile), ())
    assert (again.prompt.removesuffix(f" --seed {job.seed}"), again.negative) == (job.prompt, job.negative)
    off = {folded(one.tag.text) for one in added(job)}
    bare = writer.write(text, profile, amount="lot", without=off).prompt
    assert bare is not None
    without = repainted(job, target_of(profile), off)
    assert (without.prompt.removesuffix(f" --seed {job.seed}"), without.negative) == (bare.positive, bare.negative)
