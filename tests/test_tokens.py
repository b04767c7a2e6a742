"""Token counts are CLIP's own."""

from __future__ import annotations

import pytest

from promptlib import tokens


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("a red apple", 3), ("a photo of a cat", 5), ("photorealistic", 2), ("cat, dog", 3)]
)
def test_clip_counts(text: str, count: int) -> None:
    assert tokens.count(text) == count


def test_words_are_counted_in_both_languages() -> None:
    assert tokens.count("a red apple, 红苹果", "words") == 6
