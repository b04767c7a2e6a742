"""The tests' Bot API server, held to what Telegram does: a bot tested against a lenient server is not tested."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botapi import TOKEN, BotApi, Fault
from PIL import Image
from PIL.PngImagePlugin import PngInfo


class Client:
    """A bot reduced to its requests."""

    def __init__(self, api: BotApi, http: httpx.Client) -> None:
        self.api, self.http = api, http

    def __call__(self, method: str, files: dict[str, bytes] | None = None, **values: Any) -> Any:
        """The result, or the (code, description) of a refusal."""
        data = {k: json.dumps(v) if isinstance(v, list | dict) else str(v) for k, v in values.items()}
        url = f"{self.api.url}/bot{self.api.token}/{method}"
        answer = self.http.post(url, data=data, files=files).json()
        return answer["result"] if answer["ok"] else (answer["error_code"], answer["description"])


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as server:
        server.chat(1)
        yield server


@pytest.fixture
def bot(api: BotApi) -> Iterator[Client]:
    with httpx.Client() as http:
        yield Client(api, http)


def png(width: int = 20, height: int = 10, **text: str) -> bytes:
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def keyboard(data: str = "r:1:5", text: str = "⭐") -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": text, "callback_data": data}]]}


def test_updates_come_again_until_they_are_acknowledged(api: BotApi, bot: Client) -> None:
    api.say(1, "hello")
    api.say(1, "world")
    first = bot("getUpdates")
    assert [u["message"]["text"] for u in first] == ["hello", "world"] and bot("getUpdates") == first
    rest = bot("getUpdates", offset=first[1]["update_id"])
    assert [u["message"]["text"] for u in rest] == ["world"] and api.pending == 1
    assert bot("getUpdates", offset=rest[0]["update_id"] + 1) == [] and api.pending == 0


def test_long_polling_waits_for_an_update(api: BotApi, bot: Client) -> None:
    threading.Timer(0.2, api.say, (1, "late")).start()
    started = time.monotonic()
    assert bot("getUpdates", timeout=3)[0]["message"]["text"] == "late"
    assert 0.1 < time.monotonic() - started < 2


def test_a_second_poller_ends_the_first(api: BotApi, bot: Client) -> None:
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(bot("getUpdates", timeout=3)))
    first.start()
    time.sleep(0.2)
    bot("getUpdates")
    first.join()
    assert answers[0][0] == 409


def test_kinds_of_updates_not_asked_for_are_not_kept(api: BotApi, bot: Client) -> None:
    api.push("inline_query", {"id": "1"})
    assert bot("getUpdates", allowed_updates=["message"]) == [] and api.pending == 0


def test_entities_of_commands_and_mentions_count_in_utf16(api: BotApi, bot: Client) -> None:
    api.say(1, "/start")
    api.say(1, "🎨 @easel_test_bot a cat")
    command, mention = (u["message"]["entities"][0] for u in bot("getUpdates"))
    assert command == {"type": "bot_command", "offset": 0, "length": 6}
    assert mention == {"type": "mention", "offset": 3, "length": 15}


def test_tokens(api: BotApi, bot: Client) -> None:
    assert bot("getMe")["username"] == "easel_test_bot"
    api.token = "1:other"
    assert bot.http.post(f"{api.url}/bot{TOKEN}/getMe").json()["error_code"] == 401
    assert bot.http.post(f"{api.url}/botnonsense/getMe").status_code == 404
    assert bot("noSuchMethod") == (404, "Not Found")


def test_json_and_query_are_read_too(api: BotApi, bot: Client) -> None:
    url = f"{api.url}/bot{TOKEN}/sendMessage"
    assert bot.http.post(url, json={"chat_id": 1, "text": "a"}).json()["result"]["text"] == "a"
    assert bot.http.get(url, params={"chat_id": 1, "text": "[1]"}).json()["result"]["text"] == "[1]"


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n"}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "🎨" * 2049}, "message is too long"),
        ({"chat_id": 99, "text": "x"}, "chat not found"),
        ({"text": "x", "reply_markup": keyboard("d" * 65)}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "reply_markup": keyboard("的" * 22)}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "reply_markup": keyboard("")}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "reply_markup": keyboard(text="")}, "button text must be non-empty"),
        ({"text": "x", "reply_parameters": {"message_id": 77}}, "message to be replied not found"),
        ({"text": "<x>", "parse_mode": "HTML"}, "Unsupported start tag"),
        ({"text": "<b>x", "parse_mode": "HTML"}, "Can't find end tag"),
        ({"text": "a.b", "parse_mode": "MarkdownV2"}, "Character '.' is reserved"),
        ({"text": "*a", "parse_mode": "MarkdownV2"}, "Can't find end"),
    ],
)
def test_refused_messages(bot: Client, values: dict[str, Any], refusal: str) -> None:
    code, description = bot("sendMessage", **{"chat_id": 1, **values})
    assert code == 400 and refusal in description


def test_accepted_messages(api: BotApi, bot: Client) -> None:
    assert bot("sendMessage", chat_id=1, text="x" * 4096, reply_markup=keyboard("d" * 64))["message_id"]
    assert bot("sendMessage", chat_id=1, text=f"<b>{'x' * 4096}</b> ", parse_mode="HTML")["text"] == "x" * 4096
    assert bot("sendMessage", chat_id=1, text=r"*a* b\.", parse_mode="MarkdownV2")["text"] == "a b."
    assert len(api.messages(1, "text")) == 3


def test_editing_and_deleting(api: BotApi, bot: Client) -> None:
    sent = bot("sendMessage", chat_id=1, text="one", reply_markup=keyboard())
    where = {"chat_id": 1, "message_id": sent["message_id"]}
    assert "message is not modified" in bot("editMessageText", **where, text="one", reply_markup=keyboard())[1]
    assert bot("editMessageText", **where, text="two")["text"] == "two"
    assert "reply_markup" not in (api.last(1) or {})
    assert "not modified" in bot("editMessageReplyMarkup", **where)[1]
    assert "no caption" in bot("editMessageCaption", **where, caption="x")[1]
    assert bot("deleteMessage", **where) is True
    assert bot("deleteMessage", **where) == (400, "Bad Request: message to delete not found")
    assert bot("editMessageText", **where, text="x") == (400, "Bad Request: message to edit not found")
    theirs = api.say(1, "mine")
    assert "can't be edited" in bot("editMessageText", chat_id=1, message_id=theirs["message_id"], text="x")[1]


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"not a picture", "IMAGE_PROCESS_FAILED"),
        (png()[:50], "IMAGE_PROCESS_FAILED"),
        (png(210, 10), "PHOTO_INVALID_DIMENSIONS"),
        (png(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (b"\0" * ((10 << 20) + 1), "too big for a photo"),
    ],
    ids=["words", "truncated", "narrow", "wide", "heavy"],
)
def test_refused_photos(bot: Client, data: bytes, refusal: str) -> None:
    assert refusal in bot("sendPhoto", {"photo": data}, chat_id=1)[1]


def test_photos_lose_their_metadata_and_documents_keep_it(api: BotApi, bot: Client) -> None:
    data = png(parameters="red apple\nSteps: 20")
    photo = bot("sendPhoto", {"photo": data}, chat_id=1, caption="c" * 1024, reply_markup=keyboard())
    document = bot("sendDocument", {"document": data}, chat_id=1)
    kept = api.file(photo["photo"][0]["file_id"])
    assert kept.startswith(b"\xff\xd8") and b"red apple" not in kept
    path = bot("getFile", file_id=document["document"]["file_id"])["file_path"]
    assert bot.http.get(f"{api.url}/file/bot{TOKEN}/{path}").content == data
    assert "caption is too long" in bot("sendPhoto", {"photo": data}, chat_id=1, caption="c" * 1025)[1]


def test_albums(api: BotApi, bot: Client) -> None:
    def album(count: int, **more: Any) -> Any:
        media = [{"type": "photo", "media": f"attach://p{i}"} for i in range(count)]
        return bot("sendMediaGroup", {f"p{i}": png() for i in range(count)}, chat_id=1, media=media, **more)

    assert len({message["media_group_id"] for message in album(10)}) == 1
    assert [album(count)[0] for count in (1, 11)] == [400, 400]
    assert "reply markup" in album(2, reply_markup=keyboard())[1]
    assert len(api.messages(1, "photo")) == 10


def test_presses_are_answered_once_and_shortly(api: BotApi, bot: Client) -> None:
    sent = bot("sendMessage", chat_id=1, text="x", reply_markup=keyboard("r:1:5", "⭐ 5"))
    query = api.press(1, sent, "5")
    assert bot("getUpdates")[0]["callback_query"]["data"] == "r:1:5"
    assert "MESSAGE_TOO_LONG" in bot("answerCallbackQuery", callback_query_id=query, text="x" * 201)[1]
    assert bot("answerCallbackQuery", callback_query_id=query, text="thanks") is True
    assert "too old" in bot("answerCallbackQuery", callback_query_id=query)[1]
    assert api.answers[query]["text"] == "thanks"


def test_commands_actions_and_webhooks(api: BotApi, bot: Client) -> None:
    commands = [{"command": "start", "description": "begin"}]
    assert (
        bot("setMyCommands", commands=commands, language_code="zh") is True and api.commands["default:zh"] == commands
    )
    assert "COMMAND_INVALID" in bot("setMyCommands", commands=[{"command": "Start", "description": "x"}])[1]
    assert bot("sendChatAction", chat_id=1, action="upload_photo") is True
    assert "action" in bot("sendChatAction", chat_id=1, action="dancing")[1]
    assert bot("setWebhook", url="https://a.example") is True and bot("getUpdates")[0] == 409
    assert bot("deleteWebhook") is True and bot("getUpdates") == []


def test_misbehaving(api: BotApi, bot: Client) -> None:
    api.misbehave("sendMessage", Fault.flood(3))
    assert bot("sendMessage", chat_id=1, text="a") == (429, "Too Many Requests: retry after 3")
    api.misbehave("*", Fault(502, "Bad Gateway"))
    assert bot("sendMessage", chat_id=1, text="a") == (502, "Bad Gateway")
    api.misbehave("sendMessage", Fault(cut="before"))
    with pytest.raises(httpx.RemoteProtocolError):
        bot("sendMessage", chat_id=1, text="a")
    assert api.messages(1) == []
    api.misbehave("sendMessage", Fault(cut="after"))
    with pytest.raises(httpx.RemoteProtocolError):
        bot("sendMessage", chat_id=1, text="a")
    assert len(api.messages(1)) == 1
    api.misbehave("getMe", Fault(delay=0.3))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{api.url}/bot{TOKEN}/getMe", timeout=0.1)
    api.blocked.add(1)
    assert bot("sendMessage", chat_id=1, text="a")[0] == 403


def test_strict_rates(api: BotApi, bot: Client) -> None:
    api.strict_rates = True
    api.chat(2)
    assert bot("sendMessage", chat_id=1, text="a")["text"] == bot("sendMessage", chat_id=2, text="a")["text"]
    assert bot("sendMessage", chat_id=1, text="b") == (429, "Too Many Requests: retry after 1")
