"""The Telegram bot running in this process: its own thread and loop, the tests' Bot API server, a tiny real model."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tiny_models
from botapi import BotApi

from bot.assistant import Assistant
from bot.settings import Settings, load_settings
from bot.telegram import TelegramBot

#: The same tiny weights three times: quick, slow enough to be watched and cancelled, and one that is not there.
MODELS = """
[tiny]
name = "Tiny"
source = "tiny"
family = "any"
dialect = "tags"
width = 32
height = 32
steps = 2
guidance = 1.0

[slow]
source = "tiny"
like = "tiny"
steps = 900

[broken]
like = "tiny"
source = "no-such-folder"
"""


def make_home(folder: Path) -> Path:
    """A home with the tiny models and a filled library, to be copied."""
    folder.mkdir()
    tiny_models.build("sd", folder / "tiny")
    (folder / "models.toml").write_text(MODELS)
    settings = load_settings({"EASEL_HOME": str(folder), "EASEL_MODEL": "tiny"})
    Assistant(settings).stats()
    return folder


class RunningBot:
    """A bot on a copy of a home. Leaving the `with` block stops it as SIGTERM does."""

    def __init__(self, api: BotApi, home: Path, **environ: str) -> None:
        self.api = api
        names = {"EASEL_TELEGRAM_TOKEN": api.token, "EASEL_TELEGRAM_API": api.url, "EASEL_MODEL": "tiny"}
        self.settings: Settings = load_settings({"EASEL_HOME": str(home), **names, **environ})
        self.change: Callable[[Assistant], None] = lambda assistant: None
        self.bot: TelegramBot
        self._ready = threading.Event()
        self._pool = ThreadPoolExecutor(1, "bot")

    def __enter__(self) -> RunningBot:
        self._done = self._pool.submit(self._run)
        self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def assistant(self) -> Assistant:
        return self.bot.desk.assistant

    def stop(self) -> None:
        """Ask it to end, wait until it has; raises what it died of."""
        if not self._done.done():
            self._loop.call_soon_threadsafe(self.bot.stop)
        self._pool.shutdown()
        self._done.result()

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self.bot = TelegramBot(self.settings, self._make)
            self._ready.set()
            await self.bot.run()

        try:
            asyncio.run(serve())
        finally:
            self._ready.set()

    def _make(self, *args: Any, **kwargs: Any) -> Assistant:
        assistant = Assistant(*args, **kwargs)
        self.change(assistant)
        return assistant


def copy_home(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target
