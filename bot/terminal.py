"""``easel chat``: the assistant in a terminal. Painting happens here and now; the model stays warm between pictures."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import click

from bot import replies
from bot.assistant import Assistant
from bot.drawing import progress_line
from bot.errors import EaselError
from bot.settings import load_settings
from bot.showing import judged
from bot.switches import added, folded, repainted
from bot.texts import language_of, say
from bot.writer import new_seed, target_of
from pipeline.errors import PipelineError
from pipeline.jobs import Job
from promptlib.borrowing import AMOUNTS
from promptlib.brief import Brief
from promptlib.errors import PromptlibError

USER = "terminal:me"


class Terminal:
    """A conversation on standard input and output."""

    def __init__(self, model: str | None) -> None:
        settings = load_settings()
        self.assistant = Assistant(settings)
        self.model = self.assistant.profile(model or settings.model).id
        self.raw = False
        self.amount = settings.amount
        self.brief: Brief | None = None
        self.job: Job | None = None
        self.language = "en"
        self.switches = self.assistant.tables.switches
        # What was off in an earlier conversation was off in that one.
        self.switches.start_afresh(USER)

    def run(self) -> None:
        click.echo(say("terminal_hello", "zh") + "\n" + say("terminal_hello", "en"))
        while True:
            if sys.stdin.isatty():
                click.echo("> ", nl=False)
            line = sys.stdin.readline()
            if not line:
                return
            text = line.strip()
            if text in ("/quit", "/exit", "/q"):
                return
            if text:
                try:
                    click.echo(self.answer(text))
                except (EaselError, PromptlibError, PipelineError) as error:
                    click.echo(str(error))
                except KeyboardInterrupt:
                    # Ends the painting, not the conversation.
                    click.echo(say("cancelled", self.language, count=1))

    def answer(self, text: str) -> str:
        """What to print for one line."""
        if text.startswith("/"):
            name, _, value = text[1:].partition(" ")
            return self._command(name, value.strip())
        self.language = language_of(text, self.language)
        written = self.assistant.tables.writer.write(
            text,
            self.assistant.profile(self.model),
            previous=self.brief,
            raw=self.raw,
            amount=self.amount,
            owner=USER,
            without=self.switches.never(USER),
            while_refining=self.switches.off(USER),
            blocked=self.assistant.tables.moderation.choices().blocked,
        )
        if written.prompt is None:
            return replies.talk(written.brief, self.language, self.assistant.profiles)
        if written.brief.kind == "image":
            self.switches.start_afresh(USER)
        self.brief = written.brief
        return self._paint(self.assistant.job_for(written, self.model, USER, language=self.language))

    def _paint(self, job: Job) -> str:
        with progress_line(self.language) as watch:
            job = self.assistant.paint_now(job, watch)
        if job.status != "done":
            # Who sits at the machine can mend what is behind it.
            return f"{replies.outcome(job, self.language)}\n{job.error}".strip()
        judged(self.assistant, job)
        self.job = job
        paths = [picture.path for picture in self.assistant.pictures(job.id)]
        return "\n".join([f"{say('prompt', self.language)}: {replies.caption(job, self.language)}", *paths])

    def _command(self, name: str, value: str) -> str:
        if name == "model":
            if value:
                self.model = self.assistant.profile(value).id
            return f"{say('model', self.language)}: {self.model}  ({', '.join(self.assistant.profiles)})"
        if name == "raw":
            self.raw = value != "off"
            return f"raw: {'on' if self.raw else 'off'}"
        if name == "amount":
            return self._set_amount(value)
        if name in ("never", "allow"):
            return self.switches.named(value, USER, self.language, allow=name == "allow")
        if self.job and name == "without" and value:
            return self._without(self.job, value)
        if self.job and name == "why":
            return self.assistant.why(self.job.id, self.language)
        if self.job and name == "again":
            return self._paint(replace(self.job, seed=new_seed()))
        if self.job and name == "rate" and value in ("1", "2", "3", "4", "5"):
            rated = self.assistant.rate(self.job.id, USER, int(value))
            if not rated.value:
                return say("withdrawn", self.language)
            return say("rated", self.language, value=rated.value, score=f"{rated.score:.2f}")
        return say("terminal_help", self.language)

    def _set_amount(self, value: str) -> str:
        if value in AMOUNTS:
            self.amount = value
            return say(f"amount_{value}", self.language)
        return say("amount_now", self.language, amount=self.amount)

    def _without(self, job: Job, value: str) -> str:
        """Switch added tags off, or on again, for this conversation, and paint the same picture with what is left."""
        texts = {folded(one.tag.text): number for number, one in enumerate(added(job))}
        wanted = [part for part in map(folded, re.split("[,,、]", value)) if part]
        if missing := next((tag for tag in wanted if tag not in texts), None):
            return say("no_added_tag", self.language, tag=missing)
        for tag in wanted:
            self.switches.toggle(job, texts[tag], USER, USER)
        off = self.switches.off(USER, USER)
        return self._paint(repainted(job, target_of(self.assistant.profile(job.model)), off))
