"""``easel library …``: look into the prompt library, and tend it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli_base import ROW, Group, show

if TYPE_CHECKING:
    from bot.assistant import Assistant
    from promptlib.records import LibraryPrompt

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
prompt_id = click.argument("prompt_id", type=ROW, metavar="ID")


def _assistant() -> Assistant:
    from bot.assistant import Assistant
    from bot.settings import load_settings

    return Assistant(load_settings())


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def library(ctx: click.Context) -> None:
    """The prompts that worked: list, search, add, import, rate, rebuild the index."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_prompts)


def _row(prompt: LibraryPrompt, **more: Any) -> dict[str, Any]:
    names = ("id", "score", "ratings", "text", "negative", "dialect", "family", "source", "author", "licence")
    return {name: getattr(prompt, name) for name in names} | more


def _line(prompt: LibraryPrompt) -> str:
    text = prompt.text if len(prompt.text) <= 100 else prompt.text[:99] + "…"
    return f"#{prompt.id:<6} {prompt.score:.2f}  {prompt.dialect:<9} {text}"


@library.command(name="list")
@click.option("--limit", type=ROW, default=20, show_default=True, help="How many at most.")
@click.option("--offset", type=click.IntRange(0, ROW.max), default=0, help="How many to leave out first.")
@click.option("--source", help="Only prompts from this source, such as seed or painted.")
@click.option("--dialect", help="Only prompts of this dialect.")
@click.option("--min-score", type=float, help="Only prompts with at least this score.")
@click.option("--removed", is_flag=True, help="Removed prompts as well.")
@as_json
def list_prompts(
    limit: int = 20,
    offset: int = 0,
    source: str | None = None,
    dialect: str | None = None,
    min_score: float | None = None,
    removed: bool = False,
    as_json: bool = False,
) -> None:
    """Prompts, the best first."""
    prompts = _assistant().tables.library.list(
        limit=limit, offset=offset, source=source, dialect=dialect, min_score=min_score, removed=removed
    )
    if as_json:
        show([_row(prompt) for prompt in prompts])
    else:
        click.echo("\n".join(map(_line, prompts)) or "No prompt fits.")


@library.command(name="show")
@prompt_id
@as_json
def show_prompt(prompt_id: int, as_json: bool) -> None:
    """One prompt with its tags and ratings."""
    import dataclasses

    library = _assistant().tables.library
    prompt = library.get(prompt_id)
    ratings = [row._asdict() for row in library.ratings_of(prompt_id)]
    whole = dataclasses.asdict(prompt) | {"rated": ratings}
    if as_json:
        show(whole)
        return
    for name, value in whole.items():
        if value not in ("", None, {}, [], ()):
            click.echo(f"{name}: {value}")


@library.command()
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many at most.")
@click.option("--dialect", help="Only prompts of this dialect.")
@click.option("--text", is_flag=True, help="Search for the words instead of the meaning.")
@as_json
def search(query: str, limit: int, dialect: str | None, text: bool, as_json: bool) -> None:
    """Prompts that mean something similar, in any language, similarity and score counted together."""
    import time

    from promptlib.errors import RequestError
    from promptlib.retrieval import retrieve

    if not query.strip():
        raise RequestError("There is nothing to search for; write a few words.")
    assistant = _assistant()
    library = assistant.tables.library
    begun = time.perf_counter()
    if text:
        found = [(prompt, 0.0) for prompt in library.search(query, limit=limit)]
    else:
        hits = retrieve(library, assistant.index, query, k=limit, dialect=dialect)
        found = [(hit.prompt, hit.similarity) for hit in hits]
    seconds = time.perf_counter() - begun
    if as_json:
        rows = [_row(prompt, similarity=round(similarity, 4)) for prompt, similarity in found]
        show({"query": query, "results": rows, "seconds": round(seconds, 4)})
        return
    lines = [_line(prompt) if text else f"{similarity:.2f}  {_line(prompt)}" for prompt, similarity in found]
    click.echo("\n".join(lines) or "Nothing found.")


@library.command()
@click.argument("text")
@click.option("--negative", default="", help="What the prompt avoids.")
@click.option("--dialect", default="tags", show_default=True, help="The dialect it is written in.")
@click.option("--family", default="", help="Only for models of this family.")
@as_json
def add(text: str, negative: str, dialect: str, family: str, as_json: bool) -> None:
    """Add one prompt."""
    from pipeline.profiles import DIALECTS
    from promptlib.errors import RequestError
    from promptlib.records import LibraryPrompt

    if not text.strip():
        raise RequestError("There is no prompt to add; write its text.")
    if dialect not in DIALECTS:
        raise RequestError(f"There is no dialect {dialect!r}; choose one of {', '.join(DIALECTS)}.")
    prompt = LibraryPrompt(id=0, text=text.strip(), negative=negative, dialect=dialect, family=family, source="added")
    new_id, created = _assistant().tables.library.add(prompt)
    if as_json:
        show({"id": new_id, "created": created})
    else:
        click.echo(f"Prompt #{new_id} " + ("was added." if created else "was there already."))


