"""From a text to a prompt, with the real library, index and embedder."""

from __future__ import annotations

import pytest
from conftest import USER
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.assistant import Assistant
from bot.writer import MAX_SEED, MAX_TEXT, SHOWN, Writer, Written, clean, new_seed, sources_json, target_of
from promptlib.brief import Brief
from promptlib.errors import RequestError
from promptlib.records import LibraryPrompt


@pytest.fixture
def writer(assistant: Assistant) -> Writer:
    return assistant.tables.writer


def write(assistant: Assistant, text: str, model: str = "sd15", **options: object) -> Written:
    return assistant.tables.writer.write(text, assistant.profile(model), **options)  # type: ignore[arg-type]


def test_a_prompt_with_its_sources_and_times(assistant: Assistant) -> None:
    written = write(assistant, "帮我画一只红色的苹果")
    assert written.prompt is not None
    assert written.prompt.positive.startswith("red apple, ")
    assert written.brief.text == "帮我画一只红色的苹果"
    assert set(written.seconds) == {"understand", "retrieve", "compose"}
    assert all(seconds >= 0 for seconds in written.seconds.values())
    assert [hit.rank for hit in written.hits] == sorted((hit.rank for hit in written.hits), reverse=True)


def test_amount_sets_how_much_is_borrowed(assistant: Assistant) -> None:
    def borrowed(amount: str) -> int:
        prompt = write(assistant, "a red apple", amount=amount).prompt
        assert prompt is not None
        return sum(tag.origin.startswith("library:") for tag in prompt.tags)

    assert borrowed("none") == 0
    assert 0 < borrowed("little") <= 3
    assert borrowed("little") <= borrowed("lot")


def test_raw_is_left_alone_and_nothing_is_looked_up(assistant: Assistant) -> None:
    written = write(assistant, "  thank you, 谢谢 ", raw=True)
    assert written.prompt is not None
    assert written.prompt.positive == "thank you, 谢谢"
    assert written.hits == ()


def test_talk_has_no_prompt(assistant: Assistant) -> None:
    written = write(assistant, "你好")
    assert (written.prompt, written.hits) == (None, ())
    assert written.brief.kind == "chat"
    assert sources_json(written) == []


def test_a_refinement_starts_from_the_brief_before(assistant: Assistant) -> None:
    first = write(assistant, "画一只黑猫")
    second = write(assistant, "换成白猫", previous=first.brief)
    assert second.prompt is not None
    assert "white cat" in second.prompt.positive
    assert "black" not in second.prompt.positive


@pytest.mark.parametrize("change", ["16:9", "make it deep red", "add a leaf"])
def test_a_refinement_keeps_the_look_of_the_picture(assistant: Assistant, change: str) -> None:
    def look(written: Written) -> list[str]:
        return [tag.text for tag in written.prompt.tags if tag.origin.startswith("library:")] if written.prompt else []

    first = write(assistant, "a red apple")
    second = write(assistant, change, previous=Brief.from_dict(first.brief.to_dict()))
    assert look(first) and look(second) == look(first)
    assert [tag.text for tag in second.brief.lent] == look(first)


def test_what_lent_once_is_found_again_until_it_is_removed(assistant: Assistant) -> None:
    library, writer = assistant.tables.library, assistant.tables.writer
    far, _ = library.add(LibraryPrompt(0, "quantum flux diagram"))
    found = {hit.prompt.id: hit for hit in writer.find("a red apple", assistant.profile("sd15"), also=[far])}
    assert -1 <= found[far].similarity < min(hit.similarity for number, hit in found.items() if number != far)
    library.remove(far)
    assert far not in {hit.prompt.id for hit in writer.find("a red apple", assistant.profile("sd15"), also=[far])}


def test_a_model_of_one_size_says_so(assistant: Assistant) -> None:
    written = write(assistant, "a red apple, 16:9", "doodle")
    assert written.prompt is not None
    assert (written.prompt.width, written.prompt.height) == (256, 256)
    assert dict(written.prompt.notes)["fixed_size"]["used"] == "256x256"
    plain = write(assistant, "a red apple", "doodle").prompt
    assert plain is not None
    assert "fixed_size" not in dict(plain.notes)


