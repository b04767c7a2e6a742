"""What to do with a message that was stored: a request, a command, or a press. Knows no chat library."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial

from bot import buttons, presses, reporting
from bot.buttons import Press
from bot.desk import Desk
from bot.messages import COMMAND, PRESS, Incoming
from bot.texts import say
from bot.wire import Moved, insist

log = logging.getLogger(__name__)


async def serve(desk: Desk, incoming: Incoming) -> str:
    """Do what a stored message asks for. Returns what to say about a press, which may be nothing."""
    if incoming.kind != PRESS:
        await desk.converse(incoming)
        if incoming.kind == COMMAND:
            desk.spawn(reporting.tell(desk))
        return ""
    press = buttons.decode(incoming.text)
    try:
        said = await insist(partial(_press, desk, press, incoming), desk.pause)
    except Moved as error:
        await desk.move(incoming.chat, error.chat)
        return await serve(desk, replace(incoming, chat=error.chat, message="0"))
    if said is None:
        log.warning("%s is served after the next start", incoming.key)
    elif press is None or said or press.action not in buttons.REQUESTS:
        await desk.answered(incoming.key)
    else:
        desk.spawn(desk.converse(incoming))
    return said or ""


async def _press(desk: Desk, press: Press | None, incoming: Incoming) -> str:
    """Serve a press, unless it asks for a picture or may not be served; what to say about it."""
    why_not = "gone"
    if press:
        why_not = await asyncio.to_thread(presses.denied, desk, press, incoming.user, incoming.chat)
    if why_not:
        return say(why_not, incoming.language)
    assert press is not None
    if press.action in buttons.REQUESTS:
        return ""
    return await presses.serve(desk, presses.Pressed.of(press, incoming))