@library.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="", help="Where the prompts come from; default: what the file says.")
@as_json
def import_prompts(file: Path, source: str, as_json: bool) -> None:
    """Bring in FILE: JSON lines, an A1111 styles.csv, or a known prompt collection. Twice is as good as once."""
    from promptlib.importers import ImportProgress, import_file

    assistant = _assistant()
    tables = assistant.tables

    def progress(state: ImportProgress) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{state.share:6.1%}  {state.rows} read, {state.added} added", err=True, nl=False)

    report = import_file(tables.library, file, source=source, embedder=assistant.index.embedder, progress=progress)
    if sys.stderr.isatty():
        click.echo(err=True)
    assistant.index.refresh(tables.library)
    if as_json:
        skipped = [{"row": row, "reason": reason} for row, reason in report.skipped]
        show({"added": report.added, "existing": report.existing, "skipped": skipped})
        return
    click.echo(f"{report.added} added, {report.existing} there already, {report.reasons.total()} skipped.")
    for reason, count in report.reasons.most_common():
        rows = [str(row) for row, why in report.skipped if why == reason][:5]
        click.echo(f"  {count} × {reason} (row {', '.join(rows)}{', …' if count > len(rows) else ''})")


@library.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
def export(file: Path) -> None:
    """Write all prompts as JSON lines that `easel library import` reads; FILE - is standard output."""
    from promptlib.importers import export as export_prompts

    click.echo(f"{export_prompts(_assistant().tables.library, file)} prompts written to {file}.", err=str(file) == "-")


@library.command()
@prompt_id
@click.argument("value", type=click.IntRange(0, 5))
@click.option("--who", default="cli", show_default=True, help="Who rates.")
@as_json
def rate(prompt_id: int, value: int, who: str, as_json: bool) -> None:
    """Rate a prompt from 1 to 5; 0 takes your rating back."""
    library = _assistant().tables.library
    score = library.rate(prompt_id, who, value) if value else library.unrate(prompt_id, who)
    if as_json:
        show({"id": prompt_id, "score": score})
    else:
        click.echo(f"Prompt #{prompt_id} now scores {score:.2f}.")


@library.command()
@prompt_id
def remove(prompt_id: int) -> None:
    """Take a prompt out; it is never used again and no import brings it back."""
    _assistant().tables.library.remove(prompt_id)
    click.echo(f"Prompt #{prompt_id} was removed; `easel library restore {prompt_id}` brings it back.")


@library.command()
@prompt_id
def restore(prompt_id: int) -> None:
    """Bring a removed prompt back."""
    _assistant().tables.library.restore(prompt_id)
    click.echo(f"Prompt #{prompt_id} is back.")


@library.command()
@prompt_id
@click.option("--no", "refuse", is_flag=True, help="Keep it out of everybody's retrieval instead.")
def promote(prompt_id: int, refuse: bool) -> None:
    """Let everybody's retrieval use a prompt, whatever its ratings."""
    _assistant().tables.library.promote(prompt_id, not refuse)
    click.echo(f"Prompt #{prompt_id} is now {'kept out of' if refuse else 'used in'} everybody's retrieval.")


@library.command()
def rebuild() -> None:
    """Build the search index anew; running bots go on and take the new one over."""
    assistant = _assistant()

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done}/{total}", err=True, nl=False)

    tables = assistant.tables
    assistant.index.rebuild(tables.library, progress=progress)
    if sys.stderr.isatty():
        click.echo(err=True)
    click.echo(f"The index holds {len(assistant.index)} prompts.")


@library.command()
@as_json
def verify(as_json: bool) -> None:
    """Find out whether the database and both search indexes are sound; exit code 1 if not."""
    import os

    from bot.doctor import BROKEN, OK, Patient, examine
    from bot.doctor.checks import LIBRARY
    from bot.settings import load_settings
    from promptlib.errors import IndexDamaged

    found = list(examine(Patient(load_settings(), os.environ, online=False), LIBRARY))
    if as_json:
        show([finding.to_json() for finding in found])
    elif all(finding.level == OK for finding in found):
        click.echo("The library and its indexes are sound.")
    broken = [finding.text for finding in found if finding.level == BROKEN]
    if broken:
        raise IndexDamaged(" ".join(broken))
    for finding in found:
        if finding.level not in (OK, BROKEN):
            click.echo(finding.text, err=True)


@library.command()
@as_json
def stats(as_json: bool) -> None:
    """How many prompts there are, of what kind, and how much they are rated."""
    figures = _assistant().tables.library.stats()
    if as_json:
        show(figures)
        return
    for name, value in figures.items():
        text = ", ".join(f"{key or '-'} {count}" for key, count in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name}: {text}")


@library.command()
def path() -> None:
    """Where the database is."""
    from bot.settings import load_settings

    click.echo(load_settings().database)
