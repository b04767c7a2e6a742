"""A board's tags, as the tag completion of A1111 has them: a CSV of ``name,category,count,"alias,alias"``.

Underscores and spaces are the same. Knows nothing of prompts.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

from promptlib import lexicon as lexicons
from promptlib.errors import PromptlibError

#: Categories whose tags are names: artists, series, characters. A common word does not mean one of them.
_NAMES = frozenset({"1", "3", "4"})
#: Real lists have some 200,000 rows of below 2,000 characters.
_MOST_BYTES = 100_000_000


class TagListError(PromptlibError):
    """The tag list cannot be read, or is none."""


class TagList:
    """The names of a list, found by name or alias."""

    def __init__(self, words: dict[str, str], names: dict[str, str]) -> None:
        self._words, self._names = words, names

    def __len__(self) -> int:
        return len(set(self._words.values())) + len(set(self._names.values()))

    def find(self, text: str, *, named: bool = False) -> str:
        """The tag that a text means, in the list's own spelling with spaces; empty where there is none.

        Args:
            named: whether the text may be somebody's name.
        """
        key = _key(text)
        for form in (key, *lexicons.load().singulars(key)):
            if name := self._words.get(form) or (self._names.get(form) if named else None):
                return name
        return ""


def load(path: str) -> TagList:
    """The list in a file, read once as long as the file stays the same."""
    try:
        stat = Path(path).stat()
    except OSError as error:
        raise TagListError(f"{_called(path)} cannot be opened ({error.strerror}); check EASEL_BOORU_TAGS.") from error
    if stat.st_size > _MOST_BYTES:
        raise TagListError(f"{_called(path)} is far too large for one; check EASEL_BOORU_TAGS.")
    return _load(path, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _load(path: str, changed: int) -> TagList:
    words: dict[str, str] = {}
    names: dict[str, str] = {}
    aliases: list[tuple[dict[str, str], str, str]] = []
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row or (number == 1 and row[0].strip().lower() in ("name", "tag")):
                    continue
                if len(row) < 2 or not row[1].strip().isdecimal() or not row[0].strip() or not row[0].isprintable():
                    raise TagListError(
                        f"{_called(path)} is none: line {number} is not name,category,count,aliases; "
                        "check EASEL_BOORU_TAGS."
                    )
                table = names if row[1].strip() in _NAMES else words
                shown = _shown(row[0].strip())
                table.setdefault(_key(row[0]), shown)
                others = row[3].split(",") if len(row) > 3 else []
                keys = [key for alias in others if (key := _key(alias)) and (table is names or _means(key, shown))]
                aliases += [(table, key, shown) for key in keys]
    except OSError as error:
        raise TagListError(f"{_called(path)} cannot be read ({error.strerror}); check EASEL_BOORU_TAGS.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TagListError(f"{_called(path)} is no CSV text in UTF-8; check EASEL_BOORU_TAGS.") from error
    if not words:
        raise TagListError(f"{_called(path)} holds no tags; check EASEL_BOORU_TAGS.")
    # A tag's own name wins over what others are also called.
    for table, alias, shown in aliases:
        table.setdefault(alias, shown)
    return TagList(words, names)


def _called(path: str) -> str:
    return f"The list of booru tags {path}"


def _key(text: str) -> str:
    return " ".join(text.lower().replace("_", " ").split())


def _means(alias: str, shown: str) -> bool:
    """Whether an alias is to be believed: marble is not marble (toy), but watercolor is watercolor (medium)."""
    plain, _, qualifier = shown.lower().partition(" (")
    return not qualifier or plain != alias or qualifier in ("medium)", "style)")


def _shown(name: str) -> str:
    """A name as it is prompted: spaces for underscores, but not in faces such as >_<."""
    return name.replace("_", " ") if sum(char.isalnum() for char in name) > 2 else name
