"""Reading files of prompts, row by row: our JSONL, A1111 `styles.csv`, and JSON arrays of known collections.

Readers stream: memory does not grow with the file. A bad row is a `Row` with a reason; a file that cannot be read
on is an `ImportFailed`. Knows the shapes of files and nothing of the library.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from promptlib.errors import ImportFailed
from promptlib.records import LibraryPrompt
from promptlib.shapes import BadRow, from_object, from_style

#: Characters read at a time.
CHUNK = 1 << 16
#: The longest JSON value or line that is a row; real ones are below 20,000 characters.
LONGEST = 1 << 20


@dataclass(frozen=True)
class Row:
    """One row of a file: its line (JSONL, CSV) or place (JSON array), and the prompt, or why there is none.

    `position` is how many bytes of the file were read by then, for progress.
    """

    number: int
    prompt: LibraryPrompt | None = None
    reason: str = ""
    position: int = 0


Reader = Callable[[Path, str], Iterator[Row]]


def reader_for(path: Path) -> Reader:
    """The reader for a file, by how it begins; raises `ImportFailed` if nothing fits."""
    with _opened(path) as file:
        begin = file.read(4096).lstrip()
    if not begin:
        raise ImportFailed(f"{path} is empty; there is nothing to import.")
    if "\0" in begin or "\udc80" <= begin[0] <= "\udcff":
        raise ImportFailed(f"{path} is not a text file in UTF-8; save it as UTF-8 and import it again.")
    if begin[0] == "[":
        return read_json_array
    if begin[0] == "{":
        return read_jsonl
    header = next(csv.reader([begin.splitlines()[0]]))
    if {"name", "prompt"} <= {name.strip() for name in header}:
        return read_styles
    raise ImportFailed(
        f"{path} is in no format easel knows; it reads JSON lines (as `easel library export` writes them), A1111 "
        "styles.csv (name,prompt,negative_prompt), and JSON arrays of objects with text or prompt."
    )


def read_jsonl(path: Path, source: str) -> Iterator[Row]:
    """One JSON object a line, with the fields of `LibraryPrompt`."""
    with _opened(path) as file:
        for number, line in enumerate(_lines(file), 1):
            if len(line) > LONGEST:
                yield Row(number, reason=f"longer than {LONGEST} characters", position=file.buffer.tell())
            elif line.strip():
                yield _row(number, file, _from_line, line, source)


def read_json_array(path: Path, source: str) -> Iterator[Row]:
    """An array of objects, read one object at a time."""
    with _opened(path) as file:
        for number, value in enumerate(_array_items(path, file), 1):
            yield _row(number, file, from_object, value, source)


def read_styles(path: Path, source: str) -> Iterator[Row]:
    """A1111's styles: a name, a prompt that may hold the placeholder ``{prompt}``, a negative prompt."""
    with _opened(path) as file:
        reader = csv.DictReader(file)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(reader.line_num, reason=f"not CSV ({error})", position=file.buffer.tell())
            else:
                yield _row(reader.line_num, file, from_style, fields, source)


def _row(number: int, file: TextIO, make: Callable[[Any, str], LibraryPrompt], value: Any, source: str) -> Row:
    position = file.buffer.tell()
    try:
        return Row(number, make(value, source), position=position)
    except BadRow as error:
        return Row(number, reason=str(error), position=position)


def _from_line(line: str, source: str) -> LibraryPrompt:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRow("not a JSON object") from error
    return from_object(value, source)


def _opened(path: Path) -> TextIO:
    try:
        # Bytes that are not UTF-8 come through as lone surrogates and spoil their row only.
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise ImportFailed(f"{path} cannot be opened ({error.strerror}); check the name and try again.") from error


def _lines(file: TextIO) -> Iterator[str]:
    """Lines of any length: of one that is longer than LONGEST, only the beginning and one character more."""
    line, part = "", "-"
    while part:
        part = file.readline(CHUNK)
        line = (line + part)[: LONGEST + 1]
        if line and (part.endswith("\n") or not part):
            yield line
            line = ""


def _array_items(path: Path, file: TextIO) -> Iterator[Any]:
    """The values of a JSON array, holding one value in memory at a time."""
    decoder, number = json.JSONDecoder(), 0
    buffer, wanted, ended = file.read(CHUNK).lstrip()[1:], 1, False
    while True:
        while len(buffer) < wanted and not ended:
            part = file.read(CHUNK)
            buffer, ended = (buffer + part).lstrip(" \t\r\n,"), not part
        buffer = buffer.lstrip(" \t\r\n,")
        if buffer.startswith("]"):
            return
        try:
            value, end = decoder.raw_decode(buffer)
        except (ValueError, RecursionError) as error:
            if ended or len(buffer) > LONGEST:
                raise _damaged(path, number) from error
            # Perhaps only the beginning of a value: twice as much will tell, in linear time overall.
            wanted = 2 * len(buffer) + 1
            continue
        number, buffer, wanted = number + 1, buffer[end:], 1
        yield value


def _damaged(path: Path, number: int) -> ImportFailed:
    return ImportFailed(f"{path} is damaged or cut off after entry {number}; get a whole copy and import it again.")
