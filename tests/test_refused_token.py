"""A token that Telegram refuses while the bot runs: for a moment, as it does now and then, or for good."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from botapi import TOKEN, BotApi, Fault
from running_bot import RunningBot

from bot.errors import SettingsError
from bot.telegram import app

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("small_embedder"),
]

REFUSED = Fault(401, "Unauthorized")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No long pauses."""
    monkeypatch.setattr(app, "DOUBTS", (0.1, 0.2, 0.2))


def photos(api: BotApi, chat: int) -> list[dict[str, Any]]:
    return api.messages(chat, "photo")


def test_a_refusal_that_passes_ends_nothing_and_loses_nothing(
    api: BotApi, bot_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("deleteWebhook", "getUpdates", "sendMessage", "sendPhoto", "setMyCommands"):
        api.misbehave(method, REFUSED)
    with RunningBot(api, bot_home) as bot:
        api.say(1, "a cat")
        api.wait_for(lambda: photos(api, 1))
        api.misbehave("getUpdates", REFUSED, 2)
        api.say(1, "a dog")
        api.wait_for(lambda: len(photos(api, 1)) == 2)
        api.wait_for(lambda: not bot.assistant.tables.store.owed("telegram"))
    assert not api.faults and len(photos(api, 1)) == 2
    assert "Traceback" not in caplog.text


def test_a_token_refused_for_good_ends_the_bot_and_loses_nothing(api: BotApi, bot_home: Path) -> None:
    bot = RunningBot(api, bot_home, EASEL_MODEL="slow")
    with pytest.raises(SettingsError, match="check EASEL_TELEGRAM_TOKEN"), bot:
        api.say(1, "a cat")
        api.wait_for(lambda: bot.assistant.tables.queue.counts()["running"])
        api.token = TOKEN[:-1] + "1"
        api.wait_for(lambda: bot._done.done())
    assert not photos(api, 1)
    api.token = TOKEN
    with RunningBot(api, bot_home):
        api.wait_for(lambda: photos(api, 1))
    assert len(photos(api, 1)) == 1


def test_a_refusal_is_noticed_where_updates_are_posted_to_the_bot(api: BotApi, bot_home: Path) -> None:
    """With a webhook nothing is fetched, so whatever is called next notices."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hook = {"EASEL_WEBHOOK_URL": f"http://127.0.0.1:{port}/hook", "EASEL_WEBHOOK_PORT": str(port)}
    bot = RunningBot(api, bot_home, **hook)
    with pytest.raises(SettingsError), bot:
        api.wait_for(lambda: api.commands.get("default:zh"))
        api.token = TOKEN[:-1] + "1"
        api.say(1, "a cat")
        api.wait_for(lambda: bot._done.done())
    assert not api.messages(1)
