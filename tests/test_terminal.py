"""`easel chat`: a conversation on standard input, painting with a tiny real model."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from conftest import rows

from bot.terminal import USER, Terminal
from pipeline.errors import ModelMissing


@pytest.fixture
def terminal(tiny: str) -> Iterator[Terminal]:
    terminal = Terminal(tiny)
    yield terminal
    terminal.assistant.tables.db.close()


def test_a_conversation_from_first_word_to_rating(terminal: Terminal, home: Path) -> None:
    first = terminal.answer("画一个红苹果")
    assert first.startswith("提示词: red apple")
    assert Path(first.splitlines()[-1]).exists()
    changed = terminal.answer("换成绿苹果")
    assert "green apple" in changed
    assert "译自" in terminal.answer("/why")
    again = terminal.answer("/again")
    assert again.splitlines()[0] == changed.splitlines()[0]
    assert again.splitlines()[-1] != changed.splitlines()[-1]
    assert "4" in terminal.answer("/rate 4")
    assert rows(home / "easel.db", "SELECT who, value FROM ratings") == [(USER, 4)]


def test_a_rating_given_twice_is_withdrawn(terminal: Terminal, home: Path) -> None:
    terminal.answer("a red apple")
    terminal.answer("/rate 5")
    assert "withdrawn" in terminal.answer("/rate 5")
    assert rows(home / "easel.db", "SELECT count(*) FROM ratings") == [(0,)]


def test_talk_is_answered_in_the_language_of_the_talk(terminal: Terminal) -> None:
    assert terminal.answer("hello").startswith("Hello")
    assert terminal.answer("谢谢") == "不客气!"


def test_model_and_raw_are_chosen(terminal: Terminal) -> None:
    assert "tiny" in terminal.answer("/model")
    assert terminal.answer("/raw on") == "raw: on"
    assert "((hello))" in terminal.answer("((hello))")
    assert terminal.answer("/raw off") == "raw: off"
    assert terminal.answer("/model sdxl").startswith("Model: sdxl")
    with pytest.raises(ModelMissing):
        terminal.answer("/model nope")
    assert terminal.model == "sdxl"


@pytest.mark.parametrize("line", ["/why", "/again", "/rate 3", "/rate", "/rate 9", "/help", "/", "/nonsense x"])
def test_commands_that_make_no_sense_are_answered_with_those_that_do(terminal: Terminal, line: str) -> None:
    assert "/model ID" in terminal.answer(line)


def test_a_model_that_cannot_paint_is_told_and_leaves_the_last_picture(terminal: Terminal) -> None:
    terminal.answer("a red apple")
    painted = terminal.job
    terminal.answer("/model gone")
    told = terminal.answer("a cat")
    assert told.startswith("That did not work: That model is not on this computer") and "Gone: there is nothing" in told
    assert terminal.job == painted


def test_an_interrupt_ends_the_painting_and_not_the_conversation(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal.assistant, "paint_now", interrupted)
    monkeypatch.setattr("sys.stdin", io.StringIO("a cat\nthank you\n"))
    terminal.run()
    assert capsys.readouterr().out.splitlines()[2:] == ["Cancelled 1 job(s).", "You're welcome!"]


def test_the_command_reads_lines_until_there_are_none(easel: Callable[..., Result], tiny: str) -> None:
    done = easel("chat", "--model", tiny, input="hello\n\n" + "x" * 9000 + "\n/model nope\na cat\n")
    assert done.exit_code == 0
    assert "Hello!" in done.stdout
    assert "9,000 characters" in done.stdout
    assert "There is no model 'nope'" in done.stdout
    assert ".png" in done.stdout
    quick = easel("chat", "--model", tiny, input=b"\xff\xfe\n/quit\na cat\n")
    assert quick.exit_code == 0
    assert ".png" not in quick.stdout
