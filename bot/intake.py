"""What to do with a message that was stored: a request, a command, or a press. Knows no chat library."""

from __future__ import annotations

import asyncio
import logging

from bot import buttons, presses, reporting
from bot.desk import Desk
from bot.messages import COMMAND, PRESS, Incoming
from bot.texts import say
from bot.wire import Unsent

log = logging.getLogger(__name__)


async def serve(desk: Desk, incoming: Incoming) -> str:
    """Do what a stored message asks for. Returns what to say about a press, which may be nothing."""
    press = buttons.decode(incoming.text) if incoming.kind == PRESS else None
    if incoming.kind != PRESS:
        await desk.converse(incoming)
        if incoming.kind == COMMAND:
            desk.spawn(reporting.tell(desk))
        return ""
    why_not = "gone"
    if press:
        why_not = await asyncio.to_thread(presses.denied, desk, press, incoming.user, incoming.chat)
    if press and not why_not and press.action in buttons.REQUESTS:
        desk.spawn(desk.converse(incoming))
        return ""
    said = say(why_not, incoming.language) if why_not else ""
    if press and not why_not:
        try:
            said = await presses.serve(desk, presses.Pressed.of(press, incoming))
        except Unsent as error:
            log.warning("%s is served after the next start: %s", incoming.key, error)
            return ""
    await asyncio.to_thread(desk.assistant.answered, incoming.key)
    return said
