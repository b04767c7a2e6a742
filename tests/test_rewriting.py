"""`easel rewrite`: single texts, conversations in JSON lines, and lines that are broken in every way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from bot.rewriting import Rewriter
from promptlib.errors import RequestError

Run = Callable[..., Result]


@pytest.fixture
def rewriter(home: object) -> Rewriter:
    return Rewriter(None)


def answers(rewriter: Rewriter, *rows: object) -> list[dict[str, Any]]:
    return list(rewriter.lines(row if isinstance(row, str) else json.dumps(row) for row in rows))


def test_a_text_becomes_a_prompt_for_sdxl_unless_told_otherwise(
    rewriter: Rewriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rewriter.profile.id == "sdxl"
    assert Rewriter("flux-dev").profile.id == "flux-dev"
    monkeypatch.setenv("EASEL_MODEL", "doodle")
    assert Rewriter(None).profile.id == "doodle"


def test_the_answer_holds_what_the_contract_says(rewriter: Rewriter) -> None:
    (answer,) = answers(rewriter, {"id": "a", "session": "s", "text": "画一只猫,3张,种子42,16:9,不要文字"})
    assert set(answer) == {
        *("id", "session", "kind", "model", "prompt", "negative", "params", "tags", "dropped", "sources", "notes")
    }
    assert (answer["id"], answer["session"], answer["kind"]) == ("a", "s", "image")
    assert answer["prompt"].startswith("cat")
    assert "text" in answer["negative"]
    assert answer["params"]["count"] == 3
    assert answer["params"]["seed"] == 42
    assert answer["params"]["width"] / answer["params"]["height"] == pytest.approx(16 / 9, rel=0.1)
    assert answer["tags"][0] == {"text": "cat", "slot": "subject", "origin": "translation"}


def test_talk_is_answered_and_has_no_prompt(rewriter: Rewriter) -> None:
    (answer,) = answers(rewriter, {"id": 1, "text": "谢谢"})
    assert (answer["kind"], answer["prompt"], answer["sources"]) == ("chat", "", [])
    assert answer["params"] == {"width": None, "height": None, "count": None, "seed": None}
    assert answer["reply"] == "不客气!"


def test_a_session_is_a_conversation_and_others_are_not_in_it(rewriter: Rewriter) -> None:
    first, other, talk, second, alone = answers(
        rewriter,
        {"id": 1, "session": "a", "text": "一个苹果"},
        {"id": 2, "session": "b", "text": "a dog"},
        {"id": 3, "session": "a", "text": "谢谢"},
        {"id": 4, "session": "a", "text": "你这个颜色不够红,给我鲜艳点颜色的苹果"},
        {"id": 5, "session": None, "text": "水彩风格"},
    )
    assert (first["kind"], other["kind"], talk["kind"], second["kind"]) == ("image", "image", "chat", "image")
    assert {"apple", "deep red", "vivid colors"} <= {part.strip() for part in second["prompt"].split(",")}
    assert "apple" not in alone["prompt"]


def test_lines_without_a_session_do_not_know_each_other(rewriter: Rewriter) -> None:
    rows = [{"id": n, "session": None, "text": text} for n, text in enumerate(("a black cat", "make it white"))]
    assert "cat" not in answers(rewriter, *rows)[1]["prompt"]


BROKEN = ["nonsense", "[1]", '"text"', "null", "5", '{"id": 9}', '{"id": 9, "text": 7}', "[" * 100_000, "\ufffd\ufffd"]


@pytest.mark.parametrize("line", BROKEN, ids=lambda line: line[:12])
def test_a_broken_line_is_answered_with_its_error_and_the_next_one_goes_on(rewriter: Rewriter, line: str) -> None:
    bad, good = answers(rewriter, line, {"id": 2, "text": "a cat"})
    assert bad["error"] == 'Line 1 is no JSON object with a "text".'
    assert bad["id"] == (9 if "9" in line else None)
    assert good["prompt"].startswith("cat")


def test_a_text_that_cannot_be_served_is_answered_with_its_error(rewriter: Rewriter) -> None:
    empty, long = answers(rewriter, {"id": 1, "text": " "}, {"id": 2, "text": "x" * 9000})
    assert "nothing to draw" in empty["error"]
    assert "9,000" in long["error"]


def test_a_byte_order_mark_and_blank_lines_do_no_harm(rewriter: Rewriter) -> None:
    found = answers(rewriter, '\ufeff{"id": 1, "text": "a cat"}', "", "  ", {"id": 2, "text": "a dog"})
    assert [answer["id"] for answer in found] == [1, 2]


def test_previous_turns_are_given_as_a_brief(rewriter: Rewriter) -> None:
    first = rewriter.rewrite("画一只黑猫")
    assert "white cat" in rewriter.rewrite("换成白猫", first.written.brief).to_text()
    with pytest.raises(RequestError):
        rewriter.rewrite("")


def test_text_for_people_has_the_negative_prompt_and_the_reasons() -> None:
    rewritten = Rewriter("sd15").rewrite("a cat, no text")
    assert "\n\nNegative prompt: " in rewritten.to_text()
    explained = rewritten.to_text(explain=True)
    assert "You wrote: a cat, no text" in explained
    assert "· cat — your words" in explained


# --- the command --------------------------------------------------------------------------------------------------


def test_the_answer_tells_what_stands_for_what(home: object) -> None:
    (answer,) = answers(Rewriter("doodle"), {"id": 1, "text": "画一只鬣狗"})
    assert answer["notes"] == [{"code": "nearest", "asked": "鬣狗", "used": "dog"}]


def test_jsonl_over_standard_input(easel: Run) -> None:
    lines = '{"id": 1, "text": "a cat"}\n{"id": "\\ud800", "text": "red \\ud800 \\u0000 apple"}\n'
    done = easel("rewrite", "--jsonl", input=lines)
    assert done.exit_code == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in found] == [1, "\ud800"]
    assert "apple" in found[1]["prompt"]


def test_jsonl_with_broken_lines_answers_all_and_ends_with_an_error(easel: Run) -> None:
    done = easel("rewrite", "--jsonl", input=b"\xff\xfe\x00\n{}\n" + '{"id": 3, "text": "猫"}\n'.encode())
    assert done.exit_code == 1
    assert [("error" in json.loads(line)) for line in done.stdout.splitlines()] == [True, True, False]
    assert done.stderr == "Error: 2 line(s) could not be rewritten; each says why in its answer.\n"


def test_text_comes_from_the_argument_or_from_standard_input(easel: Run) -> None:
    assert easel("rewrite", "a cat").stdout == easel("rewrite", input="a cat\n").stdout
    assert json.loads(easel("rewrite", "a cat", "--json").stdout)["model"] == "sdxl"
    assert easel("rewrite", input=b"\xff\xfe cat").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--json", "--jsonl"], 2), (["--jsonl", "a cat"], 2), ([""], 1), (["cat", "--model", "nope"], 1)],
)
def test_wrong_use_is_told(easel: Run, arguments: list[str], code: int) -> None:
    done = easel("rewrite", *arguments, input="")
    assert done.exit_code == code
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert done.stdout == ""
