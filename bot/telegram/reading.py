"""Reads Telegram's updates: who, where, in which language, and the message in them as plain data."""

from __future__ import annotations

from telegram import Message, MessageEntity, Update
from telegram.constants import ChatType
from telegram.ext import filters

from bot.commands import COMMANDS
from bot.messages import COMMAND, OTHER, PRESS, REQUEST, Incoming

FRONT = "telegram"


def who(update: Update) -> tuple[str, str]:
    """User and chat of an update, empty where it has none. In a group, an anonymous admin goes by the group's name;
    who writes as a channel is nobody, since one person may have any number of them. In private there is nobody but
    the one whose number the chat has."""
    user, chat = update.effective_sender, update.effective_chat
    if user is not None and user.id < 0 and (chat is None or user.id != chat.id):
        user = None
    if chat is not None and chat.type == ChatType.PRIVATE:
        person = update.effective_user
        user = person if person is not None and person.id == chat.id else None
    return f"{FRONT}:{user.id}" if user else "", f"{FRONT}:{chat.id}" if chat else ""


def group_of(update: Update) -> str:
    """The group an update came from; empty for a private chat."""
    place = update.effective_chat
    return f"{FRONT}:{place.id}" if place and place.type != ChatType.PRIVATE else ""


def language_of(update: Update) -> str:
    code = (update.effective_user.language_code if update.effective_user else "") or ""
    return "zh" if code.lower().startswith("zh") else "en"


def read(update: Update, me: str) -> Incoming | None:
    """The message in an update that is meant for easel; None where there is none.

    Args:
        me: the bot's own name.
    """
    (user, chat), query, message = who(update), update.callback_query, update.message
    language = language_of(update)
    if query and query.message:
        # The button may hang on a message so old that Telegram tells no more of it than its number.
        key, under = f"{FRONT}:press:{update.update_id}:{query.id}", str(query.message.message_id)
        return Incoming(key, chat, user, _whole(query.data or ""), language, under, PRESS)
    if message and not filters.StatusUpdate.ALL.filter(update) and (found := _meant(message, me)):
        # The time too: after a quiet week, Telegram counts updates from a random number on.
        key = f"{FRONT}:{update.update_id}:{message.date.timestamp():.0f}"
        about = (language, str(message.message_id), found[0], _replied(message))
        return Incoming(key, chat, user, _whole(found[1]), *about)
    return None


def _whole(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can carry and no database takes."""
    return text.encode(errors="replace").decode()


def _replied(message: Message) -> str:
    """Message and person that a message replies to."""
    replied = message.reply_to_message
    whose = replied and (replied.sender_chat or replied.from_user)
    return f"{replied.message_id} {FRONT}:{whose.id}" if replied and whose else ""


def _meant(message: Message, me: str) -> tuple[str, str] | None:
    """Kind and text of a message for easel: in a group a command, a mention of it or a reply to it."""
    text, private = message.text or "", message.chat.type == ChatType.PRIVATE
    if text.startswith("/"):
        name, _, whose = text.split()[0].removeprefix("/").lower().partition("@")
        # In a group, other bots' commands are typed too.
        meant = whose == me.lower() or (not whose and (private or name in COMMANDS))
        return (COMMAND, text) if meant else None
    if private and text:
        return REQUEST, text
    if private:
        return OTHER, ""
    if not text or text != _whole(text):
        return None  # mentions can be told in whole texts only
    for mention in message.parse_entities([MessageEntity.MENTION]).values():
        if mention.lower() == f"@{me.lower()}":
            return REQUEST, text.replace(mention, " ").strip()
    replied = message.reply_to_message
    mine = replied and replied.from_user and (replied.from_user.username or "").lower() == me.lower()
    return (REQUEST, text) if text and mine else None
