"""Why the language model's answer is not used. None of these ever reaches a person: the built-in way takes over."""

from __future__ import annotations

from promptlib.errors import PromptlibError


class LanguageModelError(PromptlibError):
    """The language model gave no answer that can be used; the text says why, in a clause."""


class ModelBusy(LanguageModelError):
    """The model is still being loaded, or still at work on something else: nobody's fault."""


class BrokenPromise(LanguageModelError):
    """The answer loses what the person said, adds what nobody said, or names what is to be avoided."""
