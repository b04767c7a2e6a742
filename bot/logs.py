"""Keeps secrets out of logs, at the one place all log records come from.

Libraries log URLs, errors and whole requests, some of which hold the bot's token. A filter on a handler misses the
handlers of others, so every record is cleaned when it is made.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

HIDDEN = "***"


def set_up_logs(level: str, *secrets: str) -> None:
    """Log from a level on, and never these secrets."""
    SecretsHidden(*secrets).install()
    logging.getLogger().setLevel(level.upper())
    # httpx logs every URL, and in those of a bot stands its token.
    logging.getLogger("httpx").setLevel(logging.WARNING)


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
        return text

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
