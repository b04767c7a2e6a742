"""Understanding with a language model, if the user has one: a server or a local model. Off unless it is named."""

from __future__ import annotations

from collections.abc import Callable

from promptlib.brief import Brief
from promptlib.errors import PromptlibError
from promptlib.llm.engine import LanguageModel
from promptlib.llm.reader import LanguageModelReader
from promptlib.understanding import understand

__all__ = ["LanguageModel", "LanguageModelReader", "NoSuchModel", "Understanding", "understanding"]

#: From a message and the brief of the turn before to a brief.
Understanding = Callable[[str, Brief | None], Brief]


class NoSuchModel(PromptlibError):
    """The settings name no language model that can be asked."""


def understanding(url: str, model: str, key: str, seconds: float) -> Understanding:
    """The way to understand requests that the settings name: with a language model, or the built-in one.

    Raises:
        NoSuchModel: the settings contradict each other, or name what cannot be.
    """
    if not url and not model:
        return understand
    if not model:
        raise NoSuchModel("EASEL_LLM_URL is set but no model; name one of the server's models with EASEL_LLM_MODEL.")
    return LanguageModelReader(_served(url, model, key) if url else _local(model), seconds).understand


def _served(url: str, model: str, key: str) -> LanguageModel:
    import httpx  # a fifth of a second, only where there is a server

    from promptlib.llm.endpoint import Endpoint

    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        # Some write the key into the address, so it is not shown.
        raise NoSuchModel("EASEL_LLM_URL is no http address; write one such as http://127.0.0.1:11434/v1.")
    return Endpoint(url, model, key)


def _local(model: str) -> LanguageModel:
    from promptlib.llm.local import LocalModel

    return LocalModel(model)
