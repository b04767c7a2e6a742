"""Logs: lines for people or one JSON object a line, and no secret in either.

Libraries log URLs, errors and whole requests, some of which hold the bot's token. A filter on a handler misses the
handlers of others, so every record is cleaned when it is made. What would go to standard error past the logs (an
exception nobody caught, a warning) is logged instead. What people write is logged at debug level only.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

HIDDEN = "***"

#: What a Telegram token looks like: somebody may paste one into a chat, or easel may not have been told it.
TOKEN = re.compile(r"\b[0-9]{6,}(:|%3A)[A-Za-z0-9_-]{30,}", re.IGNORECASE)

log = logging.getLogger(__name__)


def set_up_logs(level: str, *secrets: str, form: str = "human") -> None:
    """Log from a level on, as ``human`` lines or ``json``, and never these secrets."""
    hidden = SecretsHidden(*secrets).install()
    root = logging.getLogger()
    root.setLevel(level.upper())
    for handler in root.handlers:
        handler.setFormatter(JsonLines(hidden.hide) if form == "json" else HumanLines(hidden.hide))
    # Every call to Telegram would be a line.
    logging.getLogger("httpx").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, /) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    log.critical("Nobody caught this error", exc_info=(kind, error or kind(), trace))


class HumanLines(logging.Formatter):
    """Lines for people.

    Args:
        hide: takes the secrets out of what was added to a record after it was made.
    """

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        return self._hide(super().format(record))


class JsonLines(HumanLines):
    """One JSON object a line: time (UTC), level, logger, message, and error with its traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if error := record.exc_text or (self.formatException(record.exc_info) if record.exc_info else ""):
            line["error"] = error
        if record.stack_info:
            line["stack"] = record.stack_info
        return self._hide(json.dumps(line, ensure_ascii=False))


class SecretsHidden:
    """A factory of log records in which secrets are replaced; `install` it once, before anything is logged.

    Args:
        secrets: empty ones are left out. Of a Telegram token the half behind the colon is enough to hide.
    """

    def __init__(self, *secrets: str) -> None:
        parts = {part for secret in secrets for part in (secret, secret.partition(":")[2])}
        self._secrets = sorted((part for part in parts if part), key=len, reverse=True)
        self._make: Callable[..., logging.LogRecord] = logging.getLogRecordFactory()

    def install(self) -> SecretsHidden:
        logging.setLogRecordFactory(self)
        return self

    def remove(self) -> None:
        logging.setLogRecordFactory(self._make)

    def hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return TOKEN.sub(HIDDEN, text)

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        record.name = self.hide(record.name)
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # Somebody else's broken format string: logging reports it with the arguments, so those are dropped.
            record.msg, record.args = self.hide(f"{record.msg!r} {record.args!r}"), None
        else:
            if (hidden := self.hide(message)) != message:
                record.msg, record.args = hidden, None
        if record.exc_info and record.exc_info[0]:
            text = "".join(traceback.format_exception(*record.exc_info))
            if (hidden := self.hide(text)) != text:
                # A formatter uses the text where there is one, and needs the exception no more.
                record.exc_info, record.exc_text = None, hidden.rstrip("\n")
        if record.stack_info:
            record.stack_info = self.hide(record.stack_info)
        return record
