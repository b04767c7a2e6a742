"""Switches, promotion and being forgotten, over real HTTP against the tests' Bot API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from running_bot import RunningBot

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("small_embedder"),
]


@pytest.fixture
def bot(api: BotApi, bot_home: Path) -> Iterator[RunningBot]:
    with RunningBot(api, bot_home, EASEL_ADMINS="9") as running:
        yield running


def photo(api: BotApi, chat: int, count: int = 1) -> dict[str, Any]:
    return api.wait_for(lambda: len(found := api.messages(chat, "photo")) >= count and found[count - 1])


def text(api: BotApi, chat: int, part: str) -> dict[str, Any]:
    return api.wait_for(lambda: next((m for m in api.messages(chat, "text") if part in m["text"]), None))


def labels(message: dict[str, Any]) -> list[str]:
    return [button["text"] for row in message["reply_markup"]["inline_keyboard"] for button in row]


def pressed(api: BotApi, user: int, message: dict[str, Any], button: str) -> str:
    """What the bot says about a press."""
    query = api.press(user, message, button, language_code="en")
    return str(api.wait_for(lambda: api.answers.get(query)).get("text", ""))


def why(api: BotApi, user: int) -> dict[str, Any]:
    api.say(user, "a red apple")
    pressed(api, user, photo(api, user), "Why")
    return text(api, user, "You wrote")


def relabelled(api: BotApi, chat: int, part: str, label: str) -> dict[str, Any]:
    return api.wait_for(lambda: (m := text(api, chat, part)) and label in " ".join(labels(m)) and m)


def test_a_tag_is_switched_off_and_the_picture_painted_without_it(api: BotApi, bot: RunningBot) -> None:
    answer = why(api, 1)
    tag = labels(answer)[0].removeprefix("✅ ")
    assert tag in photo(api, 1)["caption"]
    assert "is off" in pressed(api, 1, answer, tag)
    answer = relabelled(api, 1, "You wrote", f"⬜ {tag}")
    api.press(1, answer, "Paint it like this", language_code="en")
    assert tag not in photo(api, 1, 2)["caption"]
    assert tag in pressed(api, 1, answer, "Never add")
    api.say(1, "/never", language_code="en")
    assert tag in text(api, 1, "Never added for you")["text"].lower()
    assert "is on again" in pressed(api, 1, answer, tag)
    api.say(1, "/amount none", language_code="en")
    text(api, 1, "only your own words")


def test_an_admin_promotes_a_prompt_and_others_are_not_offered_to(api: BotApi, bot: RunningBot) -> None:
    assert not any("everybody" in label for label in labels(why(api, 1)))
    answer = why(api, 9)
    assert "now serves everybody" in pressed(api, 9, answer, "Use for everybody")
    answer = relabelled(api, 9, "You wrote", "Keep from others")
    assert "kept from" in pressed(api, 9, answer, "Keep from others")
    api.press_data(1, photo(api, 1), "p:1")
    promoted = bot.assistant.tables.db.execute("SELECT sum(eligible) FROM prompts WHERE source = 'painted'").fetchone()
    assert promoted == (0,)


def test_a_person_gets_everything_and_is_forgotten(api: BotApi, bot: RunningBot) -> None:
    why(api, 1)
    pressed(api, 1, photo(api, 1), "5")
    api.say(1, "/forget_me", language_code="en")
    document = api.wait_for(lambda: next(iter(api.messages(1, "document")), None))
    found = json.loads(api.files[document["document"]["file_id"]])
    assert [job["owner"] for job in found["jobs"]] == ["telegram:1"]
    assert (len(found["prompts"]), len(found["ratings"])) == (1, 1)
    picture = Path(found["pictures"][0]["path"])
    assert picture.exists()
    message = api.wait_for(lambda: next((m for m in api.messages(1) if "Delete everything" in str(m)), None))
    assert "is deleted" in pressed(api, 1, message, "Delete everything")
    assert not picture.exists()
    rest = {name: rows for name, rows in bot.assistant.about_person("telegram:1").items() if isinstance(rows, list)}
    assert not any(rest.values())
    api.say(1, "a blue cat")
    assert "cat" in photo(api, 1, 2)["caption"]


def test_groups_are_told_to_ask_in_private(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/forget_me", chat=-100500, chat_type="supergroup", language_code="en")
    assert "in private" in text(api, -100500, "private")["text"]


def test_a_picture_being_painted_stops_when_its_person_is_forgotten(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/model slow", language_code="en")
    text(api, 1, "slow")
    api.say(1, "a red apple")
    api.wait_for(lambda: bot.assistant.tables.queue.counts()["running"])
    api.say(1, "/forget_me", language_code="en")
    message = api.wait_for(lambda: next((m for m in api.messages(1) if "Delete everything" in str(m)), None))
    assert "is deleted" in pressed(api, 1, message, "Delete everything")
    assert sum(bot.assistant.tables.queue.counts().values()) == 0
    assert list(bot.settings.images.rglob("*.png")) == []
    api.say(2, "a blue cat")
    assert "cat" in photo(api, 2)["caption"]


def test_a_press_served_just_before_a_crash_is_not_served_again(api: BotApi, bot_home: Path) -> None:
    """A rating, a switch and a promotion each turn something over; done and not yet noted, they come again."""
    cut_short = RunningBot(api, bot_home, EASEL_ADMINS="9")

    def crashes(assistant: Any) -> None:
        answered = assistant.answered
        assistant.answered = lambda key: None if ":press:" in key else answered(key)

    cut_short.change = crashes
    with cut_short:
        answer = why(api, 9)
        tag = labels(answer)[0].removeprefix("✅ ")
        pressed(api, 9, photo(api, 9), "4")
        assert "is off" in pressed(api, 9, answer, tag)
        assert "now serves everybody" in pressed(api, 9, answer, "Use for everybody")
    with RunningBot(api, bot_home, EASEL_ADMINS="9") as bot:
        api.wait_for(lambda: not bot.assistant.tables.store.waiting())
        tables, job = bot.assistant.tables, bot.assistant.job(1)
        assert bot.assistant.learning.rated(job, "telegram:9").value == 4
        assert tables.switches.off("telegram:9") == {tag.lower()}
        assert bot.assistant.learning.serves_everybody(job)
        assert "withdrawn" in pressed(api, 9, photo(api, 9), "4"), "a new press is a new word"
