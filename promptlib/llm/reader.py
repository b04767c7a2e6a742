"""Understanding with a language model: asked, held to its promises, and done without where it fails.

The built-in way reads every request as well, in milliseconds: it decides what is only talk and what is left as it
stands, it is what the model's brief is compared with, and it is what counts where the model's does not.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from promptlib.brief import Brief
from promptlib.llm import briefs, guarantees, schema
from promptlib.llm.breaker import CircuitBreaker
from promptlib.llm.engine import LanguageModel
from promptlib.llm.errors import BrokenPromise, LanguageModelError, ModelBusy
from promptlib.understanding import request, understand

INSTRUCTIONS = Path(__file__).parents[2] / "data" / "llm" / "instructions.txt"

#: Talk that the built-in way is not sure of.
_UNSURE = ("unclear", "nothing_to_change")
#: What somebody says who takes something back.
_TAKES_BACK = re.compile(
    r"不要|别|去掉|删|拿走|换|改|变|没有|算了|不是|移|除|\b(?:no|not|without|remove|drop|delete|replace|instead|swap|change|"
    r"turn|make|less|rather|forget|lose|get rid)\b",
    re.IGNORECASE,
)
MAX_SEED = 2**31 - 1
_SHORTEST_SIDE, _LONGEST_SIDE, _WIDEST, _MOST_PICTURES = 64, 4096, 32, 16


@cache
def instructions() -> str:
    return INSTRUCTIONS.read_text(encoding="utf-8")


class LanguageModelReader:
    """Understands requests with a language model; may be shared between threads.

    Args:
        seconds: within which an answer must be there.
    """

    def __init__(self, model: LanguageModel, seconds: float, breaker: CircuitBreaker | None = None) -> None:
        self._model, self._seconds = model, seconds
        self._breaker = breaker or CircuitBreaker(f"The language model {model.id}")

    def understand(self, text: str, previous: Brief | None = None) -> Brief:
        """The brief of a message, as `promptlib.understanding.understand` gives it; the notes say whose it is."""
        builtin = understand(text, previous)
        if builtin.raw:
            return builtin
        if builtin.kind in ("chat", "question") and builtin.intent not in _UNSURE:
            return builtin
        if not self._breaker.may_try():
            return self._without(builtin, "it failed several times and is left alone for a while")
        try:
            said = self._model.answer(instructions(), _message(text, previous), self._seconds)
            brief = _brief(schema.read(said), builtin, previous)
        except ModelBusy as error:
            return self._without(builtin, str(error))
        except LanguageModelError as error:
            # What a person wrote does not go into the log.
            kept = "its answers do not keep to the requests" if isinstance(error, BrokenPromise) else str(error)
            self._breaker.failed(kept)
            return self._without(builtin, str(error))
        self._breaker.succeeded()
        return self._noted(brief, "understood_by", {"model": self._model.id})

    def _without(self, builtin: Brief, reason: str) -> Brief:
        return self._noted(builtin, "understood_without", {"model": self._model.id, "reason": reason})

    def _noted(self, brief: Brief, code: str, values: dict[str, str]) -> Brief:
        return dataclasses.replace(brief, notes=(*brief.notes, (code, values)))


def _message(text: str, previous: Brief | None) -> str:
    """The request as JSON, so that nothing in it can pass for anything else."""
    picture = None
    if previous is not None and not previous.raw:
        picture = {
            "picture": [phrase.text for phrase in previous.phrases],
            "avoid": list(previous.avoid),
            "removed": [phrase.text for phrase in previous.removed],
        }
    return json.dumps({"message": text, "previous": picture}, ensure_ascii=False)


def _brief(answer: Mapping[str, Any], builtin: Brief, previous: Brief | None) -> Brief:
    """The brief of an answer, complete and checked."""
    message = request.prepare(builtin.text)
    brief = briefs.brief_of(answer, builtin.text, message.language, message.quotes)
    if brief.kind == "refine" and previous is None:
        brief = dataclasses.replace(brief, kind="image")
    removed = [item["text"] for item in answer["removed"] if _takes_back(item["source"], builtin.text)]
    broken = guarantees.problem(
        brief,
        builtin,
        previous if brief.kind == "refine" else None,
        waived=answer["unpainted"],
        removed=removed if brief.kind == "refine" else (),
    )
    if broken:
        raise BrokenPromise(broken)
    if brief.kind not in ("image", "refine"):
        intents = {"chat": "unclear", "question": "help", "refused": "model"}
        return Brief(brief.kind, brief.text, brief.language, intent=intents[brief.kind])
    before = previous if brief.kind == "refine" and previous is not None else Brief("image", "")
    known = builtin if builtin.kind == "refine" else before
    return dataclasses.replace(
        brief,
        removed=known.removed,
        lent=known.lent,
        settings=known.settings,
        notes=builtin.notes,
        **_format(answer["format"], builtin, before),
    )


def _takes_back(source: str, text: str) -> bool:
    return bool(source.strip()) and source.strip() in text and bool(_TAKES_BACK.search(text))


def _format(said: Mapping[str, Any], builtin: Brief, before: Brief) -> dict[str, Any]:
    """The format as the built-in way reads it; the model fills in what is in the message and was not understood."""
    found = {
        name: getattr(builtin, name) or getattr(before, name) for name in ("aspect", "width", "height", "count", "seed")
    }
    if builtin.seed == 0:
        found["seed"] = 0
    source = said["source"].strip()
    if not source or source not in builtin.text:
        return found
    if not found["aspect"] and not found["width"]:
        found |= _shape(said, source)
    count, seed = said["count"] or 0, said["seed"]
    if not found["count"] and 1 < count <= _MOST_PICTURES:
        found["count"] = count
    if found["seed"] is None and seed is not None and 0 <= seed <= MAX_SEED and str(seed) in source:
        found["seed"] = seed
    return found


def _shape(said: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Pixels that the message names, else an aspect that a picture can have."""
    width, height = said["width"] or 0, said["height"] or 0
    if all(_SHORTEST_SIDE <= side <= _LONGEST_SIDE and str(side) in source for side in (width, height)):
        return {"width": width, "height": height}
    ratio = re.fullmatch(r"(\d{1,2}):(\d{1,2})", said["aspect"] or "")
    wide, high = map(int, ratio.groups()) if ratio else (0, 0)
    return {"aspect": f"{wide}:{high}"} if 0 < wide <= _WIDEST and 0 < high <= _WIDEST else {}
