"""``easel people …``: who wrote to easel, what is stored about them, and who is shut out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli_base import Group, show

if TYPE_CHECKING:
    from bot.assistant import Assistant


class Person(click.ParamType[Any]):
    """``telegram:7``; a number alone is a Telegram id."""

    name = "PERSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).strip():
            self.fail("Name a person, such as telegram:7.", param, ctx)
        return f"telegram:{value}" if re.fullmatch("[0-9]+", str(value)) else str(value)


person = click.argument("person", type=Person())


def _assistant() -> Assistant:
    from bot.assistant import Assistant
    from bot.settings import load_settings

    return Assistant(load_settings())


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def people(ctx: click.Context) -> None:
    """Who wrote to easel, what is stored about them, and who is shut out."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_people)


@people.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_people(as_json: bool = False) -> None:
    """Everybody about whom something is stored."""
    rows = _assistant().people()
    if as_json:
        show(rows)
        return
    lines = (f"{row['person']}  {row['jobs']} jobs, {row['ratings']} ratings, {row['prompts']} prompts" for row in rows)
    click.echo("\n".join(lines) or "Nobody has written yet.")


@people.command()
@person
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def export(person: str, file: Path | None) -> None:
    """Write what is stored about PERSON (such as telegram:7) as one JSON document, to FILE or standard output."""
    from bot.forgetting import document

    data = document(_assistant().about_person(person))
    if file is None:
        click.echo(data.decode())
        return
    file.write_bytes(data)
    click.echo(f"What is stored about {person} was written to {file}.")


@people.command()
@person
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(person: str, yes: bool) -> None:
    """Delete what is stored about PERSON, for good: requests, jobs, pictures, prompts, ratings, settings.

    Prompts that others rated stay, with a pseudonym for their owner. Backups are not reached.
    """
    assistant = _assistant()
    if not yes:
        click.confirm(f"Delete everything that is stored about {person}, for good?", abort=True, err=True)
    gone = assistant.forget_person(person)
    click.echo(
        f"{gone.total} rows and pictures of {person} were deleted; {gone.kept} prompts stay, as others rated them. "
        "Backups made before still hold them."
    )


@people.command()
@person
def block(person: str) -> None:
    """Shut PERSON out, or a group such as telegram:-100200, and cancel what they wait for."""
    news, count = _assistant().shut_out(person, "cli")
    click.echo(f"{person} {'is' if news else 'was already'} shut out; {count} job(s) cancelled.")


@people.command()
@person
def unblock(person: str) -> None:
    """Let PERSON in again."""
    news = _assistant().tables.blocked.unblock(person)
    click.echo(f"{person} may come in again." if news else f"{person} was not shut out.")


@people.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def blocked(as_json: bool) -> None:
    """Who is shut out, by whom, and since when."""
    rows = _assistant().tables.blocked.list()
    if as_json:
        show([row._asdict() for row in rows])
        return
    click.echo("\n".join(f"{row.who}  by {row.by}, {row.since}" for row in rows) or "Nobody is shut out.")
