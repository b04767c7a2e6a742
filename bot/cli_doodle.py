"""``easel doodle …``: fetch the art, train, evaluate and show the embedded model."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli_base import Group, show

work = click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for art, latents and checkpoints; default: doodle/ in EASEL_HOME.",
)


def _folder(work: Path | None) -> Path:
    from bot.settings import load_settings

    folder = work or load_settings().home / "doodle"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@click.group(cls=Group)
def doodle() -> None:
    """The embedded model: fetch its art, train it, see how good it is."""


@doodle.command()
@work
def fetch(work: Path | None) -> None:
    """Download the openly licensed art and render it."""
    from pipeline.doodle import steps

    steps.fetch(_folder(work))


@doodle.command()
@work
@click.option("--minutes", type=float, default=180.0, show_default=True, help="Training time, all parts together.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where to save; default: model/ in --work."
)
def train(work: Path | None, minutes: float, out: Path | None) -> None:
    """Train from nothing, or go on from the checkpoints in the work folder."""
    from pipeline.doodle import steps

    folder = _folder(work)
    steps.train(folder, out or folder / "model", minutes, echo=lambda line: click.echo(line, err=True))


@doodle.command()
@work
@click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A model folder.")
@click.option("--limit", type=click.IntRange(1), help="Only so many prompts.")
@click.option("--judge-batches", type=int, default=5000, show_default=True, help="How long the judge trains.")
@click.option("--requests", is_flag=True, help="Paint 200 chatty requests as well, as they are and rewritten.")
def evaluate(work: Path | None, model: Path | None, limit: int | None, judge_batches: int, requests: bool) -> None:
    """Paint a fixed set of prompts and judge the pictures; prints JSON.

    The judge is a classifier that learns from the real art the first time; `ceiling` is its own accuracy on real
    pictures it was not trained on.
    """
    from bot import gain
    from pipeline.doodle import steps
    from pipeline.profiles import BUILT_IN, load_profiles

    found = gain.requests(load_profiles(BUILT_IN)["doodle"]) if requests else []
    pairs = [(one.subject, one.raw, one.rewritten, one.seed) for one in found]
    show(steps.evaluate(_folder(work), model, limit, judge_batches, pairs))


@doodle.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@work
@click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A model folder.")
@click.option("--style", help="A style of the vocabulary; default: all by turns.")
def sheet(file: Path, work: Path | None, model: Path | None, style: str | None) -> None:
    """Paint a contact sheet of all subjects into FILE."""
    from pipeline.doodle import steps

    steps.sheet(_folder(work), file, model, style, echo=lambda line: click.echo(line, err=True))
