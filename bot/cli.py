"""The command line: ``easel …``.

Commands are grouped by noun. Each imports what it needs when it runs, so that ``easel --help`` answers at once.
Everything asked for with ``--json`` goes to standard output and nothing else does; progress and words go to standard
error. Mistakes become one sentence and exit code 1 (2 for wrong usage), never a traceback.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Any, TextIO

import click

from bot.cli_base import Group, Size, show
from bot.errors import EaselError

# Threads that spin while they wait slow painting several times when something else runs; this must be set before
# anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What cannot be fetched is told in a sentence of ours.
os.environ.setdefault("HF_HUB_VERBOSITY", "error")


#: As `promptlib.borrowing.AMOUNTS`, which is not imported for the sake of ``easel --help``.
AMOUNT = click.Choice(["none", "little", "lot"])


def _input() -> TextIO:
    if sys.stdin is None:
        raise EaselError("Standard input is closed; give the text as an argument.")
    return sys.stdin


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="easel")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Paints what you ask for, because it speaks the language the image model was trained on.

    Start with: easel draw "帮我画一只红色的苹果"
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    if ctx.invoked_subcommand != "bot":
        # Whoever paints by hand is told why it failed, and need not read it twice.
        logging.getLogger("pipeline.painter").setLevel(logging.ERROR)
    # Bytes that are no text, in a file that is piped in or in a path that is printed, must not end the program.
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


@main.command()
@click.argument("text")
@click.option("--model", metavar="ID", help="The model that paints; see `easel models list`.")
@click.option("--raw", is_flag=True, help="Leave the text alone: it is the prompt.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed of the first picture; the next ones count up.")
@click.option("--count", type=click.IntRange(1, 10), help="How many pictures.")
@click.option("--size", type=Size(), help="Width and height in pixels.")
@click.option("--steps", type=click.IntRange(1, 500), help="Sampling steps; default: the model's.")
@click.option("--amount", type=AMOUNT, help="How much is borrowed from the library; default: EASEL_AMOUNT.")
@click.option("--without", metavar="TAG", multiple=True, help="Leave an added tag out; can be given several times.")
@click.option("--out", type=click.Path(file_okay=False), help="Put the pictures into this folder as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def draw(
    text: str,
    model: str | None,
    raw: bool,
    seed: int | None,
    count: int | None,
    size: tuple[int, int] | None,
    steps: int | None,
    amount: str | None,
    without: tuple[str, ...],
    out: str | None,
    as_json: bool,
) -> None:
    """Paint TEXT and show the prompt that was used."""
    from bot.drawing import Wishes, draw_once

    wishes = Wishes(model, raw, seed, count, size, steps, out, amount, without)
    result = draw_once(text, wishes)
    if as_json:
        show(result.to_json())
    else:
        click.echo(result.to_text())


@main.command()
@click.argument("text", required=False)
@click.option("--model", metavar="ID", help="The model to write for; default: EASEL_MODEL if that is set, else sdxl.")
@click.option("--amount", type=AMOUNT, help="How much is borrowed from the library; default: EASEL_AMOUNT.")
@click.option("--without", metavar="TAG", multiple=True, help="Leave an added tag out; can be given several times.")
@click.option("--explain", is_flag=True, help="Tell tag by tag where it came from.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--jsonl", is_flag=True, help='Read lines {"id", "session", "text"} and answer each with a JSON line.')
def rewrite(
    text: str | None,
    model: str | None,
    amount: str | None,
    without: tuple[str, ...],
    explain: bool,
    as_json: bool,
    jsonl: bool,
) -> None:
    """Rewrite TEXT (or standard input) into a prompt, without painting."""
    from bot.rewriting import Rewriter

    if as_json and jsonl:
        raise click.UsageError("Choose one of --json and --jsonl.")
    if jsonl and text is not None:
        raise click.UsageError("--jsonl reads standard input; leave TEXT out.")
    rewriter = Rewriter(model, amount=amount, without=without)
    if jsonl:
        failed = 0
        for line in rewriter.lines(_input()):
            failed += "error" in line
            show(line)
        if failed:
            raise click.ClickException(f"{failed} line(s) could not be rewritten; each says why in its answer.")
        return
    answer = rewriter.rewrite(_input().read() if text is None else text)
    for tag in answer.not_added(without):
        click.echo(f"No tag {tag!r} was added to this prompt; --explain shows those that are.", err=True)
    if as_json:
        show(answer.to_json())
    else:
        click.echo(answer.to_text(explain=explain))


@main.command()
@click.option("--model", metavar="ID", help="The model that paints.")
def chat(model: str | None) -> None:
    """Talk to the assistant in this terminal; no token needed."""
    from bot.terminal import Terminal

    Terminal(model).run()


@main.command()
def bot() -> None:
    """Run the Telegram bot, by polling or by webhook."""
    from bot.settings import load_settings

    settings = load_settings()
    if not settings.telegram_token:
        raise EaselError("There is no bot token; get one from @BotFather in Telegram and set EASEL_TELEGRAM_TOKEN.")
    from bot.telegram import main as run_bot

    run_bot(settings)


@main.group(cls=Group, invoke_without_command=True)
@click.pass_context
def settings(ctx: click.Context) -> None:
    """What can be set, and to what it is set."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(settings_list)


@settings.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings_list(as_json: bool = False) -> None:
    """All settings with their values, where those come from, and what they mean."""
    from bot.settings import SETTINGS, effective, home_folder

    home = home_folder(os.environ)
    values = {"home": (str(home), "environment" if os.environ.get("EASEL_HOME") else "default")}
    values |= effective(os.environ, home)
    rows: list[dict[str, Any]] = []
    for setting in SETTINGS:
        value, origin = values[setting.name]
        plain = sorted(value) if isinstance(value, frozenset) else value
        hidden = "(set)" if setting.kind == "secret" and value else plain
        rows.append({"name": setting.variable, "value": hidden, "from": origin, "help": setting.help})
    if as_json:
        show(rows)
        return
    for row in rows:
        value = ",".join(row["value"]) if isinstance(row["value"], list) else row["value"]
        click.echo(f"{row['name']}={value}  ({row['from']})\n    {row['help']}")


@settings.command(name="path")
def settings_path() -> None:
    """Where easel.toml is read from."""
    from bot.settings import home_folder

    click.echo(home_folder(os.environ) / "easel.toml")


def _add_groups() -> None:
    from bot.cli_doodle import doodle
    from bot.cli_library import library
    from bot.cli_operations import backup, doctor, restore
    from bot.cli_people import people
    from bot.cli_queue import models, queue

    for command in (library, people, queue, models, doodle, doctor, backup, restore):
        main.add_command(command)


_add_groups()

if __name__ == "__main__":
    main()
