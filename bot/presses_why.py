"""Switches of added tags under an answer to "why", an admin's word on the prompt, and the button that forgets a person.

Knows no chat library.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot import buttons
from bot.desk import Desk
from bot.texts import say
from bot.wire import once

if TYPE_CHECKING:
    from bot.presses import Pressed

#: What is pressed under such an answer and is no request for a picture.
ACTIONS = (buttons.SWITCH, buttons.NEVER, buttons.PROMOTE)


async def explain(desk: Desk, pressed: Pressed) -> tuple[str, buttons.Rows]:
    """Where a picture's prompt came from, and its switches."""
    text = await asyncio.to_thread(desk.assistant.why, pressed.press.job, pressed.language)
    return text, await asyncio.to_thread(_rows, desk, pressed)


async def act(desk: Desk, pressed: Pressed) -> str:
    """Do what was pressed; what to say about it."""
    said = await asyncio.to_thread(_do_once, desk, pressed)
    # In a group the buttons are everybody's, and what is off for one person is not for another.
    if pressed.private:
        await once(desk.wire.relabel(pressed.chat, pressed.message, await asyncio.to_thread(_rows, desk, pressed)))
    return said


def _do_once(desk: Desk, pressed: Pressed) -> str:
    """Most of these turn something over, so the same press after a crash must do nothing more."""
    with desk.assistant.tables.store.applying(pressed.key) as fresh:
        return _do(desk, pressed) if fresh else ""


def _do(desk: Desk, pressed: Pressed) -> str:
    assistant, press, language = desk.assistant, pressed.press, pressed.language
    if press.action == buttons.PROMOTE:
        number, serves = assistant.promote(press.job, pressed.user)
        return say("promoted" if serves else "demoted", language, id=number)
    switches = assistant.tables.switches
    if press.action == buttons.NEVER:
        tags = switches.keep_off(assistant.job(press.job), pressed.chat, pressed.user)
        return say("never_added", language, tags=", ".join(tags)) if tags else say("never_nothing", language)
    tag, on = switches.toggle(assistant.job(press.job), press.value, pressed.chat, pressed.user)
    return say("switched_on" if on else "switched_off", language, tag=tag)


def _rows(desk: Desk, pressed: Pressed) -> buttons.Rows:
    assistant, job_id = desk.assistant, pressed.press.job
    job = assistant.job(job_id)
    tags = assistant.tables.switches.states(job, pressed.chat, pressed.user)
    changed = any(on != painted for _, on, painted in tags)
    rows = [*buttons.under_why(job_id, pressed.language, [(text, on) for text, on, _ in tags], changed=changed)]
    if pressed.private and assistant.is_admin(pressed.user):
        rows.append(buttons.promote(job_id, pressed.language, serves=assistant.learning.serves_everybody(job)))
    return rows


async def forget(desk: Desk, pressed: Pressed) -> str:
    """Delete everything about the person who confirms it, wherever the button came from."""
    gone = await asyncio.to_thread(desk.assistant.forget_person, pressed.user)
    await once(desk.wire.relabel(pressed.chat, pressed.message, ()))
    return say("forgotten", pressed.language, count=gone.total)
