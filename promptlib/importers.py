"""Bringing files of prompts into the library, and writing the library out again.

Imports are idempotent and go batch by batch: embeddings first, if an embedder is given, then the rows, so whoever
sees a row finds its embedding. What is imported before a file turns out damaged stays, and is reported.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from promptlib import feed
from promptlib.cache import EmbeddingCache
from promptlib.embeddings import Embedder
from promptlib.errors import ImportFailed
from promptlib.formats import Row, reader_for
from promptlib.library import Library
from promptlib.records import LibraryPrompt
from promptlib.rows import passage_text

#: Rows per batch: two or three seconds of embedding, so progress moves and an interruption loses little.
BATCH = 64
#: Skipped rows a report names one by one; all are counted.
NAMED = 1000


@dataclass
class ImportReport:
    """What became of a file's rows. `skipped` names rows (number, reason), `reasons` counts all skipped by reason."""

    added: int = 0
    existing: int = 0
    skipped: list[tuple[int, str]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def skip(self, number: int, reason: str) -> None:
        self.reasons[reason] += 1
        if len(self.skipped) < NAMED:
            self.skipped.append((number, reason))


@dataclass(frozen=True)
class ImportProgress:
    """How far an import is: rows seen, those of them added, and the share of the file that was read."""

    rows: int
    added: int
    share: float


def import_file(
    library: Library,
    path: Path,
    *,
    source: str = "",
    embedder: Embedder | None = None,
    progress: Callable[[ImportProgress], None] | None = None,
) -> ImportReport:
    """Import a file in any known format.

    `source` overrides what the file says about where its rows come from. Raises `ImportFailed` if the file cannot be
    read, or not to its end; then the rows before that are in, and the error tells their number and has the `report`.
    """
    rows = reader_for(path)(path, source)
    report, size, seen = ImportReport(), max(1, path.stat().st_size), 0
    cache = EmbeddingCache(library.db)
    failure: ImportFailed | None = None
    while not failure:
        batch, failure = _next_batch(rows)
        if not batch:
            break
        seen += len(batch)
        _import_batch(library, batch, report, cache, embedder)
        if progress:
            progress(ImportProgress(seen, report.added, min(1.0, batch[-1].position / size)))
    if failure:
        kept = f"{report.added} prompts before that were added, {report.existing} were there already."
        raise ImportFailed(f"{failure} {kept}", report) from failure
    return report


def export(library: Library, path: Path) -> int:
    """Write all prompts that are not removed as JSON lines that `import_file` reads; how many.

    Who wrote and who rated a prompt stay here: they are people's, not the prompt's. The path `-` is standard output.
    """
    count = 0
    try:
        with nullcontext(sys.stdout) if str(path) == "-" else path.open("w", encoding="utf-8") as file:
            for prompt in _all_prompts(library):
                file.write(json.dumps(_exported(prompt), ensure_ascii=False) + "\n")
                count += 1
    except OSError as error:
        raise ImportFailed(f"{path} cannot be written ({error.strerror}); choose another place.") from error
    return count


def _next_batch(rows: Iterator[Row]) -> tuple[list[Row], ImportFailed | None]:
    """Up to BATCH rows; fewer when the file ends or cannot be read on, which comes with them."""
    batch: list[Row] = []
    try:
        for row in islice(rows, BATCH):
            batch.append(row)
    except ImportFailed as error:
        return batch, error
    return batch, None


def _import_batch(
    library: Library, batch: list[Row], report: ImportReport, cache: EmbeddingCache, embedder: Embedder | None
) -> None:
    for row in batch:
        if row.prompt is None:
            report.skip(row.number, row.reason)
    good = [(row.number, row.prompt) for row in batch if row.prompt]
    if embedder:
        cache.passages(embedder, [passage_text(prompt.text, prompt.extra) for _, prompt in good])
    outcomes = library.add_many(prompt for _, prompt in good)
    for (number, _), added in zip(good, outcomes, strict=True):
        if added.removed:
            report.skip(number, "removed from the library earlier")
        elif added.created:
            report.added += 1
        else:
            report.existing += 1


def _all_prompts(library: Library) -> Iterator[LibraryPrompt]:
    ids = sorted(feed.ids(library))
    for start in range(0, len(ids), feed.PAGE):
        yield from library.get_many(ids[start : start + feed.PAGE])


def _exported(prompt: LibraryPrompt) -> dict[str, Any]:
    """The fields of a prompt that say something, derived ones for people to read."""
    fields: dict[str, Any] = {"text": prompt.text, "negative": prompt.negative, "dialect": prompt.dialect}
    fields["family"] = prompt.family
    fields["tags"] = [{"text": tag.text, "slot": tag.slot} for tag in prompt.tags]
    for name in ("source", "source_url", "author", "licence", "language", "params", "extra", "prior", "eligible"):
        fields[name] = getattr(prompt, name)
    return fields | {"created": prompt.created, "score": round(prompt.score, 3), "ratings": prompt.ratings}
