"""Keeping a chat in order, in the running bot: what is hidden or not shown, who may press, reports, shutting out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botapi import BotApi
from running_bot import RunningBot

from pipeline.safety import model_file

pytestmark = [
    # PNDM, the tiny model's scheduler, hands a torch tensor to numpy in a way that numpy 2 will drop.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("small_embedder"),
]

GROUP, ADMIN = -100500, 9
looked_at = pytest.mark.skipif(model_file() is None, reason='no detector: pip install "easel[safety]"')


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as server:
        server.chat(ADMIN)
        yield server


@pytest.fixture
def bot(api: BotApi, bot_home: Path) -> Iterator[RunningBot]:
    with RunningBot(api, bot_home, EASEL_ADMINS=str(ADMIN)) as running:
        yield running


def photo(api: BotApi, chat: int, count: int = 1) -> dict[str, Any]:
    return api.wait_for(lambda: len(found := api.messages(chat, "photo")) >= count and found[-1])


def text(api: BotApi, chat: int, part: str) -> dict[str, Any]:
    return api.wait_for(lambda: next((m for m in api.messages(chat, "text") if part in m["text"]), None))


def pressed(api: BotApi, user: int, message: dict[str, Any], button: str) -> str:
    query = api.press(user, message, button)
    return str(api.wait_for(lambda: api.answers.get(query)).get("text", ""))


def settled(bot: RunningBot) -> None:
    tables = bot.assistant.tables
    bot.api.wait_for(lambda: not bot.api.pending and not tables.store.waiting() and not tables.store.owed("telegram"))


def in_group(api: BotApi, user: int, words: str) -> dict[str, Any]:
    """A request in the group, and its picture."""
    before = len(api.messages(GROUP, "photo"))
    api.say(user, f"@{api.me['username']} {words}", chat=GROUP, chat_type="supergroup")
    return photo(api, GROUP, before + 1)


def hidden(api: BotApi) -> list[bool]:
    """Which of the single photos stand behind a spoiler."""
    return [str(call.values.get("has_spoiler")).lower() == "true" for call in api.calls_of("sendPhoto")]


# --- hidden, or not shown -------------------------------------------------------------------------------------------


def test_gore_stands_behind_a_spoiler(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a beheaded knight")
    sent = photo(api, 1)
    assert hidden(api) == [True]
    pressed(api, 1, sent, "📄")
    assert api.messages(1, "document"), "who asked for it may have the original in private"
    in_group(api, 1, "a beheaded knight")
    pressed(api, 1, api.messages(GROUP, "photo")[-1], "📄")
    photo(api, GROUP, 2)
    assert not api.messages(GROUP, "document")
    assert hidden(api) == [True] * 3


def test_an_album_is_hidden_as_a_whole(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "3 pictures of a beheaded knight")
    photo(api, 1, 3)
    media = api.calls_of("sendMediaGroup")[0].values["media"]
    assert [item["has_spoiler"] for item in media] == [True] * 3


def test_an_admin_chooses_for_a_chat(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "/safety gore block")
    text(api, 1, "管理员")
    api.say(ADMIN, "/safety gore block")
    text(api, ADMIN, "血腥文字:block")
    api.say(ADMIN, "a beheaded knight")
    assert text(api, ADMIN, "won't paint")["text"] == "I won't paint that. Please try another idea."
    api.say(ADMIN, "/safety gore allow")
    text(api, ADMIN, "血腥文字:allow")
    api.say(ADMIN, "a beheaded knight")
    photo(api, ADMIN)
    assert not hidden(api)[-1]
    api.say(ADMIN, "/safety minors allow")
    text(api, ADMIN, "sexual|gore|nudity")
    api.say(ADMIN, "/safety sexual allow")
    api.say(ADMIN, "a naked child")
    api.wait_for(lambda: len([m for m in api.messages(ADMIN, "text") if "won't paint" in m["text"]]) == 2)


@looked_at
def test_what_the_detector_finds_is_hidden_or_deleted(api: BotApi, bot_home: Path) -> None:
    # From a certainty of zero on, every picture counts.
    environ = {"EASEL_SAFETY_THRESHOLD": "0", "EASEL_ADMINS": str(ADMIN)}
    with RunningBot(api, bot_home, **environ) as bot:
        api.say(1, "a red apple")
        photo(api, 1)
        assert hidden(api)[0]
        looks = bot.assistant.tables.db.execute("SELECT job, position FROM looks").fetchall()
        assert looks == [(1, 1)]
        api.say(ADMIN, "/safety nudity block")
        text(api, ADMIN, "裸露画面:block")
        api.say(ADMIN, "2 pictures of a red apple")
        assert "cannot show" in text(api, ADMIN, "cannot")["text"]
        settled(bot)
        assert not [m for m in api.messages(ADMIN) if "reply_markup" in m]
        paths = [Path(picture.path) for picture in bot.assistant.pictures(2)]
        assert len(paths) == 2 and not any(path.exists() for path in paths)
        query = api.press_data(ADMIN, api.messages(ADMIN)[-1], "f:2")
        api.wait_for(lambda: api.answers.get(query))
        assert not api.messages(ADMIN, "document") and not api.messages(ADMIN, "photo")


@looked_at
def test_a_nude_picture_of_a_child_is_never_shown(api: BotApi, bot_home: Path) -> None:
    environ = {"EASEL_SAFETY_THRESHOLD": "0", "EASEL_SAFETY_NUDITY": "allow"}
    with RunningBot(api, bot_home, **environ) as bot:
        api.say(1, "a child with a kite")
        text(api, 1, "cannot show")
        assert not Path(bot.assistant.pictures(1)[0].path).exists()


def test_without_a_detector_the_admins_word_counts(
    api: BotApi, bot_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.commands_safety.model_file", lambda: None)
    running = RunningBot(api, bot_home, EASEL_SAFETY_UNCHECKED="blur")
    running.change = lambda assistant: None
    with running as bot:
        monkeypatch.setattr("bot.moderation.Moderation._nudity", lambda self, pictures: None)
        bot.api.say(1, "a red apple")
        photo(api, 1)
        assert hidden(api)[0]
        api.say(1, "/safety")
        assert "没有装图像检测器" in text(api, 1, "裸露")["text"]


# --- who may press --------------------------------------------------------------------------------------------------


def test_in_a_group_others_rate_and_ask_and_no_more(api: BotApi, bot: RunningBot) -> None:
    sent = in_group(api, 1, "a cat")
    for button in ("🔁", "📄", "🗑"):
        assert "管理员" in pressed(api, 2, sent, button)
    settled(bot)
    assert len(api.messages(GROUP)) == 1 and sum(bot.assistant.tables.queue.counts().values()) == 1
    assert "5" in pressed(api, 2, sent, "⭐5")
    pressed(api, 2, sent, "❓")
    text(api, GROUP, "—")
    pressed(api, 1, sent, "🔁")
    photo(api, GROUP, 2)
    pressed(api, ADMIN, sent, "🔁")
    photo(api, GROUP, 3)


# --- reports --------------------------------------------------------------------------------------------------------


def test_a_report_reaches_admins_who_remove_the_prompt_everywhere(api: BotApi, bot: RunningBot) -> None:
    api.say(3, "a purple walrus")
    photo(api, 3)
    sent = in_group(api, 1, "a purple walrus")
    pressed(api, 1, sent, "⭐5")
    assert "告诉管理员" in pressed(api, 2, sent, "🚩")
    told = photo(api, ADMIN)
    assert "purple walrus" in told["caption"] and "telegram:2" in told["caption"] and "telegram:1" in told["caption"]
    assert hidden(api)[-1]
    assert "已经举报过" in pressed(api, 2, sent, "🚩")
    library = bot.assistant.tables.library
    prompt = next(row for row in library.search("purple walrus") if row.source == "painted")
    assert "处处删除" in pressed(api, ADMIN, told, "🧹")
    settled(bot)
    assert library.get(prompt.id).removed
    assert not api.messages(GROUP, "photo") and not api.messages(3, "photo")
    assert not any(Path(p.path).exists() for job in (1, 2) for p in bot.assistant.pictures(job))
    assert not bot.assistant.tables.reports.open() and len(api.messages(ADMIN, "photo")) == 1
    api.say(3, "a purple walrus")
    text(api, 3, "won't paint")
    query = api.press_data(1, sent, "a:2")
    api.wait_for(lambda: api.answers.get(query) is not None)
    settled(bot)
    assert not api.messages(GROUP, "photo")


def test_a_report_outlives_whom_it_is_about(api: BotApi, bot: RunningBot) -> None:
    sent = in_group(api, 1, "a purple walrus")
    pressed(api, 2, sent, "🚩")
    told = photo(api, ADMIN)
    bot.assistant.forget_person("telegram:1")
    assert "1 个任务" in pressed(api, ADMIN, told, "⛔")
    settled(bot)
    assert not api.messages(GROUP, "photo") and not bot.assistant.tables.reports.open()
    api.say(3, "a purple walrus")
    text(api, 3, "won't paint")


def test_an_admin_who_comes_later_is_told_of_what_the_forgotten_had_painted(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home) as bot:
        sent = in_group(api, 1, "a purple walrus")
        pressed(api, 2, sent, "🚩")
        settled(bot)
        bot.assistant.forget_person("telegram:1")
    with RunningBot(api, bot_home, EASEL_ADMINS=str(ADMIN)) as bot:
        told = text(api, ADMIN, "purple walrus")
        assert "telegram:1" not in told["text"]
        assert "处处删除" in pressed(api, ADMIN, told, "🧹")
        settled(bot)
        assert not api.messages(GROUP, "photo")


def test_only_admins_settle_and_only_once(api: BotApi, bot: RunningBot) -> None:
    sent = in_group(api, 1, "a cat")
    pressed(api, 2, sent, "🚩")
    told = photo(api, ADMIN)
    for data in ("s:1:1", "s:1:3"):
        query = api.press_data(2, sent, data)
        assert "管理员" in str(api.wait_for(lambda query=query: api.answers.get(query))["text"])  # type: ignore[misc]
    assert api.messages(GROUP, "photo") and bot.assistant.tables.reports.open()
    assert "忽略" in pressed(api, ADMIN, told, "👌")
    query = api.press_data(ADMIN, told, "s:1:2")
    assert "处理过" in str(api.wait_for(lambda: api.answers.get(query))["text"])
    query = api.press_data(ADMIN, told, "s:77:2")
    assert api.wait_for(lambda: api.answers.get(query))["text"]


def test_a_report_by_command_and_the_person_shut_out(api: BotApi, bot: RunningBot) -> None:
    sent = in_group(api, 1, "a cat")
    name = api.me["username"]
    api.say(2, f"/report@{name}", chat=GROUP, chat_type="supergroup")
    text(api, GROUP, "回复一张")
    api.say(2, f"/report@{name}", chat=GROUP, chat_type="supergroup", reply_to=sent)
    text(api, GROUP, "告诉管理员")
    assert "拉黑 telegram:1" in pressed(api, ADMIN, photo(api, ADMIN), "⛔")
    assert bot.assistant.is_blocked("telegram:1", "") and not api.messages(GROUP, "photo")


def test_an_admins_own_picture_is_removed_and_the_admin_stays(api: BotApi, bot: RunningBot) -> None:
    sent = in_group(api, ADMIN, "a cat")
    pressed(api, 2, sent, "🚩")
    assert "处处删除" in pressed(api, ADMIN, photo(api, ADMIN), "⛔")
    assert not bot.assistant.tables.blocked.list() and not bot.assistant.tables.reports.open()


def test_admins_are_told_after_a_restart(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home) as bot:
        sent = in_group(api, 1, "a cat")
        pressed(api, 2, sent, "🚩")
        settled(bot)
        assert not api.messages(ADMIN), "there was no admin yet"
    with RunningBot(api, bot_home, EASEL_ADMINS=f"{ADMIN},555") as bot:
        photo(api, ADMIN)
        settled(bot)
    with RunningBot(api, bot_home, EASEL_ADMINS=str(ADMIN)) as bot:
        told = (f"telegram:{ADMIN}", str(api.messages(ADMIN, "photo")[0]["message_id"]))
        assert told in bot.assistant.latest("telegram"), "so that nothing else is made of it"
        api.say(3, "/help")
        text(api, 3, "/model")
        assert len(api.messages(ADMIN, "photo")) == 1, "and once"


# --- shutting out ---------------------------------------------------------------------------------------------------


def test_who_is_blocked_hears_nothing_until_unblocked(api: BotApi, bot: RunningBot) -> None:
    name = api.me["username"]
    words = api.say(1, "hello everybody", chat=GROUP, chat_type="supergroup")
    sent = in_group(api, 1, "a cat")
    api.say(1, f"/block@{name} 2", chat=GROUP, chat_type="supergroup")
    text(api, GROUP, "只给管理员")
    api.say(ADMIN, f"/block@{name}", chat=GROUP, chat_type="supergroup", reply_to=words)
    text(api, GROUP, "telegram:1 不能再用了")
    count = len(api.calls)
    api.say(1, "a dog")
    query = api.press(1, sent, "⭐5")
    api.say(2, "/help")
    text(api, 2, "/model")
    settled(bot)
    assert {int(c.values.get("chat_id", 0)) for c in api.calls[count:]} == {2} and query not in api.answers
    api.say(ADMIN, "/block")
    assert "telegram:1" in text(api, ADMIN, "回复那个人")["text"]
    api.say(ADMIN, "/block 9")
    text(api, ADMIN, "管理员不能拉黑")
    api.say(ADMIN, "/unblock 1")
    text(api, ADMIN, "又可以用了")
    api.say(1, "a dog")
    photo(api, 1)


def test_who_was_shut_out_meanwhile_is_not_answered_after_a_restart(api: BotApi, bot_home: Path) -> None:
    from bot.messages import Incoming

    for user in (1, 2):
        api.chat(user)

    def left_behind(assistant: Any) -> None:
        for user in ("1", "2"):
            who = f"telegram:{user}"
            assistant.accept(Incoming(f"telegram:{user}0", who, who, "你好", "zh"))
        assistant.tables.blocked.block("telegram:1", "telegram:9")

    running = RunningBot(api, bot_home)
    running.change = left_behind
    with running as bot:
        text(api, 2, "你好")
        settled(bot)
        assert not api.messages(1)


def test_a_group_or_channel_that_writes_goes_by_its_own_name(api: BotApi, bot_home: Path) -> None:
    with RunningBot(api, bot_home, EASEL_ALLOW="1,136817688,1087968824", EASEL_ADMINS="1087968824") as bot:
        for service, name in ((136817688, -1009), (1087968824, GROUP)):
            chat = {"id": name, "type": "channel", "title": "C"}
            api.say(service, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup", sender_chat=chat)
        api.say(1, "/help")
        text(api, 1, "/model")
        settled(bot)
        assert not api.messages(GROUP)


def test_who_writes_as_a_channel_is_nobody_where_everybody_may_come(api: BotApi, bot: RunningBot) -> None:
    chat = {"id": -1009, "type": "channel", "title": "C"}
    api.say(136817688, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup", sender_chat=chat)
    api.say(1, "/help")
    text(api, 1, "/model")
    settled(bot)
    assert not api.messages(GROUP)


@pytest.mark.parametrize("allow", ["", str(GROUP)])
def test_an_anonymous_admin_is_nobody_where_everybody_may_come(api: BotApi, bot_home: Path, allow: str) -> None:
    with RunningBot(api, bot_home, EASEL_ALLOW=allow, EASEL_ADMINS=str(ADMIN)) as bot:
        chat = {"id": GROUP, "type": "supergroup", "title": "G"}
        words = f"@{api.me['username']} a cat"
        api.say(1087968824, words, chat=GROUP, chat_type="supergroup", sender_chat=chat)
        api.say(ADMIN, "/help")
        text(api, ADMIN, "/model")
        settled(bot)
        assert bool(api.messages(GROUP, "photo")) is bool(allow)


def test_the_block_list_is_part_of_the_database(api: BotApi, bot: RunningBot) -> None:
    api.say(ADMIN, "/block -100500")
    text(api, ADMIN, "-100500 不能再用了")
    api.say(1, f"@{api.me['username']} a cat", chat=GROUP, chat_type="supergroup")
    api.say(1, "/help")
    text(api, 1, "/model")
    settled(bot)
    assert not api.messages(GROUP)
    assert [row.who for row in bot.assistant.tables.blocked.list()] == ["telegram:-100500"]


def test_in_groups_commands_of_other_bots_are_left_alone(api: BotApi, bot: RunningBot) -> None:
    name = api.me["username"]
    for words in ("/weather", "/weather tomorrow", "/help@other_bot", "/", "//", "just talk", "@someone a cat"):
        api.say(1, words, chat=GROUP, chat_type="supergroup")
    api.say(1, f"/weather@{name}", chat=GROUP, chat_type="supergroup")
    text(api, GROUP, "没有这个命令")
    api.say(1, "/HELP", chat=GROUP, chat_type="supergroup")
    text(api, GROUP, "/model")
    settled(bot)
    assert len(api.messages(GROUP)) == 2


# --- what people send -----------------------------------------------------------------------------------------------


def test_pictures_of_any_kind_get_a_sentence_and_are_not_fetched(api: BotApi, bot: RunningBot) -> None:
    sizes = ((8000, 5000), (1, 1), (0, 0), (10**6, 10**6))
    photos = [{"file_id": f"p{n}", "file_unique_id": "x", "width": w, "height": h} for n, (w, h) in enumerate(sizes)]
    api.push("message", api.message(1, photo=photos, caption="a cat"))
    for name in ("bomb.png", "corrupt.jpg", "../../x.png", "not a picture.exe"):
        document = {"file_id": "d", "file_unique_id": "d", "file_name": name, "file_size": 2**40}
        api.push("message", api.message(1, document=document))
    api.wait_for(lambda: len(api.messages(1, "text")) == 5)
    settled(bot)
    assert {message["text"] for message in api.messages(1)} == {"我只看得懂文字。用一句话告诉我你想看到什么吧。"}
    assert not api.calls_of("getFile") and not bot.assistant.stats()["jobs_done"]


def test_half_a_character_is_no_reason_to_lose_a_request(api: BotApi, bot: RunningBot) -> None:
    api.say(1, "a red apple \ud83c")
    assert "apple" in photo(api, 1)["caption"]
