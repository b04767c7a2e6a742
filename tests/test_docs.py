"""The docs cannot rot: every command, option and setting is in the README, and what is pasted into it is current."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bot.cli import main
from bot.settings import SETTINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
CHINESE = (ROOT / "README.zh.md").read_text("utf-8")


def commands(group: click.Group, name: str = "easel") -> Iterator[tuple[str, click.Command]]:
    for word, command in group.commands.items():
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    group, _, word = name.rpartition(" ")
    helps = re.findall(rf"^Usage: {group} \[OPTIONS\].*?^```", README, re.MULTILINE | re.DOTALL)
    assert re.search(rf"{name}\b", README) or any(re.search(rf"^  {word}\b", text, re.MULTILINE) for text in helps)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    undocumented = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
    assert undocumented == []


@pytest.mark.parametrize("setting", [setting.variable for setting in SETTINGS])
def test_every_setting_is_in_the_readme(setting: str) -> None:
    assert setting in README


def test_settings_that_the_docs_name_exist() -> None:
    known = {setting.variable for setting in SETTINGS}
    assert set(re.findall(r"EASEL_[A-Z]+(?:_[A-Z]+)*", README + CHINESE)) <= known


def test_commands_that_the_docs_name_exist() -> None:
    named = set(re.findall(r"(?:^ {4}|`|; )easel ([a-z]+)(?: ([a-z]+)\b)?", README + CHINESE, re.MULTILINE))
    assert named
    for word, second in named:
        command = main.commands.get(word)
        assert command, f"easel {word}"
        if second and isinstance(command, click.Group):
            assert second in command.commands, f"easel {word} {second}"


def test_files_that_the_docs_link_to_exist() -> None:
    links = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", README + CHINESE))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_what_is_pasted_into_the_docs_is_current() -> None:
    files = [name for name in ("README.md", "README.zh.md") if "[[[cog" in (ROOT / name).read_text("utf-8")]
    assert files
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", *files], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr + "Run: python -m cogapp -r README.md README.zh.md"
