"""What all commands share: errors as one sentence, sizes, row ids, JSON. Imports nothing heavy."""

from __future__ import annotations

import errno
import json
import re
import sqlite3
from typing import Any

import click

from bot.errors import EaselError
from pipeline.errors import PipelineError
from promptlib.errors import PromptlibError


class Group(click.Group):
    """A group whose deliberate errors come out as one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (EaselError, PromptlibError, PipelineError) as error:
            raise click.ClickException(str(error)) from error
        except sqlite3.DatabaseError as error:
            # Its other subclasses are mistakes of the program, not of the disk.
            if type(error) not in (sqlite3.DatabaseError, sqlite3.OperationalError):
                raise
            from bot.store import explain

            raise click.ClickException(explain(error)) from error
        except BrokenPipeError:
            raise  # the reader went away, as `head` does; click ends quietly
        except OSError as error:
            if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise  # not a matter of files
            where = "The output cannot be written" if error.filename is None else f"{error.filename} cannot be used"
            raise click.ClickException(f"{where} ({error.strerror}); check the path and the disk's space.") from error


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
