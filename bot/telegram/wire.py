"""Posts, edits and deletes in Telegram, and finds a message of which it is not known whether it was posted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    Message,
    ReplyParameters,
)
from telegram.constants import ChatAction
from telegram.ext import ExtBot

from bot.buttons import Rows
from bot.telegram.calls import NOW_OR_NEVER, told_plainly
from bot.telegram.numbers import Numbers
from bot.wire import Post, Refused, Unchanged, Unsure, insist

#: Seconds between two tries to ask about one message: there may be dozens to ask about.
PATIENCE = 1.0


async def _sleep(seconds: float) -> bool:
    await asyncio.sleep(seconds)
    return False


class TelegramWire:
    """See `bot.wire.Wire`.

    Args:
        pause: waits; True when it is time to stop.
    """

    def __init__(self, bot: ExtBot[Any], pause: Callable[[float], Awaitable[bool]] = _sleep) -> None:
        self.bot = bot
        self.numbers = Numbers()
        self._pause = pause
        #: How far each chat was looked through last.
        self._looked: dict[int, int] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    # --- posting ----------------------------------------------------------------------------------------------

    async def send(self, post: Post) -> list[str]:
        chat = number(post.chat)
        async with self._lock(chat):
            try:
                with told_plainly():
                    numbers = await self._send(chat, post)
            except Refused:
                if not post.files or not post.as_photos or any(file.spoiler for file in post.files):
                    raise
                # Telegram takes as a file what it does not take as a photo.
                with told_plainly():
                    numbers = await self._send(chat, replace(post, original=True))
            self.numbers.posted(chat, numbers)
        return [str(one) for one in numbers]

    async def _send(self, chat: int, post: Post) -> list[int]:
        under = _under(post.reply)
        if not post.files:
            message = await self.bot.send_message(
                chat, post.text, reply_markup=_keyboard(post.rows), reply_parameters=under
            )
            return [message.message_id]
        if len(post.files) > 1:
            sent = await self.bot.send_media_group(chat, _media(post), caption=post.text, reply_parameters=under)
            return [message.message_id for message in sent]
        file = post.files[0]
        send: Callable[..., Awaitable[Message]] = (
            partial(self.bot.send_photo, has_spoiler=file.spoiler) if post.as_photos else self.bot.send_document
        )
        message = await send(
            chat,
            file.data,
            caption=post.text,
            filename=file.name,
            reply_markup=_keyboard(post.rows),
            reply_parameters=under,
        )
        return [message.message_id]

    async def say(self, chat: str, text: str, rows: Rows = (), reply: str = "") -> str:
        return (await self.send(Post(chat, text, rows, reply)))[0]

    def _lock(self, chat: int) -> asyncio.Lock:
        return self._locks.setdefault(chat, asyncio.Lock())

    # --- finding ----------------------------------------------------------------------------------------------

    def turn(self, chat: str) -> asyncio.Lock:
        return self._turns.setdefault(chat, asyncio.Lock())

    def know(self, chat: str, message: str) -> None:
        self.numbers.posted(number(chat), [int(message)])

    def forget(self, chat: str, messages: Sequence[str]) -> None:
        self.numbers.forget(number(chat), [int(message) for message in messages])

    def mark(self, post: Post, since: str = "") -> str:
        now = str(self.numbers.mark(number(post.chat), int(post.reply or 0)))
        return f"{since}-{now}" if since else now

    async def find(self, post: Post, since: str) -> list[str]:
        """Ask for the change of a message into what it may be already, number after number.

        Telegram tells no bot what stands in a chat, but it answers whether there is such a message of the bot's, and
        whether it would change at all. What did change was something left over in this chat whose number nobody
        knew: it is made into the post.
        """
        chat = number(post.chat)
        async with self._lock(chat):
            first, _, last = since.partition("-")
            candidates = self.numbers.candidates(chat, int(first), int(last or 0))
            self._looked[chat] = max(candidates, default=int(first))
            found = await self._among(chat, candidates, post)
            self.numbers.posted(chat, found)
        return [str(one) for one in found]

    async def _among(self, chat: int, candidates: Sequence[int], post: Post) -> list[int]:
        found: list[int] = []
        for candidate in candidates:
            if await self._is(chat, candidate, post, len(found)):
                found.append(candidate)
            if len(found) == max(1, len(post.files)):
                break
        return found

    async def clear(self, post: Post, since: str, messages: Sequence[str]) -> None:
        """Others may have written so much meanwhile that the bot never saw how far the numbers had come."""
        chat = number(post.chat)
        mark = max(int(since.partition("-")[0]), self._looked.get(chat, 0))
        async with self._lock(chat):
            candidates = self.numbers.between(chat, mark, min(int(message) for message in messages))
            found = await self._among(chat, candidates, post)
        for stray in found:
            await self.remove(post.chat, str(stray))

    async def _is(self, chat: int, candidate: int, post: Post, part: int) -> bool:
        """Whether a message is this part of a post, or has become it."""
        ask = partial(self._become, chat, candidate, post, part)
        try:
            if await insist(ask, lambda seconds: self._pause(min(seconds, PATIENCE))) is None:
                raise Unsure("It is time to stop, and not known whether this was posted")
        except Unchanged:
            return True
        except Refused:
            return False
        if not post.files:
            return True
        if len(post.files) > 1:
            return False  # a picture of another album; its place in there is its own
        with told_plainly():
            await self.bot.edit_message_media(_media(post)[0], chat, candidate, reply_markup=_keyboard(post.rows))
        return True

    async def _become(self, chat: int, candidate: int, post: Post, part: int) -> bool:
        with told_plainly():
            if not post.files:
                await self.bot.edit_message_text(post.text, chat, candidate, reply_markup=_keyboard(post.rows))
            else:
                caption = post.text if part == 0 else ""
                await self.bot.edit_message_caption(chat, candidate, caption=caption, reply_markup=_keyboard(post.rows))
        return True

    # --- changing ---------------------------------------------------------------------------------------------

    async def rewrite(self, chat: str, message: str, text: str, rows: Rows = ()) -> None:
        with told_plainly():
            await self.bot.edit_message_text(
                text, number(chat), int(message), reply_markup=_keyboard(rows), rate_limit_args=NOW_OR_NEVER
            )

    async def relabel(self, chat: str, message: str, rows: Rows) -> None:
        with told_plainly():
            await self.bot.edit_message_reply_markup(number(chat), int(message), reply_markup=_keyboard(rows))

    async def remove(self, chat: str, message: str) -> None:
        with told_plainly():
            await self.bot.delete_message(number(chat), int(message))

    async def busy(self, chat: str) -> None:
        with told_plainly():
            await self.bot.send_chat_action(number(chat), ChatAction.UPLOAD_PHOTO, rate_limit_args=NOW_OR_NEVER)


def number(name: str) -> int:
    return int(name.rpartition(":")[2])


def _under(message: str) -> ReplyParameters | None:
    """The answer stands under what it answers, and comes all the same when that was deleted."""
    return ReplyParameters(int(message), allow_sending_without_reply=True) if int(message or 0) else None


def _keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(text, callback_data=data) for text, data in row] for row in rows]
    )


def _media(post: Post) -> Sequence[InputMediaPhoto | InputMediaDocument]:
    single = post.text if len(post.files) == 1 else None
    if not post.as_photos:
        return [InputMediaDocument(file.data, filename=file.name, caption=single) for file in post.files]
    return [
        InputMediaPhoto(file.data, filename=file.name, caption=single, has_spoiler=file.spoiler) for file in post.files
    ]
