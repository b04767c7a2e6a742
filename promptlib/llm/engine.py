"""What a language model is to easel: something that answers two texts with one, within a set time."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from promptlib.llm.errors import LanguageModelError

#: Tokens of an answer: the longest request in every slot of the schema stays below.
MAX_TOKENS = 2048


class LanguageModel(ABC):
    """One model behind one door. `answer` may be called from several threads at once."""

    #: What `--explain` and the log call it; never holds a key.
    id: str

    @abstractmethod
    def answer(self, instructions: str, message: str, seconds: float) -> str:
        """What the model says to a message.

        Raises:
            LanguageModelError: it says nothing that can be used, or not within `seconds`.
        """


def within(seconds: float, work: Callable[[], str]) -> str:
    """What `work` returns, or an error when it is not done in time.

    It runs in a thread of its own, which is left to itself when time is up: no library's own timeouts can be relied
    on for the whole of a name look-up, a connection and an answer that drips.
    """
    done: list[Any] = []

    def run() -> None:
        try:
            done.append(work())
        except LanguageModelError as error:
            done.append(error)
        except Exception as error:  # noqa: BLE001  what breaks in a library here must not break a request
            done.append(LanguageModelError(f"it failed ({type(error).__name__})"))

    thread = threading.Thread(target=run, name="easel-language-model", daemon=True)
    thread.start()
    thread.join(seconds)
    if not done:
        raise LanguageModelError(f"it did not answer within {seconds:g} seconds")
    if isinstance(done[0], LanguageModelError):
        raise done[0]
    return str(done[0])