def test_the_embedded_model_is_given_the_nearest_word_it_knows(assistant: Assistant) -> None:
    name, similarity = assistant.tables.writer.nearest("automobile", ["banana", "car", "cloud"])
    assert name == "car"
    assert 0.3 < similarity <= 1.0


def test_a_dialect_learns_from_its_own_prompts_and_from_tags(assistant: Assistant) -> None:
    dialects = {hit.prompt.dialect for hit in write(assistant, "a girl with a sword", "flux-dev").hits}
    assert "tags" in dialects
    assert dialects <= {"sentence", "tags"}
    assert {hit.prompt.dialect for hit in write(assistant, "a cat").hits} == {"tags"}


def test_prompts_of_another_family_are_not_used(assistant: Assistant) -> None:
    library = assistant.tables.library
    for family in ("sd15", "sdxl", ""):
        library.add(LibraryPrompt(0, f"violet hippopotamus, {family or 'any'}", family=family, prior=5.0))
    found = {hit.prompt.text for hit in write(assistant, "a violet hippopotamus").hits}
    assert {"violet hippopotamus, sd15", "violet hippopotamus, any"} <= found
    assert "violet hippopotamus, sdxl" not in found


def test_sources_put_what_was_used_first_and_leave_out_what_is_far(assistant: Assistant) -> None:
    sources = sources_json(write(assistant, "a red apple", owner=USER))
    used = [source["used"] for source in sources]
    assert used[0]
    assert used == sorted(used, reverse=True)
    assert all(source["used"] or source["similarity"] >= SHOWN for source in sources)


@pytest.mark.parametrize("text", ["", "  \n ", "\0\x01", "\u3000"])
def test_nothing_to_draw(assistant: Assistant, text: str) -> None:
    with pytest.raises(RequestError, match="nothing to draw"):
        write(assistant, text)


def test_far_too_much_to_draw(assistant: Assistant) -> None:
    with pytest.raises(RequestError, match="100,000 characters"):
        write(assistant, "猫" * 100_000)
    assert write(assistant, "cat " * (MAX_TEXT // 4)).prompt


def test_clean_keeps_every_letter_and_drops_what_breaks_things() -> None:
    assert clean(" 画 a 🐈\n\tمرحبا é \u200d") == "画 a 🐈\n\tمرحبا é \u200d"
    assert clean("red \ud800 cat\0dog\x1b[31m") == "red \ufffd cat dog [31m"


HOSTILE = ["😀🍎", "مرحبا", "!!!???", "12345", "\u202ecat\u202c", "\ud83d", "a\0b", "% %s {x} {}", "'); DROP TABLE--"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("model", ["doodle", "sd15", "flux-dev"])
def test_no_text_breaks_anything(assistant: Assistant, text: str, model: str) -> None:
    written = write(assistant, text, model)
    if written.prompt:
        written.prompt.positive.encode()


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(text=st.text(st.characters(), min_size=1, max_size=60), raw=st.booleans())
def test_any_text_is_written_or_refused_in_a_sentence(assistant: Assistant, text: str, raw: bool) -> None:
    try:
        written = write(assistant, text, raw=raw)
    except RequestError:
        return
    assert written.brief.kind in ("image", "refine", "chat", "question", "refused")
    if written.prompt:
        written.prompt.positive.encode()
        assert "\0" not in written.prompt.positive


def test_a_target_says_all_that_promptlib_must_know(assistant: Assistant) -> None:
    for profile in assistant.profiles.values():
        target = target_of(profile)
        assert all(getattr(target, name) == getattr(profile, name) for name in target.__dataclass_fields__)


def test_new_seeds_are_in_range_and_differ() -> None:
    seeds = {new_seed() for _ in range(50)}
    assert len(seeds) > 45
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
