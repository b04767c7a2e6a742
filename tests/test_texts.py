"""What easel says: complete in both languages, and nothing said that is not in the table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from bot.texts import TEXTS, language_of, say

ROOT = Path(__file__).parent.parent
SOURCES = {path: path.read_text("utf-8") for path in sorted((ROOT / "bot").glob("*.py"))}
#: How keys begin that are put together when they are said.
PREFIXES = (
    "note_",
    "chat_",
    "origin_",
    "stage_",
    "command_",
    "button_",
    "raw_",
    "amount_",
    "why_",
    "error_",
    "span_",
    "settled_",
)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_are_there_with_the_same_values(key: str) -> None:
    chinese, english = TEXTS[key]
    assert chinese.strip() == chinese != ""
    assert english.strip() == english != ""
    assert placeholders(chinese) == placeholders(english)
    values = {name: "{braces}" for name in placeholders(chinese)}
    assert "{braces}" in say(key, "zh", **values) or not values


def said(source: str) -> Iterator[tuple[str, set[str]]]:
    """The literal keys of calls of `say`, with the values given."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
            key = node.args[0]
            given = {keyword.arg or "**" for keyword in node.keywords}
            for option in (key.body, key.orelse) if isinstance(key, ast.IfExp) else (key,):
                if isinstance(option, ast.Constant):
                    yield str(option.value), given


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_is_said_is_in_the_table_with_all_its_values(path: Path) -> None:
    for key, given in said(SOURCES[path]):
        assert key in TEXTS, key
        assert "**" in given or placeholders(TEXTS[key][0]) <= given, key


def test_every_text_is_said_somewhere() -> None:
    code = "".join(text for path, text in SOURCES.items() if path.name != "texts.py")
    unused = [key for key in TEXTS if not key.startswith(PREFIXES) and f'"{key}"' not in code]
    assert unused == []


def test_every_note_that_promptlib_makes_has_words_and_its_values() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "promptlib").rglob("*.py"))
    code += SOURCES[ROOT / "bot" / "writer.py"] + SOURCES[ROOT / "bot" / "assistant.py"]
    made = dict(re.findall(r'\("(\w+)", (\{"\w+":.*)', code)) | {"fixed_size": '{"asked": "", "used": ""}'}
    assert {"nearest", "size", "dropped"} <= set(made)
    for code, values in made.items():
        needed = placeholders(TEXTS[f"note_{code}"][0])
        assert needed <= set(re.findall(r'"(\w+)":', values)), code


def test_notes_in_the_table_are_made_by_somebody() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "promptlib").rglob("*.py"))
    code += SOURCES[ROOT / "bot" / "writer.py"] + SOURCES[ROOT / "bot" / "assistant.py"]
    notes = [key.removeprefix("note_") for key in TEXTS if key.startswith("note_")]
    assert [note for note in notes if f'("{note}"' not in code] == []


@pytest.mark.parametrize(
    ("text", "default", "language"),
    [
        ("画一只猫", "en", "zh"),
        ("a cat", "zh", "en"),
        ("画一只 cute cat", "en", "zh"),
        ("猫の絵を描いて", "en", "en"),
        ("🐈", "zh", "zh"),
        ("", "zh", "zh"),
        ("123!", "en", "en"),
        ("\ud800", "en", "en"),
    ],
)
def test_the_language_to_answer_in(text: str, default: str, language: str) -> None:
    assert language_of(text, default) == language


def test_an_unknown_language_is_answered_in_english() -> None:
    assert say("button_why", "fr") == say("button_why", "en") != say("button_why", "zh")
