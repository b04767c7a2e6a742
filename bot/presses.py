"""What happens when a button is pressed, whether it was sent a minute or a month ago. Knows no chat library."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from bot import buttons, presses_why, replies
from bot.buttons import Press
from bot.desk import DELIBERATE, Desk, read
from bot.texts import say
from bot.wire import WireError, once

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pressed:
    """A press: what, by whom, under which message. `private` where nobody else sees the buttons."""

    press: Press
    user: str
    chat: str
    message: str
    language: str
    private: bool


async def serve(desk: Desk, pressed: Pressed) -> str:
    """Do what a button stands for. Returns what to say about it, which may be nothing."""
    try:
        if pressed.press.action == buttons.FORGET:
            return await presses_why.forget(desk, pressed)
        return await (_choose_model(desk, pressed) if pressed.press.action == buttons.MODEL else _act(desk, pressed))
    except DELIBERATE as error:
        log.info("%s is answered with an error: %s", pressed, error)
        return replies.explain(error, pressed.language)
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
    if not await asyncio.to_thread(desk.owns, pressed.user, pressed.chat, job_id):
        return say("gone", pressed.language)
    match pressed.press.action:
        case buttons.RATE:
            return await _rate(desk, pressed)
        case buttons.CANCEL:
            stopped = await desk.cancel(job_id, pressed.user)
            return say("cancelling" if stopped else "nothing_to_cancel", pressed.language)
        case buttons.DELETE:
            return await _delete(desk, pressed)
        case buttons.WHY:
            text, rows = await presses_why.explain(desk, pressed)
            await desk.wire.say(pressed.chat, text, rows, pressed.message)
        case action if action in presses_why.ACTIONS:
            return await presses_why.act(desk, pressed)
        case buttons.FILE:
            job = await asyncio.to_thread(desk.assistant.job, job_id)
            files = await asyncio.to_thread(read, job, await asyncio.to_thread(desk.assistant.pictures, job_id))
            await desk.wire.hand_over(pressed.chat, files, pressed.message)
    return ""


async def _rate(desk: Desk, pressed: Pressed) -> str:
    rated = await asyncio.to_thread(desk.assistant.rate, pressed.press.job, pressed.user, pressed.press.value)
    if pressed.private:
        rows = buttons.under_picture(pressed.press.job, pressed.language, rated.value)
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
