"""The Telegram bot against the tests' Bot API server: the real assistant, a tiny real model, real HTTP."""

from __future__ import annotations

import io
import json
import logging
import socket
import sqlite3
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from botapi import BotApi, Fault
from PIL import Image
from running_bot import RunningBot

from bot.errors import SettingsError
from bot.messages import PRESS, Incoming
from pipeline.jobs import Job

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("small_embedder"),
]

SENDING = ("sendMessage", "sendPhoto", "sendDocument", "sendMediaGroup")
GROUP = -100500


@pytest.fixture
def bot(api: BotApi, bot_home: Path) -> Iterator[RunningBot]:
    with RunningBot(api, bot_home) as running:
        yield running


def photo(api: BotApi, chat: int, count: int = 1) -> dict[str, Any]:
    return api.wait_for(lambda: len(found := api.messages(chat, "photo")) >= count and found[-1])


def text(api: BotApi, chat: int, part: str = "") -> dict[str, Any]:
    return api.wait_for(lambda: next((m for m in api.messages(chat, "text") if part in m["text"]), None))


def pressed(api: BotApi, user: int, message: dict[str, Any], button: str) -> str:
    """What the bot says about a press."""
    query = api.press(user, message, button)
    return str(api.wait_for(lambda: api.answers.get(query)).get("text", ""))


def counted(bot: RunningBot) -> tuple[int, ...]:
    stats = bot.assistant.stats()
    return stats["prompts"], stats["ratings"], sum(stats[name] for name in stats if name.startswith("jobs_"))


def settled(bot: RunningBot) -> None:
    """Everything that came in is answered and everything painted is delivered."""
    tables = bot.assistant.tables
    bot.api.wait_for(lambda: not bot.api.pending and not tables.store.waiting() and not tables.store.owed("telegram"))


# --- one request ----------------------------------------------------------------------------------------------------


def test_a_message_becomes_a_picture_with_its_prompt_and_buttons(api: BotApi, bot: RunningBot) -> None:
    asked = api.say(1, "帮我画一只红色的苹果")
    sent = photo(api, 1)
    assert "red apple" in sent["caption"] and "tiny" in sent["caption"] and "种子" in sent["caption"]
    assert sent["reply_to_message"]["message_id"] == asked["message_id"]
    labels = [button["text"] for row in sent["reply_markup"]["inline_keyboard"] for button in row]
    assert [label[0] for label in labels] == ["⭐"] * 5 + ["🔁", "📄", "❓", "🗑", "🚩"]
    settled(bot)
    assert len(api.messages(1)) == 1, "the status message is gone"
    assert all(call.code == 200 for call in api.calls)


