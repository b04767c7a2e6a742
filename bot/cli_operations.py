"""``easel doctor``, ``easel backup`` and ``easel restore``: keep an easel healthy, and bring it back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli_base import show
from bot.errors import SettingsError

if TYPE_CHECKING:
    from bot.doctor import Finding

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.option("--fix", is_flag=True, help="Mend what is safe to mend: both search indexes, unfinished files, rights.")
@click.option("--offline", is_flag=True, help="Do not ask Telegram whether it knows the token.")
@as_json
def doctor(fix: bool, offline: bool, as_json: bool) -> None:
    """Find out what is wrong and how to mend it; exit code 1 if something is broken."""
    findings = _examined(fix, not offline)
    if as_json:
        show([finding.to_json() for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.level:<8} {finding.check:<10} {finding.text}")
    sys.exit(int(any(finding.level == "broken" for finding in findings)))


def _examined(fix: bool, online: bool) -> list[Finding]:
    from bot.doctor import BROKEN, Finding, Patient, examine, mend
    from bot.doctor.checks import CHECKS
    from bot.settings import load_settings

    try:
        patient = Patient(load_settings(), os.environ, online)
    except SettingsError as error:
        # Nothing else can be looked at without knowing where.
        return [Finding("settings", BROKEN, str(error))]
    findings = list(examine(patient, CHECKS))
    if not fix:
        return findings
    mended = list(mend(findings))
    for finding, done in mended:
        click.echo(f"{'fixing':<8} {finding.check:<10} {done}", err=True)
    return list(examine(Patient(patient.settings, os.environ, online), CHECKS)) if mended else findings


@click.command()
@click.argument("target", metavar="FILE|DIR", type=click.Path(path_type=Path))
@click.option("--pictures", is_flag=True, help="Pictures too; they can be large.")
@click.option("--index", is_flag=True, help="The search index too; without it, it is built anew.")
@as_json
def backup(target: Path, pictures: bool, index: bool, as_json: bool) -> None:
    """Back up everything but easel.toml, which may hold the token, into one file; also while the bot runs."""
    from bot.backup import back_up, read_manifest
    from bot.settings import load_settings

    path = back_up(load_settings(), target.absolute(), pictures=pictures, index=index)
    size, files = path.stat().st_size, len(read_manifest(path).files)
    if as_json:
        show({"path": str(path), "bytes": size, "files": files})
    else:
        click.echo(f"{path} ({size / 2**20:.1f} MB, {files} files)")


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def restore(source: Path, as_json: bool) -> None:
    """Put a backup in place of what is there, which is kept aside; not while easel runs."""
    from bot.backup import restore
    from bot.settings import load_settings

    aside = restore(load_settings(), source.absolute())
    if as_json:
        show({"kept": str(aside)})
    else:
        click.echo(f"Restored. What was there before is in {aside}; delete it when all is well.")
