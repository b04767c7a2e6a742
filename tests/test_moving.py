"""A group that becomes a supergroup under a running bot, claims that one did, and buttons older than Telegram tells."""

from __future__ import annotations

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

GROUP, SUPERGROUP, ELSEWHERE = -500, -1_000_000_000_500, -1_000_000_000_666


@pytest.fixture
def bot(api: BotApi, bot_home: Path) -> Iterator[RunningBot]:
    with RunningBot(api, bot_home) as running:
        yield running


def ask(api: BotApi, chat: int, kind: str) -> None:
    api.say(1, f"@{api.me['username']} a cat", chat=chat, chat_type=kind)


def painted(api: BotApi, chat: int, count: int = 1) -> dict[str, Any]:
    return api.wait_for(lambda: len(found := api.messages(chat, "photo")) >= count and found[-1])


def upgrade(api: BotApi) -> None:
    """As Telegram does it: the old name answers with the new one."""
    api.chat(SUPERGROUP, "supergroup")
    api.chats[GROUP]["migrated_to"] = SUPERGROUP


def tell(api: BotApi, user: int, old: int, kind: str, new: int) -> None:
    """The service message that tells of an upgrade."""
    chat = {"id": old, "type": kind, "title": "G", "first_name": "P"}
    person = {"id": user, "is_bot": False, "first_name": "P"}
    content = {"message_id": 9, "date": 1, "chat": chat, "from": person, "migrate_to_chat_id": new}
    before = api.push("message", content)
    api.wait_for(lambda: not any(update["update_id"] == before for update in api._updates))


def test_a_group_that_becomes_a_supergroup_gets_its_picture_and_keeps_its_settings(
    api: BotApi, bot: RunningBot
) -> None:
    """It moves while its picture is being painted, and the bot learns of it when it wants to send."""
    bot.assistant.set_model(f"telegram:{GROUP}", "slow")
    ask(api, GROUP, "group")
    api.wait_for(lambda: bot.assistant.tables.queue.counts()["running"])
    upgrade(api)
    sent = painted(api, SUPERGROUP)
    assert "slow" in sent["caption"]
    assert bot.assistant.chat_settings(f"telegram:{SUPERGROUP}").model == "slow"
    assert not bot.assistant.knows_chat(f"telegram:{GROUP}")
    query = api.press(1, sent, "⭐5")
    assert "5" in api.wait_for(lambda: api.answers.get(query))["text"]
    assert len(api.messages(SUPERGROUP, "photo")) == 1 and not api.messages(GROUP, "photo")


def test_what_a_press_asks_for_follows_its_group(api: BotApi, bot: RunningBot) -> None:
    ask(api, GROUP, "group")
    sent = painted(api, GROUP)
    api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
    upgrade(api)
    api.press(1, sent, "Why")
    why = api.wait_for(lambda: api.messages(SUPERGROUP, "text"))
    assert len(why) == 1 and "cat" in why[0]["text"]
    api.wait_for(lambda: not bot.assistant.tables.store.waiting())


def test_the_service_message_alone_moves_a_group(api: BotApi, bot: RunningBot) -> None:
    ask(api, GROUP, "group")
    painted(api, GROUP)
    bot.assistant.set_amount(f"telegram:{GROUP}", "lot")
    bot.assistant.tables.blocked.block("telegram:-77", "cli")
    upgrade(api)
    tell(api, 1, GROUP, "group", SUPERGROUP)
    tell(api, 1, -77, "group", ELSEWHERE)
    api.wait_for(lambda: bot.assistant.chat_settings(f"telegram:{SUPERGROUP}").amount == "lot")
    api.wait_for(lambda: bot.assistant.is_blocked("telegram:1", f"telegram:{ELSEWHERE}"))


@pytest.mark.parametrize(("old", "kind"), [(1, "private"), (SUPERGROUP, "supergroup"), (-12345, "group")])
def test_a_claim_that_cannot_be_true_moves_nothing(api: BotApi, bot: RunningBot, old: int, kind: str) -> None:
    """Only groups become supergroups, and of one that was never here there is nothing to take along."""
    known = -12345 if kind != "group" else GROUP
    for chat in (1, SUPERGROUP, known):
        bot.assistant.set_amount(f"telegram:{chat}", "lot")
    bot.assistant.set_amount(f"telegram:{ELSEWHERE}", "none")
    tell(api, 66, old, kind, ELSEWHERE)
    api.say(1, "/help")
    api.wait_for(lambda: api.messages(1))
    assert bot.assistant.chat_settings(f"telegram:{ELSEWHERE}").amount == "none"
    assert all(bot.assistant.chat_settings(f"telegram:{chat}").amount == "lot" for chat in (1, SUPERGROUP, known))


def test_a_button_so_old_that_telegram_tells_only_its_number_works(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a cat")
    sent = painted(api, 1)
    person = {"id": 1, "is_bot": False, "first_name": "P", "language_code": "en"}
    for number, data in enumerate(("r:1:4", "a:1"), 1):
        api._queries.add(str(number))
        old = {"chat": sent["chat"], "message_id": sent["message_id"], "date": 0}
        content = {"id": str(number), "from": person, "message": old, "chat_instance": "1", "data": data}
        api.push("callback_query", content)
    assert "4" in api.wait_for(lambda: api.answers.get("1"))["text"]
    assert bot.assistant.stats()["ratings"] == 1
    painted(api, 1, 2)


def test_what_breaks_while_an_update_is_let_in_does_not_end_the_fetching(api: BotApi, bot: RunningBot) -> None:
    def broken(chat: str) -> bool:
        raise RuntimeError("an inner detail")

    bot.assistant.knows_chat = broken  # type: ignore[method-assign]
    tell(api, 1, GROUP, "group", SUPERGROUP)
    api.say(1, "/help")
    api.wait_for(lambda: api.messages(1))
