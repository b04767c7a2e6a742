"""Commands of a chat, such as ``/model``: functions from what was typed to what is said. Knows no chat library."""

from __future__ import annotations

from collections.abc import Callable

from bot import buttons, commands_safety, forgetting, limits, replies
from bot.assistant import Assistant
from bot.messages import Answer, Incoming, is_private
from bot.texts import say, span
from bot.typed import Said, Typed
from bot.wire import File
from pipeline.jobs import Job, Outlook
from promptlib.borrowing import AMOUNTS

#: Jobs that /status shows, with a button each.
SHOWN = 8


def start(assistant: Assistant, typed: Typed) -> Said:
    return Said(say("start", typed.language))


def show_help(assistant: Assistant, typed: Typed) -> Said:
    return Said(say("help", typed.language))


def model(assistant: Assistant, typed: Typed) -> Said:
    if not typed.words:
        chosen = assistant.chat_settings(typed.chat).model
        return Said(say("model_now", typed.language, model=chosen), buttons.models(assistant.profiles, chosen))
    if typed.words[0] not in assistant.profiles:
        known, asked = ", ".join(assistant.profiles), typed.words[0][:64]
        return Said(say("model_unknown", typed.language, model=asked, models=known))
    assistant.set_model(typed.chat, typed.words[0])
    return Said(say("model_set", typed.language, model=typed.words[0]))


def raw(assistant: Assistant, typed: Typed) -> Said:
    wish = typed.words[0].lower() if typed.words else ""
    if wish not in ("on", "off"):
        return Said(say("raw_now", typed.language, state=_on(assistant.chat_settings(typed.chat).raw)))
    assistant.set_raw(typed.chat, wish == "on")
    return Said(say(f"raw_{wish}", typed.language))


def amount(assistant: Assistant, typed: Typed) -> Said:
    wish = typed.words[0].lower() if typed.words else ""
    if wish not in AMOUNTS:
        return Said(say("amount_now", typed.language, amount=assistant.chat_settings(typed.chat).amount))
    assistant.set_amount(typed.chat, wish)
    return Said(say(f"amount_{wish}", typed.language))


def never(assistant: Assistant, typed: Typed) -> Said:
    return Said(assistant.tables.switches.named(" ".join(typed.words), typed.user, typed.language))


def allow(assistant: Assistant, typed: Typed) -> Said:
    return Said(assistant.tables.switches.named(" ".join(typed.words), typed.user, typed.language, allow=True))


def forget_me(assistant: Assistant, typed: Typed) -> Said:
    """Hand out what is stored about a person, with a button that deletes it."""
    if not is_private(typed.user, typed.chat):
        return Said(say("forget_in_private", typed.language))
    found = assistant.about_person(typed.user)
    count = sum(len(rows) for rows in found.values() if isinstance(rows, list))
    file = File("easel.json", forgetting.document(found), 0, 0)
    return Said(say("forget_me", typed.language, count=count), buttons.forget(typed.language), [file])


def settings(assistant: Assistant, typed: Typed) -> Said:
    now = assistant.chat_settings(typed.chat)
    return Said(say("settings", typed.language, model=now.model, raw=_on(now.raw), amount=now.amount))


def cancel(assistant: Assistant, typed: Typed) -> Said:
    count = assistant.cancel(typed.user)
    return Said(say("cancelled" if count else "nothing_to_cancel", typed.language, count=count))


def status(assistant: Assistant, typed: Typed) -> Said:
    """What a person is waiting for, each with a button that cancels it, and what they have used."""
    jobs, looks = assistant.pending(typed.user), assistant.outlook()
    lines = [_waiting(job, looks.get(job.id), typed.language) for job in jobs[:SHOWN]]
    if len(jobs) > SHOWN:
        lines.append(say("status_more", typed.language, count=len(jobs) - SHOWN))
    lines = lines or [say("status_none", typed.language)]
    lines.append(limits.told(assistant.quota(typed.user), typed.language))
    return Said("\n".join(lines), [buttons.cancel(job.id, f"#{job.id}", typed.language) for job in jobs[:SHOWN]])


def _waiting(job: Job, look: Outlook | None, language: str) -> str:
    request = replies.shorten(str(job.extra.get("request", "")) or job.prompt, 60)
    if look is None:
        return say("status_running", language, job=job.id, request=request)
    if look.seconds is None:
        return say("status_waiting", language, job=job.id, ahead=look.ahead, request=request)
    wait = span(look.seconds, language)
    return say("status_until", language, job=job.id, ahead=look.ahead, wait=wait, request=request)


def stats(assistant: Assistant, typed: Typed) -> Said:
    if not assistant.is_admin(typed.user):
        return Said(say("admins_only", typed.language))
    lines = (f"{name}: {value}" for name, value in assistant.stats().items())
    return Said(say("stats", typed.language, lines="\n".join(lines)))


def _on(value: bool) -> str:
    return "on" if value else "off"


#: What can be typed; those in `MENU` are shown to everybody.
COMMANDS: dict[str, Callable[[Assistant, Typed], Said]] = {
    "start": start,
    "help": show_help,
    "model": model,
    "raw": raw,
    "amount": amount,
    "never": never,
    "allow": allow,
    "settings": settings,
    "forget_me": forget_me,
    "status": status,
    "cancel": cancel,
    "report": commands_safety.report,
    "safety": commands_safety.safety,
    "block": commands_safety.block,
    "unblock": commands_safety.unblock,
    "stats": stats,
}
MENU = ("help", "model", "raw", "amount", "never", "settings", "status", "cancel", "report", "forget_me")


def obey(assistant: Assistant, incoming: Incoming) -> Answer:
    """Do what a command says, written with its slash and perhaps the bot's name behind it."""
    name, *words = incoming.text.split()
    command = COMMANDS.get(name.removeprefix("/").partition("@")[0].lower())
    if command is None:
        return Answer(say("unknown_command", incoming.language), incoming.language)
    who, where, language = incoming.user, incoming.chat, incoming.language
    said = command(assistant, Typed(who, where, language, tuple(words), incoming.replied, incoming.key))
    return Answer(said.text, incoming.language, rows=said.rows, files=tuple(said.files))
