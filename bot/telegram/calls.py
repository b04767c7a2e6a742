"""How calls to Telegram are paced, and what their failures mean for whoever called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter

from bot import metrics
from bot.pace import Throttle
from bot.telegram.reading import FRONT
from bot.wire import Moved, Refused, Unchanged, Unsent, Unsure

#: Failures before a request was on its way. After any other, Telegram may have done what it was asked.
NOT_ON_ITS_WAY = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

#: Given with a call that is worth nothing later: it fails at once where others would wait.
NOW_OR_NEVER = 1

Answer = bool | dict[str, Any] | list[dict[str, Any]]


class Limits(BaseRateLimiter[int]):
    """Thirty calls a second in all, twenty a minute in a group; a chat that must wait keeps no other waiting."""

    def __init__(self, throttle: Throttle | None = None) -> None:
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
            if rate_limit_args == NOW_OR_NEVER:
                raise RetryAfter(timedelta(seconds=wait))
            await asyncio.sleep(wait)
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
    except InvalidToken:
        raise
    except (BadRequest, Forbidden) as error:
        raise (Unchanged if "message is not modified" in str(error).lower() else Refused)(str(error)) from error
    except TelegramError as error:
        if "too large" in str(error).lower():
            raise Refused(str(error)) from error
        raise (Unsent if isinstance(error.__cause__, NOT_ON_ITS_WAY) else Unsure)(str(error)) from error
