"""What all commands share: errors as one sentence, sizes, row ids, JSON. Imports nothing heavy."""

from __future__ import annotations

import errno
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from bot.errors import EaselError
from pipeline.errors import PipelineError
from promptlib.errors import PromptlibError


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    """What goes wrong on purpose, or on the disk, comes out as one sentence."""
    try:
        yield
    except (EaselError, PromptlibError, PipelineError) as error:
        raise click.ClickException(str(error)) from error
    except sqlite3.DatabaseError as error:
        # Its other subclasses are mistakes of the program, not of the disk.
        if type(error) not in (sqlite3.DatabaseError, sqlite3.OperationalError):
            raise
        from bot.store import explain

        raise click.ClickException(explain(error)) from error
    except OSError as error:
        # Click itself ends quietly when a reader went away, as `head` does.
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        which = error.filename or "A file, or the output,"
        text = f"{which} cannot be used ({error.strerror}); check the path and the disk's space."
        raise click.ClickException(text) from error


class Group(click.Group):
    """A group whose deliberate errors come out as one sentence, those while it prints its help too."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _in_a_sentence():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _in_a_sentence():
            return super().invoke(ctx)


class Size(click.ParamType[Any]):
    """``WxH`` in pixels."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        sides = re.fullmatch("([0-9]{1,4})[xX×]([0-9]{1,4})", str(value))
        if not sides or not all(0 < int(side) <= 8192 for side in sides.groups()):
            self.fail(f"{value!r} is no size; write width and height like 768x512.", param, ctx)
        return int(sides[1]), int(sides[2])


#: Row ids and limits that SQLite can hold.
ROW = click.IntRange(1, 2**63 - 1)


def show(value: Any) -> None:
    """JSON to standard output."""
    click.echo(json.dumps(value, ensure_ascii=False))
