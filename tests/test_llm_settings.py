"""A language model that the settings name: by address, by folder, wrongly, and what `easel rewrite` says of it."""

from __future__ import annotations

import json
import logging

import llm_server as server
import pytest
from test_llm_endpoint import GOOD, REQUEST, answer, subject
from test_llm_endpoint import said as words

from bot.logs import SecretsHidden
from bot.rewriting import Rewriter
from bot.settings import load_settings
from promptlib.llm import NoSuchModel, understanding
from promptlib.understanding import understand


def test_without_settings_there_is_no_language_model(home: object) -> None:
    settings = load_settings()
    assert (settings.llm_url, settings.llm_model, settings.llm_timeout) == ("", "", 20.0)
    assert understanding(settings.llm_url, settings.llm_model, settings.llm_key, settings.llm_timeout) is understand


@pytest.mark.parametrize("url", ["127.0.0.1:11434", "ftp://host/v1", "http://", "file:///etc/passwd", "x"])
def test_an_address_that_is_none_is_one_sentence(url: str) -> None:
    with pytest.raises(NoSuchModel, match=r"EASEL_LLM_URL is no http address; .*\.$"):
        understanding(url, "m", "secret", 5)


def test_a_server_without_a_model_is_one_sentence() -> None:
    with pytest.raises(NoSuchModel, match=r"EASEL_LLM_MODEL\.$"):
        understanding("http://127.0.0.1/v1", "", "", 5)


def test_the_key_is_not_shown_where_settings_are() -> None:
    settings = load_settings({"EASEL_HOME": "/nowhere", "EASEL_LLM_KEY": "sk-very-secret"})
    assert settings.llm_key == "sk-very-secret"
    assert "sk-very-secret" not in repr(settings)


def test_a_key_that_a_library_logs_is_hidden(caplog: pytest.LogCaptureFixture) -> None:
    hidden = SecretsHidden("sk-very-secret").install()
    try:
        logging.getLogger("httpcore").warning("headers=%r", [(b"Authorization", b"Bearer sk-very-secret")])
    finally:
        hidden.remove()
    assert "sk-very-secret" not in caplog.text
    assert "Bearer ***" in caplog.text


def explained(monkeypatch: pytest.MonkeyPatch, behaviour: server.Behaviour, text: str = REQUEST) -> str:
    monkeypatch.setenv("EASEL_LLM_MODEL", "tiny")
    monkeypatch.setenv("EASEL_LLM_TIMEOUT", "10")
    with server.serving(behaviour) as llm:
        monkeypatch.setenv("EASEL_LLM_URL", llm.url)
        return Rewriter(None).rewrite(text).to_text(explain=True)


def test_explain_says_which_way_a_request_was_understood(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    good = explained(monkeypatch, server.says(GOOD))
    assert good.startswith("fluffy orange cat on wooden chair, watercolor")
    assert "Understood by the language model tiny." in good
    assert "fluffy orange cat on wooden chair — your words" in good
    bad = explained(monkeypatch, server.says("I can't do that."))
    assert bad.startswith("fluffy orange cat on a wooden chair, watercolor")
    assert "Understood the built-in way; the language model tiny was of no use: its answer holds no JSON object." in bad
    chinese = explained(monkeypatch, server.status(500), "一只猫")
    assert "用内置方法理解" in chinese


def test_a_conversation_in_json_lines_goes_through_the_model(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with server.serving(server.status(500)) as llm:
        monkeypatch.setenv("EASEL_LLM_URL", llm.url)
        monkeypatch.setenv("EASEL_LLM_MODEL", "tiny")
        rows = [{"id": n, "session": "a", "text": text} for n, text in enumerate(("a black cat", "make it white"))]
        answers = list(Rewriter(None).lines(map(json.dumps, rows)))
    assert answers[1]["prompt"].startswith("white cat")
    assert server.message_of(llm.requests[0])["previous"] is None
    assert server.message_of(llm.requests[1])["previous"]["picture"] == ["black cat"]


def test_what_is_refused_stays_refused_whatever_the_model_says(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a naked child"
    monkeypatch.setenv("EASEL_LLM_MODEL", "tiny")
    for said in (answer(subjects=[subject("child", attributes=[words("naked")])]), answer(kind="chat"), answer()):
        with server.serving(server.says(said)) as llm:
            monkeypatch.setenv("EASEL_LLM_URL", llm.url)
            assert Rewriter(None).rewrite(text).to_json()["kind"] == "refused"


def test_a_slow_model_keeps_nobody_waiting_longer_than_was_set(home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_LLM_MODEL", "tiny")
    monkeypatch.setenv("EASEL_LLM_TIMEOUT", "0.3")
    with server.serving(server.drips_body) as llm:
        monkeypatch.setenv("EASEL_LLM_URL", llm.url)
        rewriter = Rewriter(None)
        understood = [rewriter.rewrite(text).written.seconds["understand"] for text in (REQUEST, *["a cat"] * 4)]
    # The first one also loads the lexicon; after three failures the model is left alone.
    assert all(0.29 < seconds < 2 for seconds in understood[1:3])
    assert max(understood[3:]) < 0.29
    assert len(llm.requests) == 3
