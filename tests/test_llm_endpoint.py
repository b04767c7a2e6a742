"""Language models behind a real HTTP server that misbehaves: whatever it does, the request is understood in time."""

from __future__ import annotations

import gzip
import json
import logging
import time
from typing import Any

import llm_server as server
import pytest

from promptlib.llm import LanguageModelReader
from promptlib.llm.breaker import CircuitBreaker
from promptlib.llm.endpoint import FORMATS, Endpoint
from promptlib.llm.errors import LanguageModelError
from promptlib.llm.reader import instructions
from promptlib.understanding import understand

KEY = "sk-very-secret"
REQUEST = "a fluffy orange cat on a wooden chair, watercolor, no text"
EXAMPLES = [line for line in instructions().splitlines() if line.startswith('{"')]
NOTHING = {"aspect": None, "width": None, "height": None, "count": None, "seed": None, "source": ""}


def said(text: str, source: str | None = None) -> dict[str, str]:
    return {"text": text, "source": text if source is None else source}


def answer(**parts: Any) -> str:
    """An answer of the right form."""
    return json.dumps({"kind": "image", "subjects": []} | parts, ensure_ascii=False)


def subject(name: str, source: str | None = None, **parts: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"count": None, "attributes": [], "actions": [], "relations": []}
    return {"name": name, "source": name if source is None else source} | empty | parts


CAT = subject(
    "cat",
    attributes=[said("fluffy"), said("orange")],
    relations=[{"relation": "on", "object": "wooden chair", "source": "on a wooden chair"}],
)
GOOD = answer(subjects=[CAT], medium=[said("watercolor")], avoid=[said("text")])


def reader(url: str, seconds: float = 1.0, **breaker: Any) -> LanguageModelReader:
    return LanguageModelReader(Endpoint(url, "tiny", KEY), seconds, CircuitBreaker("The model", **breaker))


def noted(brief: Any) -> str:
    code, values = brief.notes[-1]
    assert code in ("understood_by", "understood_without")
    return str(values.get("reason", "")) if code == "understood_without" else ""


@pytest.mark.parametrize(
    "text",
    [GOOD, f"```json\n{GOOD}\n```", f'<think>{{"kind": 1}} hm</think>\n{GOOD}', f"Here you are:\n{GOOD}\nEnjoy!"],
    ids=["bare", "fenced", "thinking", "chatty"],
)
def test_a_good_answer_is_used(text: str) -> None:
    with server.serving(server.says(text)) as llm:
        brief = reader(llm.url, 5).understand(REQUEST)
    assert noted(brief) == ""
    assert [phrase.text for phrase in brief.phrases] == ["fluffy orange cat", "on wooden chair", "watercolor"]
    assert brief.avoid == ("text",)
    assert llm.paths == ["/v1/chat/completions"]
    assert llm.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert llm.requests[0]["messages"][0] == {"role": "system", "content": instructions()}
    assert llm.requests[0]["response_format"] == FORMATS[0]
    assert (llm.requests[0]["model"], llm.requests[0]["temperature"]) == ("tiny", 0)


