"""The pictures of a job as a chat may see them: as they are, behind a spoiler, or not at all. Knows no chat network."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from PIL import Image

from bot.assistant import Assistant
from bot.errors import NotShown, PicturesGone
from bot.posting import read_files
from bot.wire import File
from pipeline.jobs import Job

#: What chat networks show of a photo; only photos can be hidden.
LONGEST_SIDE = 2560


def shown_files(assistant: Assistant, job: Job, chat: str) -> list[File]:
    """The files of a job's pictures for a chat. Those that may not be shown are deleted.

    Raises:
        PicturesGone: they were deleted before, or are no whole job's: nobody has paid for them.
        NotShown: they may not be shown.
    """
    if job.status != "done":
        raise PicturesGone(f"Job {job.id} is {job.status}; ask for its pictures again.")
    files = read_files(job, assistant.pictures(job.id))
    return [_hidden(file) for file in files] if judged(assistant, job, chat) == "blur" else files


def judged(assistant: Assistant, job: Job, chat: str = "") -> str:
    """``allow`` or ``blur`` for the pictures of a job; what is to be blocked is deleted.

    Raises:
        NotShown: they were blocked.
    """
    treatment = assistant.treatment(job, chat)
    if treatment == "block":
        for picture in assistant.pictures(job.id):
            Path(picture.path).unlink(missing_ok=True)
        raise NotShown("The picture cannot be shown here; try another idea.")
    return treatment


def _hidden(file: File) -> File:
    """A file behind a spoiler, made small enough for a photo where it must be."""
    if not file.fits_photo:
        with Image.open(io.BytesIO(file.data)) as image:
            small = image.convert("RGB")
        small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=90)
        file = File(file.name, stream.getvalue(), *small.size)
    return replace(file, spoiler=True)
