"""Writing systems: which script a text is in, and how to cut it for full-text search.

Chinese, Japanese and Korean write without spaces, so each such character becomes a word of its own and a search
for several becomes a phrase. That finds terms of any length, where SQLite's trigram tokenizer needs three characters.
"""

from __future__ import annotations

import re

_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_CJK = re.compile(f"[{_IDEOGRAPHS}]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_WORD = re.compile(f"[{_IDEOGRAPHS}]+|[^\\W_{_IDEOGRAPHS}]+")


def cjk_share(text: str) -> float:
    """The share of Chinese, Japanese or Korean characters among a text's letters and digits."""
    letters = sum(character.isalnum() for character in text)
    return len(_CJK.findall(text)) / letters if letters else 0.0


def guess_language(text: str) -> str:
    """``zh``, ``ja`` or ``en``: enough to label an imported row."""
    if cjk_share(text) < 0.3:
        return "en"
    return "ja" if _KANA.search(text) else "zh"


def searchable(text: str) -> str:
    """A text as it goes into the full-text table: every CJK character stands alone."""
    return _CJK.sub(r" \g<0> ", text)


def match_expression(query: str) -> str:
    """What a person typed, as an FTS5 expression: all words must occur, CJK runs as phrases. Empty if no word."""
    return " ".join(f'"{searchable(word).strip()}"' for word in _WORD.findall(query))
