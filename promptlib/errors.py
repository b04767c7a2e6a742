"""Everything promptlib raises on purpose. The edges (command line, chat) turn these into one sentence."""

from __future__ import annotations

from typing import Any


class PromptlibError(Exception):
    """Base of all promptlib errors; its text is one sentence a person can act on."""


class LibraryError(PromptlibError):
    """The library's database cannot be opened, read or written."""


class NoSuchPrompt(LibraryError):
    """No prompt has that id."""


class IndexDamaged(PromptlibError):
    """The vector index is damaged or does not fit the library."""


class IndexNotSaved(PromptlibError):
    """The vector index cannot be written to disk."""


class EmbedderError(PromptlibError):
    """An embedding model is missing or cannot be loaded."""


class ImportFailed(PromptlibError):
    """A file cannot be imported, or not to its end (single bad rows are reported, not raised).

    `report` is the `promptlib.importers.ImportReport` of what came in before, if the import had begun.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class RequestError(PromptlibError):
    """A request cannot be served as it stands: empty, or far too long."""
