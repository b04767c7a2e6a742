"""Secrets in every place of a log record where a library may put them."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bot.logs import JsonLines, SecretsHidden
from bot.settings import load_settings

TOKEN = "7000000001:AAE-secret_half"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger of its own, whatever is logged to it, and secrets hidden."""
    hidden, stream = SecretsHidden(TOKEN, "").install(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    logger = logging.getLogger("tests.secrets")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger, stream
    logger.removeHandler(handler)
    hidden.remove()


def test_messages_arguments_and_objects(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info(f"https://x/bot{TOKEN}/getMe")  # noqa: G004
    logger.info("%s 100%% %d", {"url": f"/bot{TOKEN}"}, 5)
    logger.info("%s", ValueError(TOKEN))
    logger.info("quoted %s", TOKEN.replace(":", "%3A"))
    text = stream.getvalue()
    assert "secret_half" not in text and text.count("***") == 4 and "100% 5" in text


def test_exceptions_with_their_causes_and_stacks(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    try:
        try:
            raise ValueError(f"The token `{TOKEN}` was rejected")
        except ValueError as cause:
            raise RuntimeError("polling failed") from cause
    except RuntimeError:
        logger.exception("It broke", stack_info=True)
    text = stream.getvalue()
    assert "secret_half" not in text and "The token `***` was rejected" in text and "polling failed" in text


def test_broken_format_strings(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info("%d", TOKEN)
    logger.info("%(x)s", {"y": TOKEN})
    assert "secret_half" not in stream.getvalue() and stream.getvalue().count("***") == 2


def test_other_records_stay_as_they_are(log: tuple[logging.Logger, io.StringIO]) -> None:
    hidden = logging.getLogRecordFactory()
    record = hidden("x", logging.INFO, "f.py", 1, "%s of %s", (1, 2), None)
    assert (record.msg, record.args) == ("%s of %s", (1, 2))


def test_what_looks_like_a_token_is_hidden_though_nobody_named_it(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info("pasted: 123456789:AAF-another_bots_token_pasted_by_a_person at 12:30")
    assert stream.getvalue() == "tests.secrets pasted: *** at 12:30\n"


def test_json_lines(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.handlers[0].setFormatter(JsonLines(SecretsHidden(TOKEN).hide))
    try:
        raise ValueError(f"no {TOKEN}")
    except ValueError:
        logger.exception("画 %s\nlevel=critical forged", "苹果", stack_info=True)
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("error", "tests.secrets")
    assert told["message"] == "画 苹果\nlevel=critical forged"
    assert told["error"].endswith("ValueError: no ***") and "test_json_lines" in told["stack"]
    assert told["time"].endswith("+00:00")


DYING = """
import logging, sys, threading, warnings
from bot.logs import set_up_logs
logging.basicConfig(stream=sys.stderr)
token = sys.argv[1]
set_up_logs("debug", token, form=sys.argv[2])
class Unraisable:
    def __del__(self):
        raise ValueError(f"deleting {token}")
thread = threading.Thread(target=lambda: int(f"in a thread {token}"))
thread.start()
thread.join()
Unraisable()
warnings.warn(f"beware of {token}")
raise RuntimeError(f"at the end {token}")
"""


@pytest.mark.parametrize("form", ["human", "json"])
def test_what_nobody_catches_is_logged_without_secrets(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING, TOKEN, form], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "secret_half" not in done.stderr
    for words in ("in a thread ***", "deleting ***", "beware of ***", "at the end ***"):
        assert words in done.stderr
    if form == "json":
        assert all(json.loads(line)["level"] for line in done.stderr.splitlines())


def test_the_token_is_in_no_repr_of_the_settings() -> None:
    settings = load_settings({"EASEL_HOME": "/nowhere", "EASEL_TELEGRAM_TOKEN": TOKEN, "EASEL_WEBHOOK_SECRET": TOKEN})
    assert settings.telegram_token == TOKEN
    assert "secret_half" not in f"{settings!r} {settings}"
