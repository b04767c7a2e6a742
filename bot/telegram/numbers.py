"""Message numbers: which one a message can have that was posted, but whose number Telegram did not get to tell.

Numbers go up by one: in a supergroup its own, in all private chats and small groups of a bot together. Knows no
calls; only what passed by.
"""

from __future__ import annotations

from collections import defaultdict, deque

#: Numbers looked at beyond the highest known one, in all at least after a crash, and in all at most.
BEYOND, LEAST, MOST = 8, 12, 100

#: Supergroups and channels have ids below this, and count for themselves.
SUPERGROUPS = -1_000_000_000_000


class Numbers:
    """The highest number that passed by, and the bot's latest own in each chat."""

    def __init__(self) -> None:
        self._highest: dict[int, int] = {}
        self._own: dict[int, deque[int]] = defaultdict(lambda: deque(maxlen=MOST))

    def saw(self, chat: int, message: int) -> None:
        count = _count(chat)
        self._highest[count] = max(message, self._highest.get(count, 0))

    def posted(self, chat: int, messages: list[int]) -> None:
        self._own[chat].extend(messages)
        for message in messages:
            self.saw(chat, message)

    def forget(self, chat: int, messages: list[int]) -> None:
        """These are to be looked for again."""
        self._own[chat] = deque((one for one in self._own[chat] if one not in messages), maxlen=MOST)

    def mark(self, chat: int, earlier: int = 0) -> int:
        """A number below that of whatever is posted from now on; `earlier` is one known from elsewhere."""
        return max(earlier, self._highest.get(_count(chat), 0))

    def between(self, chat: int, since: int, message: int) -> list[int]:
        """The last numbers after a mark and before a message, as far as they are not known to be others'."""
        own = set(self._own.get(chat, ()))
        return [one for one in range(max(since + 1, message - MOST), message) if one not in own]

    def candidates(self, chat: int, since: int, until: int = 0) -> list[int]:
        """Numbers that something posted in a chat after a mark can have, as far as they are not known to be others'.

        Args:
            until: the mark when the try had failed; 0 if nobody lived to take it.
        """
        last = until + BEYOND if until else max(self._highest.get(_count(chat), 0) + BEYOND, since + LEAST)
        own = set(self._own.get(chat, ()))
        return [one for one in range(since + 1, min(last, since + MOST) + 1) if one not in own]


def _count(chat: int) -> int:
    return chat if chat < SUPERGROUPS else 0
