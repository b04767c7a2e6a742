"""How calls to Telegram are made and paced, and what their failures mean for whoever called."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
from telegram import Update
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter
from telegram.request import HTTPXRequest

from bot import metrics
from bot.pace import Throttle
from bot.telegram.reading import FRONT
from bot.wire import Moved, Refused, Unchanged, Unsent, Unsure

log = logging.getLogger(__name__)

#: Seconds to wait for a connection, for an answer, and for a picture to be taken.
CONNECT, READ, UPLOAD = 10.0, 30.0, 120.0

#: How Telegram answers to a token that it does not know, which passes now and then.
TOKEN_REFUSED = (401, 404)

#: Failures before a request was on its way. After any other, Telegram may have done what it was asked.
NOT_ON_ITS_WAY = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

#: Given with a call that is worth nothing later: it fails at once where others would wait.
NOW_OR_NEVER = 1

Answer = bool | dict[str, Any] | list[dict[str, Any]]


class TokenRefused(NetworkError):
    """Telegram refuses the token of a bot that it served before. Nothing was done, and later it may be."""


class Calls(HTTPXRequest):
    """Makes calls. A refused token is trouble that may pass, as it is no reason for the library to give up.

    Whoever asks for the bot's own name (getMe) learns what Telegram thinks of the token.

    Args:
        doubted: called when the token is refused.
        connections: made side by side at most.
    """

    def __init__(self, doubted: Callable[[], None], connections: int = 256) -> None:
        super().__init__(
            connection_pool_size=connections,
            connect_timeout=CONNECT,
            read_timeout=READ,
            write_timeout=READ,
            media_write_timeout=UPLOAD,
            pool_timeout=READ,
        )
        self._doubted = doubted

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        code, payload = await super().do_request(url, *args, **kwargs)
        if code in TOKEN_REFUSED and not url.endswith("/getMe"):
            self._doubted()
            raise TokenRefused(f"Telegram refuses the token ({code})")
        return code, payload


class Polling(Calls):
    """Fetches updates. One that the library cannot read becomes an empty one, or its whole batch would never pass."""

    def __init__(self, doubted: Callable[[], None]) -> None:
        super().__init__(doubted, connections=1)

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        answer = HTTPXRequest.parse_json_payload(payload)
        if isinstance(answer.get("result"), list):
            answer["result"] = [_readable(update) for update in answer["result"]]
        return answer


def _readable(update: dict[str, Any]) -> dict[str, Any]:
    try:
        Update.de_json(update, None)
    except Exception as error:  # noqa: BLE001 - whatever it is, the batch must pass
        log.warning("Update %s cannot be read and is left out (%s)", update["update_id"], type(error).__name__)
        return {"update_id": update["update_id"]}
    return update


def without_traceback(record: logging.LogRecord) -> bool:
    """A filter for logs: of a call that failed, what it failed of says enough."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, TelegramError):
        record.msg, record.args, record.exc_info = f"{record.getMessage()} ({error})", None, None
    return True


class Limits(BaseRateLimiter[int]):
    """Thirty calls a second in all, twenty a minute in a group; a chat that must wait keeps no other waiting.

    Args:
        pause: waits; True when it is time to stop, and what waits is given up.
    """

    def __init__(self, pause: Callable[[float], Awaitable[bool]], throttle: Throttle | None = None) -> None:
        self._pause = pause
        self._throttle = throttle or Throttle()

    async def initialize(self) -> None:
        """Nothing to set up."""

    async def shutdown(self) -> None:
        """Nothing to take down."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> Answer:
        chat = str(data.get("chat_id") or "")
        while chat and (wait := self._throttle.wait(chat, group=chat.startswith("-"))):
            if rate_limit_args == NOW_OR_NEVER or await self._pause(wait):
                raise RetryAfter(timedelta(seconds=wait))
        try:
            return await callback(*args, **kwargs)
        except RetryAfter as error:
            self._throttle.hold(chat, _seconds(error))
            raise


def _seconds(error: RetryAfter) -> float:
    after = error.retry_after
    return after.total_seconds() if isinstance(after, timedelta) else after


@contextmanager
def told_plainly() -> Iterator[None]:
    """Telegram's errors as the wire's."""
    try:
        with metrics.errors_counted(TelegramError):
            yield
    except ChatMigrated as error:
        raise Moved(f"{FRONT}:{error.new_chat_id}") from error
    except RetryAfter as error:
        raise Unsent(str(error), _seconds(error)) from error
    except (BadRequest, Forbidden) as error:
        raise (Unchanged if "message is not modified" in str(error).lower() else Refused)(str(error)) from error
    except TelegramError as error:
        if "too large" in str(error).lower():
            raise Refused(str(error)) from error
        done = not isinstance(error, TokenRefused) and not isinstance(error.__cause__, NOT_ON_ITS_WAY)
        raise (Unsure if done else Unsent)(str(error)) from error
