"""The bot: lets updates in, has them served side by side, and begins and ends in good order.

Updates pass the gate and are stored before Telegram is told that they arrived (`Inbox`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import sqlite3
import urllib.parse
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from telegram import BotCommand, Update
from telegram.constants import ChatType
from telegram.error import InvalidToken, NetworkError, TelegramError
from telegram.ext import Application, ApplicationBuilder, TypeHandler, Updater

from bot import intake, metrics, replies, reporting
from bot.assistant import Assistant
from bot.commands import MENU
from bot.desk import Desk
from bot.errors import SettingsError
from bot.logs import set_up_logs
from bot.messages import Incoming
from bot.settings import Settings
from bot.telegram.calls import Calls, Limits, Polling, told_plainly, without_traceback
from bot.telegram.reading import FRONT, group_of, language_of, read, who
from bot.telegram.wire import TelegramWire
from bot.texts import say
from bot.wire import Unsent, insist, once

# Spans of time as timedelta: what later versions of the library do always, and this one warns about otherwise.
os.environ.setdefault("PTB_TIMEDELTA", "true")

log = logging.getLogger(__name__)

App = Application[Any, Any, Any, Any, Any, Any]
Builder = ApplicationBuilder[Any, Any, Any, Any, Any, Any]

WANTED = [Update.MESSAGE, Update.CALLBACK_QUERY]

#: Updates handled at once. Most of them wait for their chat's turn, and one chat's must not keep others out.
AT_ONCE = 10_000

TOAST = 200  # characters of the answer to a press

#: Seconds before each time a running bot asks whether its token, which was refused, is refused for good.
DOUBTS = (1.0, 5.0, 20.0, 60.0)

REVOKED = "Telegram refuses the bot's token; check EASEL_TELEGRAM_TOKEN."


class Inbox(asyncio.Queue[object]):
    """Updates that were let in. Poller and webhook wait for `put` before they acknowledge an update to Telegram."""

    def __init__(self, admit: Callable[[Update], Awaitable[bool]]) -> None:
        super().__init__()
        self._admit = admit

    async def put(self, item: object) -> None:
        if not isinstance(item, Update) or await self._admit(item):
            await super().put(item)


class TelegramBot:
    """The bot.

    Args:
        settings: whose token is used.
        make: makes the assistant.
    """

    def __init__(self, settings: Settings, make: Callable[..., Assistant] = Assistant) -> None:
        self.settings = settings
        self._doubt: asyncio.Task[None] | None = None
        self._revoked = False
        self.app = self._application()
        self.wire = TelegramWire(self.app.bot, lambda seconds: self.desk.pause(seconds))
        self.desk = Desk(FRONT, settings, make, self.wire, self.app.create_task)

    def _application(self) -> App:
        logging.getLogger("telegram.ext.Updater").addFilter(without_traceback)
        builder: Builder = Application.builder().token(self.settings.telegram_token)
        builder = builder.update_queue(Inbox(self._admit)).concurrent_updates(AT_ONCE)
        builder = builder.rate_limiter(Limits(lambda seconds: self.desk.pause(seconds)))
        builder = builder.request(Calls(self._doubted)).get_updates_request(Polling(self._doubted))
        if server := self.settings.telegram_api.rstrip("/"):
            builder = builder.base_url(f"{server}/bot").base_file_url(f"{server}/file/bot")
        app: App = builder.build()
        app.add_handler(TypeHandler(Update, self._handle))
        app.add_error_handler(self._failed)
        return app

    async def run(self) -> None:
        """Serve until `stop` is called.

        Raises:
            SettingsError: Telegram refuses the token.
        """
        updater = self.app.updater
        assert updater is not None
        if await insist(self._connect, self.desk.pause) is None:
            await self.app.bot.request.shutdown()
            return
        await self.app.start()
        try:
            await self.desk.open(partial(intake.serve, self.desk))
            self.app.create_task(reporting.tell(self.desk))
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
        if self._revoked:
            raise SettingsError(REVOKED)

    def stop(self) -> None:
        """End in good order: the picture being painted is finished and sent."""
        self.desk.closing.set()

    async def _connect(self) -> bool:
        with told_plainly():
            try:
                await self.app.initialize()
            except InvalidToken as error:
                await self.app.bot.request.shutdown()
                raise SettingsError(REVOKED) from error
        return True

    def _doubted(self) -> None:
        """The token was refused, though it was good at the start."""
        if self._doubt is None or self._doubt.done():
            self._doubt = self.app.create_task(self._ask_for_token())

    async def _ask_for_token(self) -> None:
        """End if the token stays refused, as when its owner has had it changed."""
        for seconds in DOUBTS:
            log.warning("Telegram refuses the token; asking again in %.0f s whether it is good", seconds)
            if await self.desk.pause(seconds):
                return
            try:
                await self.app.bot.get_me()
            except InvalidToken:
                continue
            except TelegramError as error:
                log.info("Telegram does not tell about the token: %s", error)
            return
        log.error("Telegram refuses the token for good; what is owed is sent after a start with a good one")
        self._revoked = True
        self.stop()

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
            await insist(partial(self._set_commands, commands, code), self.desk.pause)

    async def _set_commands(self, commands: list[BotCommand], code: str | None) -> bool:
        with told_plainly():
            await self.app.bot.set_my_commands(commands, language_code=code)
        return True

    async def _admit(self, update: Update) -> bool:
        """Whether to handle an update; see `Desk.admit`.

        Raises:
            NetworkError: it could not be stored, so Telegram shall send it again.
        """
        try:
            (user, chat), message = who(update), update.message
            if message:
                self.wire.numbers.saw(message.chat.id, message.message_id)
            if message and message.migrate_to_chat_id and message.chat.type == ChatType.GROUP:
                await self.desk.follow(chat, f"{FRONT}:{message.migrate_to_chat_id}")
            admitted = await self.desk.admit(str(update.update_id), user, group_of(update), partial(self._read, update))
            metrics.UPDATES.labels("let in" if admitted else "left out").inc()
            return admitted
        except (Unsent, sqlite3.OperationalError) as error:
            metrics.UPDATES.labels("not stored").inc()
            raise NetworkError(str(error)) from error
        except Exception:
            # Whatever else came out of here would end the fetching of updates.
            log.exception("Update %s could not be let in", update.update_id)
            return False

    def _read(self, update: Update) -> Incoming | None:
        return read(update, self.app.bot.username)

    async def _handle(self, update: Update, context: Any) -> None:
        query, incoming, said = update.callback_query, self._read(update), say("gone", language_of(update))
        if incoming:
            said = await intake.serve(self.desk, incoming)
        if query:
            await once(self._toast(query.id, replies.shorten(said, TOAST)))

    async def _toast(self, query: str, text: str) -> None:
        """Answer a press, without which the button goes on turning."""
        with told_plainly():
            await self.app.bot.answer_callback_query(query, text)

    async def _failed(self, update: object, context: Any) -> None:
        """An error nobody expected. What was asked is stored, and served after the next start."""
        log.error("Something failed", exc_info=context.error)


async def serve(settings: Settings, make: Callable[..., Assistant]) -> None:
    bot = TelegramBot(settings, make)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, bot.stop)
    await bot.run()


def main(settings: Settings, make: Callable[..., Assistant] = Assistant) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    secrets = (settings.telegram_token, settings.webhook_secret, settings.llm_key)
    set_up_logs(settings.log_level, *secrets, form=settings.log)
    with metrics.served(settings):
        asyncio.run(serve(settings, make))