def test_the_language_of_the_text_decides(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a blue cat", language_code="zh")
    assert "Seed" in photo(api, 1)["caption"]
    api.say(2, "一只猫", language_code="en")
    assert "种子" in photo(api, 2)["caption"]


def test_talk_is_answered_in_words(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "你好")
    text(api, 1, "你好")
    settled(bot)
    assert not api.messages(1, "photo") and bot.assistant.stats()["jobs_done"] == 0


def test_several_pictures_are_an_album_and_a_message_with_the_buttons(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "画三张猫的图")
    buttons = text(api, 1, "3")
    api.wait_for(lambda: "⭐" in str(api.last(1, "text")))
    album = api.messages(1, "photo")
    assert len(album) == 3 and len({message["media_group_id"] for message in album}) == 1
    assert "cat" in album[0]["caption"] and "caption" not in album[1]
    settled(bot)
    buttons = api.messages(1, "text")[-1]
    pressed(api, 1, buttons, "📄")
    assert len(api.messages(1, "document")) == 3
    assert pressed(api, 1, buttons, "🗑") == "已删除。"
    assert not api.messages(1, "photo") and not [m for m in api.messages(1, "text") if "reply_markup" in m]


def test_progress_is_told_sparsely_and_the_status_goes_away(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/model slow")
    text(api, 1, "slow")
    api.say(1, "a cat")
    photo(api, 1)
    settled(bot)
    # PNDM, the tiny model's scheduler, takes one step more than it is told.
    edits = api.calls_of("editMessageText")
    assert edits and all("/901" in call.values["text"] for call in edits)
    assert all(later.at - sooner.at > 1.4 for sooner, later in pairwise(edits))
    assert api.calls_of("sendChatAction")[0].values["action"] == "upload_photo"
    assert len(api.calls_of("deleteMessage")) == 1


def test_what_cannot_be_painted_is_said_in_a_sentence(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/model broken")
    text(api, 1, "broken")
    api.say(1, "a cat")
    said = text(api, 1, "That did not work")["text"]
    assert "Traceback" not in said and len(said) < 400
    settled(bot)


def test_ten_people_at_once(api: BotApi, bot: RunningBot) -> None:
    for user in range(1, 11):
        api.say(user, f"a {['red', 'blue'][user % 2]} cat")
    for user in range(1, 11):
        assert ["red", "blue"][user % 2] in photo(api, user)["caption"]
    settled(bot)
    assert [len(api.messages(user)) for user in range(1, 11)] == [1] * 10


def test_messages_of_one_chat_are_answered_in_their_order(api: BotApi, bot: RunningBot) -> None:
    for words in ("a red apple", "make it green", "/settings", "a dog"):
        api.say(1, words)
    photo(api, 1, 3)
    settled(bot)
    captions = [message["caption"].split("\n")[0] for message in api.messages(1, "photo")]
    assert ["apple" in caption for caption in captions] == [True, True, False]
    assert "green" in captions[1] and "dog" in captions[2]


# --- buttons --------------------------------------------------------------------------------------------------------


def test_a_rating_brings_the_prompt_into_the_library(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a red apple")
    sent, (prompts, ratings, jobs) = photo(api, 1), counted(bot)
    assert "5" in pressed(api, 1, sent, "⭐5")
    after = counted(bot)
    assert after == (prompts + 1, ratings + 1, jobs)
    assert "⭐5 ✓" in str(api.messages(1, "photo")[0]["reply_markup"])
    pressed(api, 1, sent, "⭐2")
    assert "⭐2 ✓" in str(api.messages(1, "photo")[0]["reply_markup"]) and counted(bot) == after
    assert pressed(api, 1, sent, "⭐2") == "评分已撤回。"
    assert "✓" not in str(api.messages(1, "photo")[0]["reply_markup"])


def test_again_file_and_why(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a red apple")
    first = photo(api, 1)
    pressed(api, 1, first, "🔁")
    second = photo(api, 1, 2)
    prompts, seeds = zip(*(message["caption"].split("\n\n") for message in (first, second)), strict=True)
    assert prompts[0] == prompts[1] and seeds[0] != seeds[1]
    pressed(api, 1, first, "📄")
    document = api.messages(1, "document")[0]["document"]
    with Image.open(io.BytesIO(api.file(document["file_id"]))) as image:
        assert "red apple" in image.info["parameters"] and document["file_name"] == "easel-1-1.png"
    pressed(api, 1, first, "❓")
    assert "red apple" in text(api, 1, "—")["text"]


def test_deleting(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a red apple")
    sent = photo(api, 1)
    path = Path(bot.assistant.pictures(1)[0].path)
    assert path.exists() and pressed(api, 1, sent, "🗑") == "已删除。"
    assert not path.exists() and not api.messages(1, "photo")
    assert pressed(api, 1, sent, "f:1") and not api.messages(1, "document")


def test_only_owner_and_admins_delete(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home, EASEL_ADMINS="9") as bot:
        api.say(1, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup")
        sent = photo(api, GROUP)
        assert "管理员" in pressed(api, 2, sent, "🗑") and api.messages(GROUP, "photo")
        assert "5" in pressed(api, 2, sent, "⭐5") and bot.assistant.stats()["ratings"] == 1
        assert pressed(api, 9, sent, "🗑") == "已删除。" and not api.messages(GROUP, "photo")


def test_buttons_work_after_a_restart(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home):
        api.say(1, "a red apple")
        sent = photo(api, 1)
    with RunningBot(api, bot_home) as bot:
        assert "4" in pressed(api, 1, sent, "⭐4") and bot.assistant.stats()["ratings"] == 1
        pressed(api, 1, sent, "🔁")
        photo(api, 1, 2)


@pytest.mark.parametrize("data", ["r:1:5", "a:1", "f:1", "w:1", "d:1", "r:99:5", "a:99", "x", "m:nope", "d:1 OR 1"])
def test_forged_presses_do_nothing(api: BotApi, bot: RunningBot, data: str) -> None:
    api.say(1, "a cat")
    photo(api, 1)
    api.say(2, "/help")
    theirs = text(api, 2)
    settled(bot)
    before, counts = len(api.calls_of(*SENDING)), counted(bot)
    query = api.press_data(2, theirs, data)
    api.wait_for(lambda: api.answers.get(query))
    settled(bot)
    sent = api.calls_of(*SENDING)[before:]
    assert [call for call in sent if call.method != "sendMessage"] == [] and len(sent) <= 1
    assert counted(bot) == counts and api.messages(1, "photo")


# --- commands and groups --------------------------------------------------------------------------------------------


def test_commands(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home, EASEL_ADMINS="9"):
        for command, part in [
            ("/start", "easel"), ("/help", "/cancel"), ("/model", "tiny"), ("/model nope", "nope"), ("/raw on", "原样"),
            ("/settings", "on"), ("/raw", "/raw off"), ("/cancel", "没有"), ("/stats", "管理员"), ("/nope", "/help"),
        ]:  # fmt: skip
            api.say(1, command)
            assert part in api.wait_for(lambda: api.last(1, "text"))["text"], command
            api.log[1].clear()
        api.say(9, "/stats", language_code="en")
        assert "prompts" in text(api, 9, "Statistics")["text"]
        api.wait_for(lambda: len(api.commands) == 2)
        menu = ["help", "model", "raw", "amount", "never", "settings", "status", "cancel", "report", "forget_me"]
        assert [c["command"] for c in api.commands["default:zh"]] == menu


def test_choosing_a_model_by_button(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/model")
    menu = text(api, 1)
    assert "slow" in pressed(api, 1, menu, "m:slow")
    assert bot.assistant.chat_settings("telegram:1").model == "slow"
    assert "slow ✓" in str(api.messages(1)[0]["reply_markup"])


def test_raw_leaves_the_text_alone(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/raw on")
    text(api, 1)
    api.say(1, "please draw me some cat, ok?")
    assert photo(api, 1)["caption"].startswith("please draw me some cat, ok?\n")


def test_cancelling(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/model slow")
    text(api, 1, "slow")
    for _ in range(3):
        api.say(1, "a cat")
    api.wait_for(lambda: bot.assistant.tables.queue.counts()["running"] and len(api.messages(1, "text")) == 4)
    api.say(1, "/cancel")
    assert "3" in text(api, 1, "取消")["text"]
    settled(bot)
    assert not api.messages(1, "photo") and len(api.messages(1)) == 2, "the three status messages are gone"


def test_in_groups_only_what_is_meant_for_it(api: BotApi, bot: RunningBot) -> None:
    def say(words: str, **more: Any) -> None:
        api.say(1, words, chat=GROUP, chat_type="supergroup", **more)

    say("a cat")
    say("@somebody_else a cat")
    say("/help@another_bot")
    api.push("message", api.message(1, chat=GROUP, chat_type="supergroup", sticker={"file_id": "x"}))
    say(f"@{api.me['username']} a dog")
    first = photo(api, GROUP)
    assert "dog" in first["caption"] and api.me["username"] not in first["caption"]
    say("make it blue", reply_to=first)
    assert "blue" in photo(api, GROUP, 2)["caption"]
    say(f"/help@{api.me['username']}")
    text(api, GROUP, "/cancel")
    settled(bot)
    assert len(api.messages(GROUP)) == 3


def test_edits_are_not_painted_again_and_pictures_get_a_sentence(api: BotApi, bot: RunningBot) -> None:
    asked = api.say(1, "a cat")
    photo(api, 1)
    api.push("edited_message", {**asked, "text": "a dog", "edit_date": 1})
    for kind in ({"photo": [{"file_id": "x", "file_unique_id": "x", "width": 1, "height": 1}]}, {"voice": {
        "file_id": "x", "file_unique_id": "x", "duration": 1}}, {"dice": {"emoji": "🎲", "value": 1}}):  # fmt: skip
        api.push("message", api.message(1, **kind))
    api.wait_for(lambda: len(api.messages(1, "text")) == 3)
    settled(bot)
    assert len(api.messages(1, "photo")) == 1 and bot.assistant.stats()["jobs_done"] == 1


# --- the gate -------------------------------------------------------------------------------------------------------


def strange_updates(api: BotApi, user: int) -> None:
    """One update of every kind a stranger can cause."""
    person = {"id": user, "is_bot": False, "first_name": "S", "language_code": "en"}
    message = api.say(user, "a cat")
    for command in ("/start", "/help", "/stats", "/model tiny"):
        api.say(user, command)
    api.push("message", api.message(user, sticker={"file_id": "x"}))
    for kind in ("edited_message", "channel_post", "edited_channel_post", "business_message"):
        api.push(kind, {**message, "text": "a cat"})
    api.push("inline_query", {"id": "1", "from": person, "query": "cat", "offset": ""})
    api.push("callback_query", {"id": "2", "from": person, "message": message, "chat_instance": "1", "data": "a:1"})
    member = {"user": person, "status": "member"}
    change = {"chat": message["chat"], "from": person, "date": 1, "old_chat_member": member, "new_chat_member": member}
    api.push("my_chat_member", change)
    api.push("poll_answer", {"poll_id": "1", "user": person, "option_ids": [0]})


def test_strangers_get_no_answer_to_anything(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home, EASEL_ALLOW="1", EASEL_ADMINS="9") as bot:
        bot.api.say(1, "a cat")
        sent = photo(api, 1)
        strange_updates(api, 66)
        api.say(66, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup")
        api.press(66, sent, "⭐5")
        api.say(9, "a dog")
        photo(api, 9)
        settled(bot)
        chats = {int(call.values.get("chat_id", 0)) for call in api.calls} - {0}
        assert chats == {1, 9} and not api.answers and bot.assistant.stats()["people"] == 2


def test_a_gate_that_cannot_decide_lets_nobody_in(api: BotApi, bot_home: Path) -> None:
    def broken(user: str, chat: str) -> bool:
        raise sqlite3.DatabaseError("disk image is malformed")

    running = RunningBot(api, bot_home)
    running.change = lambda assistant: setattr(assistant, "is_blocked", broken)
    with running as bot:
        strange_updates(api, 1)
        settled(bot)
        assert not api.calls_of(*SENDING, "answerCallbackQuery") and bot.assistant.stats()["messages"] == 0


# --- nothing lost, nothing twice ------------------------------------------------------------------------------------


def test_an_update_that_comes_twice_is_answered_once(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home) as bot:
        message = api.say(1, "a cat")
        photo(api, 1)
        settled(bot)
    update = {"update_id": 880_000_001, "message": message}
    with RunningBot(api, bot_home) as bot:
        for _ in range(2):
            api._updates.append(json.loads(json.dumps(update)))
        api.say(2, "a dog")
        photo(api, 2)
        settled(bot)
        assert len(api.messages(1, "photo")) == 1


def test_what_could_not_be_stored_is_asked_for_again(api: BotApi, bot_home: Path) -> None:
    running, failures = RunningBot(api, bot_home), iter([True, False])

    def change(assistant: Any) -> None:
        accept = assistant.accept

        def locked(incoming: Incoming) -> bool:
            if next(failures, False):
                raise sqlite3.OperationalError("database is locked")
            return bool(accept(incoming))

        assistant.accept = locked

    running.change = change
    with running as bot:
        api.say(1, "a cat")
        photo(api, 1)
        settled(bot)
        assert len(api.messages(1, "photo")) == 1


def test_a_start_answers_and_delivers_what_a_crash_left(api: BotApi, bot_home: Path) -> None:
    for user in (1, 2, 3, 4):
        api.chat(user)
    running = RunningBot(api, bot_home)

    def left_behind(assistant: Any) -> None:
        """A message stored, a job painted, an album sent without its buttons, and a job in the queue."""
        assistant.accept(Incoming("telegram:1", "telegram:1", "telegram:1", "你好", "zh"))
        for key, words in (("2", "a cat"), ("3", "3 pictures of a dog"), ("4", "a bird")):
            incoming = Incoming(f"telegram:{key}", f"telegram:{key}", f"telegram:{key}", words)
            assistant.accept(incoming)
            job = assistant.answer(incoming).job
            if key != "4":
                queue = assistant.tables.queue
                assistant._painter.paint(queue, queue.claim())
            if key == "3":
                assistant.mark_sent(job.id, "pictures", "101,102,103")
        pressed = Incoming("telegram:press:5", "telegram:2", "telegram:2", "a:1", "en", kind=PRESS)
        assistant.accept(pressed)

    running.change = left_behind
    with running as bot:
        photo(api, 2, 2)
        photo(api, 4)
        settled(bot)
        assert [len(api.messages(user, "photo")) for user in (1, 2, 3, 4)] == [0, 2, 0, 1]
        assert len(api.messages(3)) == 1 and "reply_markup" in api.messages(3)[0]
        assert len(api.messages(1)) == 1
        calls = len(api.calls_of(*SENDING))
    with RunningBot(api, bot_home) as bot:
        settled(bot)
        assert len(api.calls_of(*SENDING)) == calls


@pytest.mark.parametrize(
    "fault", [Fault.flood(1), Fault(502, "Bad Gateway"), Fault(500, "Internal Server Error"), Fault(cut="before")]
)
def test_trouble_on_the_way_delays_and_loses_nothing(api: BotApi, bot: RunningBot, fault: Fault) -> None:
    api.misbehave("sendPhoto", fault)
    api.misbehave("sendMessage", fault)
    api.say(1, "a cat")
    api.say(2, "你好")
    photo(api, 1)
    text(api, 2, "你好")
    settled(bot)
    assert [len(api.messages(user)) for user in (1, 2)] == [1, 1]


def test_somebody_who_blocked_the_bot_holds_up_nobody(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a cat")
    api.say(1, "你好")
    api.blocked.add(1)
    api.say(2, "a cat")
    photo(api, 2)
    settled(bot)
    assert not api.messages(1)


def test_an_error_nobody_expected_is_a_sentence_and_a_log(
    api: BotApi, bot_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(incoming: Incoming) -> None:
        raise RuntimeError("inner detail")

    running = RunningBot(api, bot_home)
    running.change = lambda assistant: setattr(assistant, "answer", broken)
    with running as bot:
        api.say(1, "a cat")
        assert "inner detail" not in text(api, 1, "Sorry")["text"]
        settled(bot)
    assert "inner detail" in caplog.text


def test_stopping_finishes_the_picture_and_sends_it(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home) as bot:
        api.say(1, "/model slow")
        text(api, 1, "slow")
        api.say(1, "a cat")
        api.wait_for(lambda: bot.assistant.tables.queue.counts()["running"])
    assert len(api.messages(1, "photo")) == 1 and api.pending == 0


def test_an_update_that_cannot_be_read_holds_up_nobody(api: BotApi, bot: RunningBot) -> None:
    api.push("message", {"message_id": "none"})
    api.push("message", api.message(1, sticker={"file_id": "x"}))
    api.say(1, "a cat")
    photo(api, 1)
    settled(bot)


# --- secrets and ways in --------------------------------------------------------------------------------------------


def every_log() -> tuple[logging.Handler, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    return handler, stream


def test_the_token_is_in_no_log_even_at_debug(api: BotApi, bot_home: Path) -> None:
    from bot.logs import SecretsHidden

    (handler, stream), root = every_log(), logging.getLogger()
    hidden, level = SecretsHidden(api.token).install(), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        api.misbehave("sendPhoto", Fault(502, "Bad Gateway"))
        with RunningBot(api, bot_home) as bot:
            api.say(1, "a cat")
            photo(api, 1)
            settled(bot)
            api.token = "7000000001:another"
            time.sleep(0.3)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        hidden.remove()
    written = stream.getvalue()
    assert "/bot***/sendPhoto" in written and "AAE-test_token" not in written


def test_a_refused_token_is_one_sentence_without_the_token(api: BotApi, bot_home: Path) -> None:
    with pytest.raises(SettingsError) as error, RunningBot(api, bot_home, EASEL_TELEGRAM_TOKEN="1:wrong-secret") as bot:
        bot._done.result(30)
    assert "EASEL_TELEGRAM_TOKEN" in str(error.value) and "wrong-secret" not in str(error.value)


def test_webhook_with_its_secret(api: BotApi, bot_home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/easel"
    names = {"EASEL_WEBHOOK_URL": url, "EASEL_WEBHOOK_PORT": str(port), "EASEL_WEBHOOK_SECRET": "abc_secret"}
    with RunningBot(api, bot_home, **names) as bot:
        assert api.wait_for(lambda: api.webhook)["secret_token"] == "abc_secret"
        update = {"update_id": 5, "message": api.message(1, text="a cat")}
        head = "X-Telegram-Bot-Api-Secret-Token"
        with httpx.Client(transport=httpx.HTTPTransport(retries=9)) as patient:
            assert patient.post(url, json=update).status_code == 403
        assert httpx.post(url, json=update, headers={head: "guess"}).status_code == 403
        for _ in range(2):
            assert httpx.post(url, json=update, headers={head: "abc_secret"}).status_code == 200
        photo(api, 1)
        settled(bot)
        assert len(api.messages(1, "photo")) == 1 and isinstance(bot.assistant.job(1), Job)
        api.say(1, "a dog")  # the server itself posts this one, with the secret it was given
        photo(api, 1, 2)
        settled(bot)
