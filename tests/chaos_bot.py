"""The bot's real process with a quick painter and a quick embedder, so that it can be killed two hundred times.

Everything between the network and the database is as it is; only what takes minutes or megabytes is small.
"""

from __future__ import annotations

import os
import time

from colour_backend import ColourBackend
from hashing_embedder import HashingEmbedder
from PIL import Image

import bot.assistant
import bot.telegram.calls as calls
from bot.cli import main
from pipeline.backends.base import PaintRequest, Progress, Stopped
from pipeline.profiles import Profile
from pipeline.worker import Worker

#: Seconds of one step of painting; without a number nothing is painted at all.
STEP = os.environ.get("CHAOS_STEP", "0.02")


class Painter(ColourBackend):
    """Colours, at a pace at which a kill can come between."""

    def paint_batch(self, request: PaintRequest, progress: Progress, stopped: Stopped) -> list[Image.Image]:
        def slowly(step: int, total: int) -> None:
            time.sleep(float(STEP))
            progress(step, total)

        return super().paint_batch(request, slowly, stopped)


def make(profile: Profile) -> Painter:
    return Painter(profile, max_batch=2)


if __name__ == "__main__":
    # A bot that gives up soon, so that a held answer costs a second and not thirty.
    calls.CONNECT, calls.READ, calls.UPLOAD = 2.0, 1.0, 2.0
    vars(bot.assistant)["get_embedder"] = lambda spec: HashingEmbedder()
    (Worker.__init__.__kwdefaults__ or {})["make"] = make
    if not STEP:
        Worker.start = lambda self: None  # type: ignore[method-assign]
    main(["bot"])
