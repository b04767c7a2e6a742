"""What happens when a button is pressed, whether it was sent a minute or a month ago. Knows no chat library."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from dataclasses import dataclass

from bot import buttons, presses_why, replies, reporting
from bot.buttons import Press
from bot.desk import DELIBERATE, Desk
from bot.messages import Incoming
from bot.showing import shown_files
from bot.texts import say
from bot.wire import Moved, Post, Unsent, WireError, once

log = logging.getLogger(__name__)


#: What names no job of this chat; a report is settled by admins, who are asked for there.
WITHOUT_JOB = (buttons.MODEL, buttons.FORGET, buttons.SETTLE)
#: What only who asked for a picture may press under it, and admins. Others may rate, ask why, and report.
FOR_REQUESTER = (*buttons.REQUESTS, buttons.FILE, buttons.DELETE)


@dataclass(frozen=True)
class Pressed:
    """A press: what, by whom, under which message. `private` where nobody else sees the buttons."""

    press: Press
    user: str
    chat: str
    message: str
    language: str
    private: bool
    key: str = ""

    @classmethod
    def of(cls, press: Press, incoming: Incoming) -> Pressed:
        who, where = incoming.user, incoming.chat
        return cls(press, who, where, incoming.message, incoming.language, incoming.private, incoming.key)


def denied(desk: Desk, press: Press, user: str, chat: str) -> str:
    """What to say to somebody who may not press a button, by key; empty for whoever may. Blocks.

    Bytes of a button are cheap to forge, and in a group everybody sees the buttons.
    """
    if press.action in WITHOUT_JOB:
        return ""
    if press.action == buttons.CANCEL and desk.asked(user, press.job):
        return ""  # /status lists what somebody waits for in all their chats
    if not desk.owns(user, chat, press.job):
        return "gone"
    if press.action not in FOR_REQUESTER or desk.assistant.is_admin(user):
        return ""
    return "" if desk.assistant.job(press.job).owner == user else "error_NotYours"


async def serve(desk: Desk, pressed: Pressed) -> str:
    """Do what a button stands for. Returns what to say about it, which may be nothing.

    Raises:
        Unsent, sqlite3.OperationalError: to be served again.
        Moved: to be served again in the chat's new name.
    """
    try:
        if pressed.press.action == buttons.FORGET:
            return await presses_why.forget(desk, pressed)
        return await (_choose_model(desk, pressed) if pressed.press.action == buttons.MODEL else _act(desk, pressed))
    except DELIBERATE as error:
        log.info("%s is answered with an error: %s", pressed, error)
        return replies.explain(error, pressed.language)
    except (Unsent, Moved, sqlite3.OperationalError):
        raise
    except WireError as error:
        log.warning("%s could not be served: %s", pressed, error)
        return say("general", pressed.language)
    except Exception:
        log.exception("%s could not be served", pressed)
        return say("general", pressed.language)


async def _choose_model(desk: Desk, pressed: Pressed) -> str:
    chosen = pressed.press.model
    await asyncio.to_thread(desk.assistant.set_model, pressed.chat, chosen)
    await once(desk.wire.relabel(pressed.chat, pressed.message, buttons.models(desk.assistant.profiles, chosen)))
    return say("model_set", pressed.language, model=chosen)


async def _act(desk: Desk, pressed: Pressed) -> str:
    """A press under a picture. What a press for another picture asks for was stored and is answered elsewhere."""
    job_id = pressed.press.job
    match pressed.press.action:
        case buttons.REPORT:
            return await reporting.report(desk, pressed)
        case buttons.SETTLE:
            return await reporting.settle(desk, pressed)
        case buttons.RATE:
            return await _rate(desk, pressed)
        case buttons.CANCEL:
            stopped = await desk.cancel(job_id, pressed.user)
            return say("cancelling" if stopped else "nothing_to_cancel", pressed.language)
        case buttons.DELETE:
            return await _delete(desk, pressed)
        case buttons.WHY:
            text, rows = await presses_why.explain(desk, pressed)
            await _post(desk, pressed, "why", Post(pressed.chat, text, rows, pressed.message))
        case action if action in presses_why.ACTIONS:
            return await presses_why.act(desk, pressed)
        case buttons.FILE:
            job = await asyncio.to_thread(desk.assistant.job, job_id)
            for file in await asyncio.to_thread(shown_files, desk.assistant, job, pressed.chat):
                as_it_is = pressed.private or not file.spoiler
                await _post(desk, pressed, file.name, Post(pressed.chat, "", (), pressed.message, [file], as_it_is))
    return ""


async def _post(desk: Desk, pressed: Pressed, part: str, post: Post) -> None:
    if not await desk.post(pressed.key, part, post):
        raise Unsent("It is time to stop")


async def _rate(desk: Desk, pressed: Pressed) -> str:
    press = pressed.press
    rated = await asyncio.to_thread(desk.assistant.rate, press.job, pressed.user, press.value, key=pressed.key)
    if pressed.private:
        rows = buttons.under_picture(press.job, pressed.language, rated.value)
        await once(desk.wire.relabel(pressed.chat, pressed.message, rows))
    key = "rated" if rated.value else "withdrawn"
    return say(key, pressed.language, value=rated.value, score=f"{rated.score:.1f}")


async def _delete(desk: Desk, pressed: Pressed) -> str:
    """Delete the files, and take the messages out of the chat as far as the network still allows."""
    await asyncio.to_thread(desk.assistant.forget, pressed.press.job, pressed.user)
    parts = (await asyncio.to_thread(desk.assistant.delivery, pressed.press.job)).sent
    sent = ",".join(parts.get(part, "") for part in ("pictures", "buttons"))
    for message in sorted({pressed.message, *sent.split(",")} - {""}):
        await once(desk.wire.remove(pressed.chat, message))
    return say("deleted", pressed.language)
