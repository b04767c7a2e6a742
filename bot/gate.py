"""The one place that decides whether an update is looked at. Whatever goes wrong in it, the answer is no."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class Gate:
    """Asks the assistant whether a person may use easel in a chat.

    Args:
        may_use: told user and chat, such as ``telegram:1``; may fail, as a database can.
    """

    def __init__(self, may_use: Callable[[str, str], bool]) -> None:
        self._may_use = may_use

    def admits(self, user: str, chat: str) -> bool:
        """False for nobody in particular, for strangers, and when it cannot be found out."""
        try:
            return bool(user) and self._may_use(user, chat) is True
        except Exception:
            log.exception("The gate could not decide about %s, who stays outside", user)
            return False
