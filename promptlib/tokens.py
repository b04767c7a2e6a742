"""How long a prompt is for the model that reads it. CLIP's own tokens, without any weights."""

from __future__ import annotations

import re
from functools import cache
from typing import Any


@cache
def _clip() -> Any:
    from instant_clip_tokenizer import Tokenizer  # reads its vocabulary, 20 ms

    return Tokenizer()


def count(text: str, tokenizer: str = "clip") -> int:
    """The number of tokens of a text, start and end not counted.

    Args:
        tokenizer: ``clip`` counts CLIP's byte pairs, ``words`` counts words (each Chinese character is one).
    """
    if tokenizer == "clip":
        return len(_clip().encode(text))
    return len(re.findall(r"[\u3400-\u9fff]|[^\W_]+", text))
