"""``easel queue …`` and ``easel models …``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from bot.cli_base import ROW, Group, show

if TYPE_CHECKING:
    from pipeline.jobs import Job
    from pipeline.profiles import Profile
    from pipeline.queue import JobQueue

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
job_id = click.argument("job_id", type=ROW, metavar="ID")


def _queue() -> JobQueue:
    from bot.settings import load_settings
    from bot.store import open_database
    from pipeline.queue import JobQueue

    settings = load_settings()
    settings.ensure_home()
    return JobQueue(open_database(settings.database))


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def queue(ctx: click.Context) -> None:
    """The jobs: waiting, running, done."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_jobs)


@queue.command(name="list")
@click.option("--status", help="queued, running, done, failed or cancelled.")
@click.option("--owner", help="Only this person's jobs, such as telegram:123.")
@click.option("--limit", type=ROW, default=20, show_default=True, help="How many at most.")
@as_json
def list_jobs(status: str | None = None, owner: str | None = None, limit: int = 20, as_json: bool = False) -> None:
    """Jobs, newest first; waiting ones in the order they will be painted."""
    jobs = _queue().list(owner=owner, status=status, limit=limit)
    if as_json:
        show([dataclasses.asdict(job) for job in jobs])
    else:
        click.echo("\n".join(map(_line, jobs)) or "No jobs.")


def _line(job: Job) -> str:
    prompt = job.prompt if len(job.prompt) <= 80 else job.prompt[:79] + "…"
    return f"#{job.id:<5} {job.status:<9} {job.owner:<16} {job.model:<10} {job.count}× {prompt}"


@queue.command(name="show")
@job_id
@as_json
def show_job(job_id: int, as_json: bool) -> None:
    """One job with its pictures."""
    queue = _queue()
    whole: dict[str, Any] = dataclasses.asdict(queue.get(job_id))
    whole["pictures"] = [picture.path for picture in queue.pictures(job_id)]
    if as_json:
        show(whole)
        return
    for name, value in whole.items():
        if value not in ("", None, {}, []):
            click.echo(f"{name}: {value}")


@queue.command()
@job_id
def cancel(job_id: int) -> None:
    """Cancel a job that waits or runs."""
    click.echo(f"Job {job_id} is {_queue().cancel(job_id).status}.")


@queue.command()
@job_id
def retry(job_id: int) -> None:
    """Put a failed or cancelled job into the queue again."""
    click.echo(f"Job {job_id} is {_queue().retry(job_id).status}.")


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """The models that can paint."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


def _profiles() -> dict[str, Profile]:
    from bot.settings import load_settings
    from pipeline.profiles import BUILT_IN, load_profiles

    return load_profiles(BUILT_IN, load_settings().models)


@models.command(name="list")
@as_json
def list_models(as_json: bool = False) -> None:
    """All models, ours and those of models.toml in EASEL_HOME."""
    profiles = _profiles()
    if as_json:
        show([dataclasses.asdict(profile) for profile in profiles.values()])
        return
    for profile in profiles.values():
        memory = f"{profile.min_vram_gb:g} GB GPU" if profile.min_vram_gb else "any CPU"
        size = f"{profile.width}x{profile.height}"
        click.echo(f"{profile.id:<16} {profile.dialect:<9} {size:<10} {memory:<10} {profile.name}")


@models.command(name="show")
@click.argument("model", metavar="ID")
@as_json
def show_model(model: str, as_json: bool) -> None:
    """Everything about one model."""
    from pipeline.errors import ModelMissing

    profiles = _profiles()
    if model not in profiles:
        raise ModelMissing(f"There is no model {model!r}; choose one of {', '.join(profiles)}.")
    whole = dataclasses.asdict(profiles[model])
    if as_json:
        show(whole)
        return
    for name, value in whole.items():
        if value not in ("", 0, ()):
            click.echo(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
