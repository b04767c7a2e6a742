"""The whole way in Telegram: the real bot process, a Bot API server over HTTP, the embedded model."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from conftest import rows
from PIL import Image

ROOT = Path(__file__).parents[2]
EASEL = Path(sys.executable).with_name("easel")
SECONDS = 120.0
STRANGER = 66
#: Messages answered, chats told that their picture is being painted, pictures being painted.
PAINTING = """
    SELECT (SELECT count(*) FROM inbox WHERE answered != ''),
        (SELECT count(*) FROM deliveries WHERE sent LIKE '%status%'),
        (SELECT count(*) FROM jobs WHERE status = 'running')
"""
SENDING = ("sendMessage", "sendPhoto", "sendDocument", "sendMediaGroup", "answerCallbackQuery", "sendChatAction")

pytestmark = [
    pytest.mark.skipif(
        not (ROOT / "data" / "doodle" / "model_index.json").exists(), reason="the embedded model is not trained yet"
    ),
    pytest.mark.timeout(300),
]


class Process:
    """`easel bot` as people run it, with everything it writes kept."""

    def __init__(self, api: BotApi, home: Path, **environ: str) -> None:
        self.log = home.parent / "bot.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
        own = {"EASEL_HOME": str(home), "EASEL_TELEGRAM_TOKEN": api.token, "EASEL_TELEGRAM_API": api.url}
        with self.log.open("ab") as log:
            command = [EASEL, "bot"]
            self.process = subprocess.Popen(
                command, env={**kept, **own, "EASEL_LOG_LEVEL": "debug", **environ}, stdout=log, stderr=log
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def photo(api: BotApi, chat: int, count: int = 1) -> dict[str, Any]:
    return api.wait_for(lambda: len(found := api.messages(chat, "photo")) >= count and found[-1], SECONDS)


def redness(api: BotApi, message: dict[str, Any]) -> float:
    """How much redder than green and blue a photo is on the whole, in levels of 255."""
    with Image.open(io.BytesIO(api.file(message["photo"][-1]["file_id"]))) as image:
        assert image.size == (256, 256)
        red, green, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    return float(red - max(green, blue))


@pytest.fixture(scope="module")
def api() -> Iterator[BotApi]:
    with BotApi() as server:
        yield server


@pytest.fixture(scope="module")
def database(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(stocked, tmp_path_factory.mktemp("telegram") / "home")) / "easel.db"


@pytest.fixture(scope="module")
def bot(api: BotApi, database: Path) -> Iterator[Process]:
    """One bot for the tests below, for people 1 to 20. When it ends, its log is searched for the token."""
    process = Process(api, database.parent, EASEL_ALLOW=",".join(map(str, range(1, 21))))
    yield process
    assert process.end() == 0
    log = process.log.read_text()
    assert "Calling Bot API endpoint" in log, "it was logged at debug level"
    assert api.token not in log
    assert api.token.partition(":")[2] not in log
    assert "Traceback" not in log


def sources(database: Path, job: int) -> set[int]:
    """The library prompts that were found for a job."""
    ((extra,),) = rows(database, f"SELECT extra FROM jobs WHERE id = {job}")
    return {source["id"] for source in json.loads(str(extra))["sources"]}


def test_a_request_a_picture_a_rating_and_the_next_request(api: BotApi, bot: Process, database: Path) -> None:
    api.say(1, "帮我画一只红色的苹果")
    sent = photo(api, 1)
    assert "red apple" in sent["caption"]
    assert "种子" in sent["caption"]
    assert redness(api, sent) > 15
    buttons = [button for row in sent["reply_markup"]["inline_keyboard"] for button in row]
    assert len(buttons) == 10

    ((before,),) = rows(database, "SELECT count(*) FROM prompts")
    query = api.press(1, sent, "⭐5")
    assert "5" in api.wait_for(lambda: api.answers.get(query), SECONDS)["text"]
    ((after, new),) = rows(database, "SELECT count(*), max(id) FROM prompts")
    assert after == int(str(before)) + 1

    api.say(1, "a bright red apple", language_code="en")
    again = photo(api, 1, 2)
    assert "Seed" in again["caption"]
    assert new not in sources(database, 1)
    assert new in sources(database, 2)

    query = api.press(1, sent, "📄")
    api.wait_for(lambda: api.answers.get(query), SECONDS)
    document = api.messages(1, "document")[0]["document"]
    with Image.open(io.BytesIO(api.file(document["file_id"]))) as image:
        assert image.info["parameters"].startswith("red apple")


def test_strangers_are_not_answered(api: BotApi, bot: Process, database: Path) -> None:
    sent = photo(api, 1)
    for text in ("/start", "a cat", "/stats"):
        api.say(STRANGER, text)
    api.press(STRANGER, sent, "⭐1")
    api.say(1, "/help")
    api.wait_for(lambda: "/cancel" in (api.last(1, "text") or {"text": ""})["text"], SECONDS)
    assert not [call for call in api.calls_of(*SENDING) if call.values.get("chat_id") == str(STRANGER)]
    assert rows(database, f"SELECT * FROM inbox WHERE user = 'telegram:{STRANGER}'") == []
    assert [value for (value,) in rows(database, "SELECT value FROM ratings")] == [5]


def test_ten_people_at_once(api: BotApi, bot: Process) -> None:
    wishes = {user: ("red apple", "画一个红苹果") if user % 2 else ("blue", "a blue car") for user in range(11, 21)}
    for user, (_, wish) in wishes.items():
        api.say(user, wish)
    for user, (part, _) in wishes.items():
        assert part in photo(api, user)["caption"]
    api.wait_for(lambda: [len(api.messages(user)) for user in wishes] == [1] * 10, SECONDS)
    assert [call for call in api.calls if call.code not in (200, 0)] == []


def test_a_kill_while_painting_loses_nothing_and_repeats_nothing(stocked: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(stocked, tmp_path / "home"))
    wishes = {1: "一只猫", 2: "a dog", 3: "你好"}
    with BotApi() as api:
        first = Process(api, home)
        for user, wish in wishes.items():
            api.say(user, wish)
        api.wait_for(lambda: rows(home / "easel.db", PAINTING) == [(3, 2, 1)], SECONDS)
        first.kill()
        second = Process(api, home)
        for user in (1, 2):
            photo(api, user)
        api.wait_for(lambda: rows(home / "easel.db", "SELECT * FROM deliveries WHERE done = ''") == [], SECONDS)
        api.wait_for(lambda: api.messages(3), SECONDS)
        assert second.end() == 0
        assert [len(api.messages(user)) for user in wishes] == [1, 1, 1]
        assert api.pending == 0
