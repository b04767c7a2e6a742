"""Secrets in every place of a log record where a library may put them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from bot.logs import SecretsHidden

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
