"""Telegram: turns its updates into messages, presses and commands, and the desk's wishes into its calls.

The only file that knows telegram. Updates pass the gate, and requests are stored, before Telegram is told that they
arrived (`Inbox`); then they are handled side by side. What is said stands elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from telegram import (
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    Message,
    MessageEntity,
    ReplyParameters,
    Update,
)
from telegram.constants import ChatAction, ChatType
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.ext import (
    AIORateLimiter,
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    CommandHandler,
    ExtBot,
    MessageHandler,
    Updater,
    filters,
)
from telegram.request import HTTPXRequest

from bot import buttons, metrics, presses, replies
from bot.assistant import Assistant
from bot.buttons import Rows
from bot.commands import COMMANDS, MENU, Said, Typed
from bot.desk import Desk
from bot.errors import SettingsError
from bot.logs import set_up_logs
from bot.messages import Incoming
from bot.settings import Settings
from bot.texts import say
from bot.wire import File, Moved, Refused, Unsent, WireError, insist

# Spans of time as timedelta: what later versions of the library do always, and this one warns about otherwise.
os.environ.setdefault("PTB_TIMEDELTA", "true")

log = logging.getLogger(__name__)

App = Application[Any, Any, Any, Any, Any, Any]
Builder = ApplicationBuilder[Any, Any, Any, Any, Any, Any]

FRONT = "telegram"
WANTED = [Update.MESSAGE, Update.CALLBACK_QUERY]

#: Updates handled at once. Most of them wait for their chat's turn, and one chat's must not keep others out.
AT_ONCE = 10_000

TOAST = 200  # characters of the answer to a press


class Inbox(asyncio.Queue[object]):
    """Updates that were let in. Poller and webhook wait for `put` before they acknowledge an update to Telegram."""

    def __init__(self, admit: Callable[[Update], Awaitable[bool]]) -> None:
        super().__init__()
        self._admit = admit

    async def put(self, item: object) -> None:
        if not isinstance(item, Update) or await self._admit(item):
            await super().put(item)


class Polling(HTTPXRequest):
    """Fetches updates. One that the library cannot read becomes an empty one, or its whole batch would never pass."""

    def __init__(self) -> None:
        super().__init__(connection_pool_size=1, connect_timeout=10, read_timeout=30, pool_timeout=30)

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        answer = HTTPXRequest.parse_json_payload(payload)
        if isinstance(answer.get("result"), list):
            answer["result"] = [_readable(update) for update in answer["result"]]
        return answer


def _readable(update: dict[str, Any]) -> dict[str, Any]:
    try:
        Update.de_json(update, None)
    except Exception:
        log.exception("Update %s cannot be read and is left out", update["update_id"])
        return {"update_id": update["update_id"]}
    return update


class TelegramWire:
    """Sends, edits and deletes; see `bot.wire.Wire`."""

    def __init__(self, bot: ExtBot[Any]) -> None:
        self.bot = bot

    async def say(self, chat: str, text: str, rows: Rows = (), reply: str = "") -> str:
        with _told_plainly():
            message = await self.bot.send_message(
                _number(chat), text, reply_markup=_keyboard(rows), reply_parameters=_under(reply)
            )
        return str(message.message_id)

    async def show(self, chat: str, files: Sequence[File], caption: str, rows: Rows = (), reply: str = "") -> list[str]:
        to, photos, under = _number(chat), all(file.fits_photo for file in files), _under(reply)
        with _told_plainly():
            if len(files) > 1:
                kind = InputMediaPhoto if photos else InputMediaDocument
                media = [kind(file.data, filename=file.name) for file in files]
                sent = await self.bot.send_media_group(to, media, caption=caption, reply_parameters=under)
                return [str(message.message_id) for message in sent]
            send: Callable[..., Awaitable[Message]] = self.bot.send_photo if photos else self.bot.send_document
            message = await send(
                to,
                files[0].data,
                caption=caption,
                filename=files[0].name,
                reply_markup=_keyboard(rows),
                reply_parameters=under,
            )
        return [str(message.message_id)]

    async def hand_over(self, chat: str, files: Sequence[File], reply: str = "") -> None:
        for file in files:
            with _told_plainly():
                await self.bot.send_document(
                    _number(chat), file.data, filename=file.name, reply_parameters=_under(reply)
                )

    async def rewrite(self, chat: str, message: str, text: str, rows: Rows = ()) -> None:
        with _told_plainly():
            await self.bot.edit_message_text(text, _number(chat), int(message), reply_markup=_keyboard(rows))

    async def relabel(self, chat: str, message: str, rows: Rows) -> None:
        with _told_plainly():
            await self.bot.edit_message_reply_markup(_number(chat), int(message), reply_markup=_keyboard(rows))

    async def remove(self, chat: str, message: str) -> None:
        with _told_plainly():
            await self.bot.delete_message(_number(chat), int(message))

    async def busy(self, chat: str) -> None:
        with _told_plainly():
            await self.bot.send_chat_action(_number(chat), ChatAction.UPLOAD_PHOTO)


class TelegramBot:
    """The bot.

    Args:
        settings: whose token is used.
        make: makes the assistant.
    """

    def __init__(self, settings: Settings, make: Callable[..., Assistant] = Assistant) -> None:
        self.settings = settings
        self.app = self._application()
        self.wire = TelegramWire(self.app.bot)
        self.desk = Desk(FRONT, settings, make, self.wire, self.app.create_task)

    def _application(self) -> App:
        builder: Builder = Application.builder().token(self.settings.telegram_token)
        builder = builder.update_queue(Inbox(self._admit)).get_updates_request(Polling())
        builder = builder.concurrent_updates(AT_ONCE).rate_limiter(AIORateLimiter(max_retries=5))
        builder = builder.connect_timeout(10).read_timeout(30).write_timeout(30).media_write_timeout(120)
        builder = builder.pool_timeout(30)
        if server := self.settings.telegram_api.rstrip("/"):
            builder = builder.base_url(f"{server}/bot").base_file_url(f"{server}/file/bot")
        app: App = builder.build()
        new, private = filters.UpdateType.MESSAGE, filters.ChatType.PRIVATE
        for name in COMMANDS:
            app.add_handler(CommandHandler(name, partial(self._command, name), filters=new))
        app.add_handler(MessageHandler(new & filters.TEXT, self._text))
        app.add_handler(MessageHandler(new & private & ~filters.StatusUpdate.ALL, self._other))
        app.add_handler(CallbackQueryHandler(self._press))
        app.add_error_handler(self._failed)
        return app

    async def run(self) -> None:
        """Serve until `stop` is called."""
        updater = self.app.updater
        assert updater is not None
        if await insist(self._connect, self.desk.pause) is None:
            await self.app.bot.request.shutdown()
            return
        await self.app.start()
        try:
            await self.desk.open()
            await self._listen(updater)
            self.app.create_task(self._introduce())
            await self.desk.closing.wait()
        finally:
            # No more comes in, then the picture being painted is finished, then what is said is said.
            if updater.running:
                await updater.stop()
            await self.desk.close()
            await self.app.stop()
            await self.app.shutdown()

    def stop(self) -> None:
        """End in good order: the picture being painted is finished and sent."""
        self.desk.closing.set()

    async def _connect(self) -> bool:
        try:
            with _told_plainly():
                await self.app.initialize()
        except InvalidToken as error:
            await self.app.bot.request.shutdown()
            raise SettingsError("Telegram refuses the bot's token; check EASEL_TELEGRAM_TOKEN.") from error
        return True

    async def _listen(self, updater: Updater) -> None:
        settings = self.settings
        if not settings.webhook_url:
            await updater.start_polling(
                allowed_updates=WANTED, bootstrap_retries=-1, error_callback=partial(log.warning, "No updates: %s")
            )
            return
        await updater.start_webhook(
            listen="0.0.0.0",
            port=settings.webhook_port,
            url_path=urllib.parse.urlsplit(settings.webhook_url).path.lstrip("/"),
            webhook_url=settings.webhook_url,
            secret_token=settings.webhook_secret or secrets.token_urlsafe(32),
            allowed_updates=WANTED,
            bootstrap_retries=-1,
        )

    async def _introduce(self) -> None:
        """Tell Telegram the commands, for its menu."""
        for language, code in (("en", None), ("zh", "zh")):
            commands = [BotCommand(name, say(f"command_{name}", language)) for name in MENU]
            try:
                await self.app.bot.set_my_commands(commands, language_code=code)
            except TelegramError as error:
                log.warning("The menu of commands could not be set: %s", error)

    async def _admit(self, update: Update) -> bool:
        """Whether to handle an update; see `Desk.admit`.

        Raises:
            NetworkError: it could not be stored, so Telegram shall send it again.
        """
        (user, chat), place = _who(update), update.effective_chat
        group = chat if place and place.type != ChatType.PRIVATE else ""
        try:
            admitted = await self.desk.admit(str(update.update_id), user, group, partial(self._incoming, update))
            metrics.UPDATES.labels("let in" if admitted else "left out").inc()
            return admitted
        except Unsent as error:
            metrics.UPDATES.labels("not stored").inc()
            raise NetworkError(str(error)) from error

    def _incoming(self, update: Update) -> Incoming | None:
        """The request in an update: a text meant for easel, or a press for another picture."""
        (user, chat), query, message = _who(update), update.callback_query, update.message
        about = partial(Incoming, chat=chat, user=user, language=_language(update))
        if query and query.message and query.data and (press := buttons.decode(query.data)):
            key = self.desk.key_of_press(f"{update.update_id}:{query.id}")
            wanted = press.action in (buttons.AGAIN, buttons.SWITCHED)
            return about(key=key, text=query.data, message=str(query.message.message_id)) if wanted else None
        if message and (text := self._addressed(message)):
            # The time too: after a quiet week, Telegram counts updates from a random number on.
            key = f"{FRONT}:{update.update_id}:{message.date.timestamp():.0f}"
            return about(key=key, text=text, message=str(message.message_id))
        return None

    def _addressed(self, message: Message) -> str | None:
        """The text of a message that is meant for easel: in a group, one that mentions it or replies to it."""
        text, me, replied = message.text or "", self.app.bot, message.reply_to_message
        if text.startswith("/"):
            return None
        if message.chat.type == ChatType.PRIVATE:
            return text
        for mention in message.parse_entities([MessageEntity.MENTION]).values():
            if mention.lower() == f"@{me.username.lower()}":
                return text.replace(mention, " ").strip()
        return text if replied and replied.from_user and replied.from_user.id == me.id else None

    async def _text(self, update: Update, context: Any) -> None:
        if incoming := self._incoming(update):
            await self.desk.converse(incoming)
        elif update.message and update.message.chat.type == ChatType.PRIVATE:
            await self._say(update, Said(say("unknown_command", _language(update))))

    async def _other(self, update: Update, context: Any) -> None:
        await self._say(update, Said(say("only_text", _language(update))))

    async def _command(self, name: str, update: Update, context: Any) -> None:
        typed = Typed(*_who(update), _language(update), tuple(context.args or ()))
        async with self.desk.turn(typed.chat):
            said = await asyncio.to_thread(COMMANDS[name], self.desk.assistant, typed)
            if said.files:
                await insist(partial(self.wire.hand_over, typed.chat, said.files), self.desk.pause)
            await self._say(update, said)
        if name == "cancel":
            await self.desk.catch_up()

    async def _say(self, update: Update, said: Said) -> None:
        try:
            await insist(partial(self.wire.say, _who(update)[1], said.text, said.rows), self.desk.pause)
        except WireError as error:
            log.warning("Update %s cannot be answered: %s", update.update_id, error)

    async def _press(self, update: Update, context: Any) -> None:
        query, language, (user, chat) = update.callback_query, _language(update), _who(update)
        assert query is not None
        press, under, said = buttons.decode(query.data or ""), query.message, ""
        if press is None or under is None:
            said = say("gone", language)
        elif incoming := self._incoming(update):
            self.desk.spawn(self.desk.converse(incoming))
        else:
            private = under.chat.type == ChatType.PRIVATE
            pressed = presses.Pressed(press, user, chat, str(under.message_id), language, private)
            said = await presses.serve(self.desk, pressed)
        with _told_plainly():
            await query.answer(replies.shorten(said, TOAST))

    async def _failed(self, update: object, context: Any) -> None:
        """An error nobody expected; what Telegram refused or did not take needs no more words."""
        if isinstance(context.error, WireError):
            log.warning("Telegram: %s", context.error)
            return
        log.error("Something failed", exc_info=context.error)
        if isinstance(update, Update) and update.message:
            await self._say(update, Said(say("general", _language(update))))


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Telegram's errors as the wire's."""
    try:
        with metrics.errors_counted(TelegramError):
            yield
    except ChatMigrated as error:
        raise Moved(f"{FRONT}:{error.new_chat_id}") from error
    except RetryAfter as error:
        after = error.retry_after
        raise Unsent(str(error), after.total_seconds() if isinstance(after, timedelta) else after) from error
    except InvalidToken:
        raise
    except (BadRequest, Forbidden) as error:
        raise Refused(str(error)) from error
    except TelegramError as error:
        raise Unsent(str(error)) from error


def _who(update: Update) -> tuple[str, str]:
    """User and chat of an update, empty where it has none."""
    user, chat = update.effective_user, update.effective_chat
    return f"{FRONT}:{user.id}" if user else "", f"{FRONT}:{chat.id}" if chat else ""


def _language(update: Update) -> str:
    code = (update.effective_user.language_code if update.effective_user else "") or ""
    return "zh" if code.lower().startswith("zh") else "en"


def _number(name: str) -> int:
    return int(name.rpartition(":")[2])


def _under(message: str) -> ReplyParameters | None:
    """The answer stands under what it answers, and comes all the same when that was deleted."""
    return ReplyParameters(int(message), allow_sending_without_reply=True) if message else None


def _keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(text, callback_data=data) for text, data in row] for row in rows]
    )


async def serve(settings: Settings, make: Callable[..., Assistant]) -> None:
    bot = TelegramBot(settings, make)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, bot.stop)
    await bot.run()


def main(settings: Settings, make: Callable[..., Assistant] = Assistant) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    set_up_logs(settings.log_level, settings.telegram_token, settings.webhook_secret, form=settings.log)
    with metrics.served(settings):
        asyncio.run(serve(settings, make))
