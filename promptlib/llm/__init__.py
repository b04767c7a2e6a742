"""Understanding with a language model, if the user has one: a server or a local model. Off unless it is named."""

from __future__ import annotations

from promptlib.llm.engine import LanguageModel
from promptlib.llm.reader import LanguageModelReader

__all__ = ["LanguageModel", "LanguageModelReader"]
