"""Commands that keep a chat in order: reporting pictures, shutting people out, what is shown. Knows no chat library."""

from __future__ import annotations

import re

from bot import replies
from bot.assistant import Assistant
from bot.texts import say
from bot.typed import Said, Typed
from pipeline.safety import model_file
from promptlib.screening import MATTERS

#: Blocked people that are told of at once.
SHOWN = 20


def report(assistant: Assistant, typed: Typed) -> Said:
    """Report the picture that is replied to; admins are told as soon as this is answered."""
    job_id = assistant.tables.store.job_of(typed.chat, typed.replied_message)
    if job_id is None:
        return Said(say("report_what", typed.language))
    news = assistant.tables.reports.add(job_id, typed.chat, typed.user, typed.key)
    return Said(say("reported" if news else "reported_before", typed.language))


def block(assistant: Assistant, typed: Typed) -> Said:
    """Shut somebody out; admins only."""
    if not assistant.is_admin(typed.user):
        return Said(say("admins_only", typed.language))
    who = _whom(assistant, typed)
    if not who:
        names = ", ".join(row.who for row in assistant.tables.blocked.list()[:SHOWN]) or "-"
        return Said(say("block_whom", typed.language, blocked=names))
    if assistant.is_admin(who):
        return Said(say("blocked_admin", typed.language))
    news, count = assistant.shut_out(who, typed.user)
    return Said(say("blocked" if news else "blocked_before", typed.language, who=who, count=count))


def unblock(assistant: Assistant, typed: Typed) -> Said:
    """Let somebody in again; admins only."""
    if not assistant.is_admin(typed.user):
        return Said(say("admins_only", typed.language))
    who = _whom(assistant, typed)
    if not who:
        return block(assistant, typed)
    news = assistant.tables.blocked.unblock(who)
    return Said(say("unblocked" if news else "unblocked_before", typed.language, who=who))


def _whom(assistant: Assistant, typed: Typed) -> str:
    """Who is meant: an id, or who wrote the message that is replied to; for a picture, who asked for it."""
    front = typed.user.partition(":")[0]
    if typed.words:
        return f"{front}:{typed.words[0]}" if re.fullmatch("-?[0-9]{1,19}", typed.words[0]) else ""
    job_id = assistant.tables.store.job_of(typed.chat, typed.replied_message)
    return typed.replied_person if job_id is None else assistant.job(job_id).owner


def safety(assistant: Assistant, typed: Typed) -> Said:
    """What a chat does about sex, gore and nudity; admins may change it."""
    moderation = assistant.tables.moderation
    if typed.words:
        if not assistant.is_admin(typed.user):
            return Said(say("admins_only", typed.language))
        matter, choice = (*(word.lower() for word in typed.words), "")[:2]
        moderation.choose(typed.chat, matter, choice.removesuffix("%"))
    now, language = moderation.choices(typed.chat), typed.language
    unchecked = assistant.settings.safety_unchecked
    missing = "" if model_file() else say("safety_missing", language, unchecked=unchecked) + "\n"
    chosen = {matter: now.of(matter) for matter in MATTERS}
    text = say("safety", language, **chosen, threshold=round(now.threshold * 100), detector=missing)
    return Said(replies.shorten(text, replies.MESSAGE))
