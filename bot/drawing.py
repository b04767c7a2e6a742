"""``easel draw``: one text in, pictures and the prompt out. The same assistant as in a chat, painting at once."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot import replies
from bot.assistant import Assistant
from bot.errors import EaselError
from bot.settings import load_settings
from bot.showing import judged
from bot.switches import folded
from bot.texts import language_of, say
from bot.writer import Written, notes_json, sources_json, tags_json
from pipeline.errors import PaintingFailed
from pipeline.jobs import Job, Picture
from pipeline.painter import Watch


@dataclass(frozen=True)
class Wishes:
    """What the command line says beside the text; None leaves it to the text or to the model."""

    model: str | None = None
    raw: bool = False
    seed: int | None = None
    count: int | None = None
    size: tuple[int, int] | None = None
    steps: int | None = None
    out: str | None = None
    amount: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """What came of it. Without a job nothing was painted, and `reply` says why."""

    written: Written
    model: str
    reply: str
    job: Job | None
    pictures: tuple[Picture, ...]
    paint: float
    total: float

    def to_json(self) -> dict[str, Any]:
        job, prompt = self.job, self.written.prompt
        kind = {"refine": "image", "question": "chat"}.get(self.written.brief.kind, self.written.brief.kind)
        answer: dict[str, Any] = {
            "request": self.written.brief.text,
            "kind": kind,
            "model": self.model,
            "prompt": job.prompt if job else "",
            "negative": job.negative if job else "",
            "params": {},
            "images": [{"path": picture.path, "seed": picture.seed} for picture in self.pictures],
            "tags": [],
            "sources": sources_json(self.written),
            "seconds": {
                **{name: round(value, 3) for name, value in self.written.seconds.items()},
                "paint": round(self.paint, 3),
                "total": round(self.total, 3),
            },
        }
        if self.reply:
            answer["reply"] = self.reply
        if job and prompt:
            names = ("width", "height", "count", "seed", "steps", "guidance")
            answer["params"] = {name: getattr(job, name) for name in names}
            answer["tags"] = tags_json(prompt)
            answer["notes"] = notes_json(prompt)
        return answer

    def to_text(self) -> str:
        if not self.job:
            return self.reply
        language = language_of(self.written.brief.text)
        paths = [picture.path for picture in self.pictures]
        return "\n".join([f"{say('prompt', language)}: {replies.caption(self.job, language)}", "", *paths])


def draw_once(text: str, wishes: Wishes) -> Drawn:
    """Write the prompt, paint it in this thread, and copy the pictures where they are wanted.

    Raises:
        PaintingFailed: the model could not paint it; the text says why.
    """
    begun = time.perf_counter()
    settings = load_settings()
    assistant = Assistant(settings)
    profile = assistant.profile(wishes.model or settings.model)
    # Importing the painting libraries takes longer than understanding: do both at once.
    threading.Thread(target=_import_painting, daemon=True).start()
    amount, without = wishes.amount or settings.amount, [folded(tag) for tag in wishes.without]
    blocked = assistant.tables.moderation.choices().blocked
    written = assistant.tables.writer.write(
        text, profile, raw=wishes.raw, amount=amount, without=without, blocked=blocked
    )
    language = language_of(text)
    if written.prompt is None:
        reply = replies.talk(written.brief, language, assistant.profiles)
        return Drawn(written, profile.id, reply, None, (), 0.0, time.perf_counter() - begun)
    job = assistant.job_for(
        written, profile.id, "cli", language=language, count=wishes.count, seed=wishes.seed, steps=wishes.steps
    )
    if wishes.size:
        job = replace(job, width=wishes.size[0], height=wishes.size[1])
    started = time.perf_counter()
    with progress_line(language) as watch:
        job = assistant.paint_now(job, watch)
    if job.status != "done":
        raise PaintingFailed(job.error or "The painting was stopped before it was done; run the command again.")
    painted = time.perf_counter() - started
    judged(assistant, job)
    pictures = tuple(assistant.pictures(job.id))
    if wishes.out:
        pictures = tuple(_copy(picture, Path(wishes.out)) for picture in pictures)
    return Drawn(written, profile.id, "", job, pictures, painted, time.perf_counter() - begun)


def _import_painting() -> None:
    import pipeline.backends.diffusers  # noqa: F401


def _copy(picture: Picture, folder: Path) -> Picture:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / Path(picture.path).name
        shutil.copyfile(picture.path, target)
    except shutil.SameFileError:
        return picture
    except OSError as error:
        raise EaselError(
            f"The picture cannot be copied to {folder} ({error.strerror}); it is kept as {picture.path}."
        ) from error
    return replace(picture, path=str(target))


@contextmanager
def progress_line(language: str) -> Iterator[Watch]:
    """A progress bar on standard error while painting, where that is a terminal."""
    if not sys.stderr.isatty():
        yield Watch()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(say("painting", language), total=None)
        yield Watch(
            progress=lambda job_id, step, total: bars.update(task, completed=step, total=total),
            stage=lambda job_id, stage: bars.update(task, description=say(f"stage_{stage}", language)),
        )
