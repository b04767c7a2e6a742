"""Telling admins of reports, and doing what they decide. Knows no chat network.

A report is noted before anybody is thanked for it; whom it still has to reach is told after a restart, too.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bot import buttons, replies
from bot.assistant import Assistant
from bot.errors import EaselError, NotYours
from bot.posting import Notes, insist_once, read_files
from bot.reports import BLOCKED, DISMISSED, REMOVED, SETTLEMENTS, Report
from bot.texts import say
from bot.wire import File, Post, WireError, once
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from bot.desk import Desk
    from bot.presses import Pressed

log = logging.getLogger(__name__)

CAPTION = 900  # characters of the prompt and the request that an admin sees


async def tell(desk: Desk) -> None:
    """Tell every admin of every open report they have not been told of."""
    for report in await asyncio.to_thread(lambda: desk.assistant.tables.reports.open()):
        for admin in sorted(desk.assistant.settings.admins):
            try:
                await _tell(desk, report, admin)
            except (WireError, PipelineError) as error:
                log.warning("Admin %s cannot be told of report %s: %s", admin, report.id, error)


async def _tell(desk: Desk, report: Report, admin: str) -> None:
    async with desk.turn(f"report:{report.id}:{admin}"):
        post = await asyncio.to_thread(_post, desk.assistant, report, f"{desk.front}:{admin}")

        def keep(part: str, value: str) -> None:
            desk.assistant.tables.reports.note(report.id, part, value)

        fresh = await asyncio.to_thread(lambda: desk.assistant.tables.reports.get(report.id))
        if fresh and not fresh.settled:
            await insist_once(desk.wire, post, admin, Notes(fresh.told, keep), desk.pause)


def _post(assistant: Assistant, report: Report, chat: str) -> Post:
    """What an admin sees: the first picture behind a spoiler, the prompt, and buttons."""
    language = assistant.chat_settings(chat).language or "zh"
    owner, request, prompt, files = "-", "-", report.prompt, list[File]()
    if not report.prompt:
        job = assistant.job(report.job)
        owner, request, prompt = job.owner, str(job.extra.get("request", "")), job.prompt
        with suppress(EaselError):
            files = [replace(file, spoiler=True) for file in read_files(job, assistant.pictures(job.id)[:1])]
    text = say(
        "report_title",
        language,
        report=report.id,
        who=report.who,
        owner=owner,
        chat=report.chat,
        request=replies.shorten(request, CAPTION // 3),
        prompt=replies.shorten(prompt, CAPTION // 2),
    )
    return Post(chat, text, buttons.settle(report.id, language), "", [file for file in files if file.fits_photo])


async def report(desk: Desk, pressed: Pressed) -> str:
    """A person reports a picture."""
    add = partial(_add, desk.assistant, pressed.press.job, pressed.chat, pressed.user, pressed.key)
    said = say("reported" if await asyncio.to_thread(add) else "reported_before", pressed.language)
    desk.spawn(tell(desk))
    return said


def _add(assistant: Assistant, job_id: int, chat: str, user: str, key: str) -> bool:
    log.warning("%s reports job %s", user, job_id)
    return assistant.tables.reports.add(job_id, chat, user, key)


async def settle(desk: Desk, pressed: Pressed) -> str:
    """An admin decides about a report.

    Raises:
        NotYours: it was no admin.
    """
    if not desk.assistant.is_admin(pressed.user):
        raise NotYours("Only admins settle reports.")
    number, language = pressed.press.job, pressed.language
    found = await asyncio.to_thread(lambda: desk.assistant.tables.reports.get(number))
    how = SETTLEMENTS[pressed.press.value - 1]
    if found is None:
        return say("gone", language)
    owner = "" if found.prompt else (await asyncio.to_thread(desk.assistant.job, found.job)).owner
    if how == BLOCKED and (not owner or desk.assistant.is_admin(owner)):
        how = REMOVED  # nobody knows any more who it was; and admins cannot be shut out
    removed = 0 if how == DISMISSED else await _remove(desk, found, pressed.user)
    if how == BLOCKED:
        await asyncio.to_thread(desk.assistant.shut_out, owner, pressed.user)
    if not await asyncio.to_thread(lambda: desk.assistant.tables.reports.settle(number, how, pressed.user)):
        return say("settled_before", language)
    await once(desk.wire.relabel(pressed.chat, pressed.message, ()))
    await desk.catch_up()
    return say(f"settled_{how}", language, count=removed, who=owner)


async def _remove(desk: Desk, found: Report, by: str) -> int:
    """Take a prompt out of everything, and its pictures out of the chats; how many jobs that were."""
    assistant = desk.assistant
    if found.prompt:
        await _unpost(desk, found.chat, found.posted)
        jobs = await asyncio.to_thread(assistant.remove_prompt, found.prompt, by)
    else:
        jobs = await asyncio.to_thread(assistant.remove_everywhere, found.job, by)
    for job in jobs:
        try:
            delivery = await asyncio.to_thread(assistant.delivery, job.id)
        except EaselError:
            continue
        await _unpost(desk, delivery.chat, delivery.sent)
    return len(jobs) + bool(found.prompt)


async def _unpost(desk: Desk, chat: str, sent: dict[str, str]) -> None:
    messages = ",".join(sent.get(part, "") for part in ("pictures", "buttons"))
    for message in sorted({*messages.split(",")} - {""}):
        await once(desk.wire.remove(chat, message))
