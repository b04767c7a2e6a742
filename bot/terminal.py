"""``easel chat``: the assistant in a terminal. Painting happens here and now; the model stays warm between pictures."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from bot import replies
from bot.assistant import Assistant
from bot.drawing import progress_line
from bot.errors import EaselError
from bot.settings import load_settings
from bot.texts import language_of, say
from bot.writer import new_seed
from pipeline.errors import PipelineError
from pipeline.jobs import Job
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
        self.brief: Brief | None = None
        self.job: Job | None = None
        self.language = "en"

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
            amount=self.assistant.settings.amount,
            owner=USER,
        )
        if written.prompt is None:
            return replies.talk(written.brief, self.language, self.assistant.profiles)
        self.brief = written.brief
        return self._paint(self.assistant.job_for(written, self.model, USER, language=self.language))

    def _paint(self, job: Job) -> str:
        with progress_line(self.language) as watch:
            job = self.assistant.paint_now(job, watch)
        if job.status != "done":
            # Who sits at the machine can mend what is behind it.
            return f"{replies.outcome(job, self.language)}\n{job.error}".strip()
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