WAYS: dict[str, tuple[server.Behaviour, str]] = {
    "silence": (server.silent, "did not answer"),
    "hangs up": (server.hangs_up, "cannot be reached"),
    "reset in the middle": (server.resets, "cannot be reached"),
    "shorter than promised": (server.cut_off, "cannot be reached"),
    "headers that drip": (server.drips_headers, "did not answer"),
    "a body that drips": (server.drips_body, "did not answer"),
    "a body without end": (server.never_ends, "more than"),
    "another protocol": (server.no_http, "cannot be reached"),
    "10 MB": (server.says("x" * 10_000_000), "more than"),
    "a bomb": (server.body(gzip.compress(b"0" * 50_000_000), Content_Encoding="gzip"), "no chat completion"),
    "400": (server.status(400), "status 400"),
    "401": (server.status(401), "EASEL_LLM_KEY"),
    "403": (server.status(403), "EASEL_LLM_KEY"),
    "404": (server.status(404), "EASEL_LLM_MODEL"),
    "429": (server.status(429, Retry_After="600"), "too many requests"),
    "500": (server.status(500, b"Traceback: boom"), "status 500"),
    "503 in HTML": (server.status(503, b"<html>busy</html>"), "status 503"),
    "204": (server.status(204, b""), "status 204"),
    "301 elsewhere": (server.status(301, b"", Location="/elsewhere"), "sends requests elsewhere"),
    "307 elsewhere": (server.status(307, b"", Location="http://127.0.0.1:9/"), "sends requests elsewhere"),
    "HTML": (server.body(b"<!doctype html><title>Log in</title>"), "no chat completion"),
    "an empty body": (server.body(b""), "no chat completion"),
    "no UTF-8": (server.body(b"\xff\xfe\x00\x80"), "no chat completion"),
    "an array": (server.body(b"[1, 2]"), "no chat completion"),
    "null": (server.body(b"null"), "no chat completion"),
    "no choices": (server.body(b'{"choices": []}'), "no chat completion"),
    "an error with status 200": (server.body(b'{"error": {"message": "overloaded"}}'), "no chat completion"),
    "deep nesting": (server.body(b"[" * 100_000), "no chat completion"),
    "no text": (server.says(None), "no text"),
    "parts instead of text": (server.says([{"type": "text", "text": GOOD}]), "no text"),
    "an empty answer": (server.says(""), "empty"),
    "only blanks": (server.says(" \n "), "empty"),
    "prose": (server.says("Certainly! A lovely cat sits on a chair."), "no JSON"),
    "Chinese prose": (server.says("好的,这是一只可爱的猫。"), "no JSON"),
    "markdown without JSON": (server.says("# Cat\n- orange"), "no JSON"),
    "cut off": (server.says(GOOD[:200]), "damaged or cut off"),
    "cut off, and says so": (server.says(GOOD, finish_reason="length"), "cut off"),
    "thoughts without end": (server.says(f"<think>Let me see {GOOD}"), "its thoughts"),
    "only thoughts": (server.says(f"<think>{GOOD}</think>"), "empty"),
    "single quotes": (server.says(GOOD.replace('"', "'")), "damaged"),
    "nested without end": (server.says('{"kind":' * 20_000), "damaged"),
    "Chinese keys": (server.says('{"主体": "猫", "风格": "水彩"}'), "has no kind"),
    "another form": (server.says('{"prompt": "cat, masterpiece"}'), "has no kind"),
    "a kind of its own": (server.says(answer(kind="nsfw")), "none of"),
    "a key too many": (server.says(answer(quality=["masterpiece"])), "too many"),
    "numbers for texts": (server.says(answer(style=[{"text": 5, "source": "x"}])), "no string"),
    "texts for objects": (server.says(answer(subjects=["cat"])), "no object"),
    "true for a number": (server.says(answer(format=NOTHING | {"count": True})), "no integer"),
    "too many things": (server.says(answer(mood=[said("calm")] * 500)), "too many items"),
    "a novel for a word": (server.says(answer(mood=[said("calm " * 500)])), "too long"),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_a_server_or_a_model_does_the_request_is_understood_in_time(way: str) -> None:
    behaviour, reason = WAYS[way]
    builtin = understand(REQUEST)
    with server.serving(behaviour) as llm:
        begun = time.monotonic()
        brief = reader(llm.url, 0.6).understand(REQUEST)
        took = time.monotonic() - begun
    assert reason in noted(brief)
    assert took < 3  # 0.6 seconds, and what a busy machine takes
    assert (brief.phrases, brief.avoid, brief.kind) == (builtin.phrases, builtin.avoid, builtin.kind)
    assert not any(path.startswith("GET") for path in llm.paths)
    assert KEY not in noted(brief)


def test_a_server_that_is_not_there(unused_url: str = "http://127.0.0.1:9/v1") -> None:
    assert "cannot be reached" in noted(reader(unused_url).understand(REQUEST))
    assert "cannot be reached" in noted(reader("http://no-such-host.invalid/v1", 3).understand(REQUEST))


def test_a_server_that_knows_no_schema_is_asked_more_plainly_and_that_is_remembered() -> None:
    for known, asked in ((("json_object",), 1), ((), 2)):
        with server.serving(server.without_formats(server.says(GOOD), known)) as llm:
            model = reader(llm.url, 5)
            assert noted(model.understand(REQUEST)) == noted(model.understand(REQUEST)) == ""
        formats = [request.get("response_format") for request in llm.requests]
        assert formats == [*FORMATS[: asked + 1], FORMATS[asked]]


@pytest.mark.parametrize("given", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_address_may_be_given_in_several_ways(given: str) -> None:
    with server.serving(server.says(GOOD)) as llm:
        reader(llm.url.removesuffix("/v1") + given, 5).understand(REQUEST)
    assert llm.paths == ["/v1/chat/completions"]


def test_a_broken_server_is_left_alone_for_a_while_and_then_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    behaviour = server.in_turn(*[server.status(500)] * 4, server.says(GOOD))
    with server.serving(behaviour) as llm, caplog.at_level(logging.INFO, logger="promptlib"):
        model = reader(llm.url, 5, clock=lambda: now[0])
        asked = []
        for at in (0, 1, 2, 3, 30, 61, 63, 90, 181):
            now[0] = at + 1000.0
            model.understand(REQUEST)
            asked.append(len(llm.requests))
    # Three failures, a minute alone, one trial that fails as well, and so two minutes alone.
    assert asked == [1, 2, 3, 3, 3, 3, 4, 4, 4]
    assert len(caplog.records) == 1
    assert "status 500" in caplog.text


def test_a_server_that_is_well_again_is_used_again(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    with server.serving(server.in_turn(*[server.status(500)] * 3, server.says(GOOD))) as llm:
        model = reader(llm.url, 5, clock=lambda: now[0])
        for _ in range(5):
            model.understand(REQUEST)
        now[0] = 61
        assert noted(model.understand(REQUEST)) == ""
    assert len(llm.requests) == 4
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "answers again" in caplog.text


def test_the_key_is_in_no_error_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    echo = server.status(401, f"bad key {KEY}".encode())
    with server.serving(echo) as llm, caplog.at_level(logging.DEBUG):
        model = Endpoint(llm.url, "tiny", KEY)
        with pytest.raises(LanguageModelError) as raised:
            model.answer("i", "m", 5)
        for _ in range(3):
            brief = LanguageModelReader(model, 5, CircuitBreaker("m", limit=1)).understand(REQUEST)
            assert KEY not in repr(brief)
    assert KEY not in caplog.text
    assert KEY not in str(raised.value)
    assert KEY not in repr(vars(raised.value))
