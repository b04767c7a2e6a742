"""What a language model answers: one JSON object of a fixed form, found in its text and checked against the schema.

The schema is sent to servers that can hold a model to it and checked here whatever they do. Knows nothing of where
the text came from, nor whether what the answer says is true: that is `promptlib.llm.guarantees`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from promptlib.llm.errors import LanguageModelError

#: The slots of single remarks, and where they stand in a prompt.
MANNERS = {
    "setting": "setting",
    "time": "setting",
    "weather": "setting",
    "style": "style",
    "medium": "medium",
    "artists": "artist",
    "light": "light",
    "palette": "color",
    "camera": "camera",
    "mood": "mood",
    "other": "other",
}
KINDS = ("image", "refine", "chat", "question", "refused")
#: More than any request has; what is longer is babble.
LONGEST_TEXT, MOST_ITEMS = 300, 60

_TEXT = {"type": "string"}
_NUMBER = {"type": ["integer", "null"]}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


#: A few English words, and the words of the person that they stand for.
_SAID = _object("text", "source", text=_TEXT, source=_TEXT)

SCHEMA = _object(
    *("kind", "subjects"),
    kind={"type": "string", "enum": list(KINDS)},
    subjects=_list(
        _object(
            *("name", "source"),
            name=_TEXT,
            source=_TEXT,
            count=_NUMBER,
            attributes=_list(_SAID),
            actions=_list(_SAID),
            relations=_list(_object("relation", "object", "source", relation=_TEXT, object=_TEXT, source=_TEXT)),
        )
    ),
    **{name: _list(_SAID) for name in MANNERS},
    text_to_render=_list(_TEXT),
    avoid=_list(_SAID),
    removed=_list(_SAID),
    unpainted=_list(_TEXT),
    format=_object(
        aspect={"type": ["string", "null"]},
        width=_NUMBER,
        height=_NUMBER,
        count=_NUMBER,
        seed=_NUMBER,
        source=_TEXT,
    ),
)

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "null": type(None),
}


def read(text: str) -> dict[str, Any]:
    """The answer in a model's text, which may think aloud before it and fence it in; what it leaves out is empty.

    Raises:
        LanguageModelError: there is none, or it is not of the form of `SCHEMA`.
    """
    said = re.sub(r"<think(?:ing)?>.*?</think(?:ing)?>", "", text, flags=re.DOTALL | re.IGNORECASE)
    if re.search(r"<think(?:ing)?>", said, re.IGNORECASE):
        raise LanguageModelError("it did not come to the end of its thoughts")
    if (start := said.find("{")) < 0:
        raise LanguageModelError("its answer holds no JSON object" if said.strip() else "its answer is empty")
    try:
        answer, _ = json.JSONDecoder().raw_decode(said, start)
    except (ValueError, RecursionError) as error:
        raise LanguageModelError("its JSON is damaged or cut off") from error
    if problem := _problem(answer, SCHEMA, "the answer"):
        raise LanguageModelError(f"its JSON is not of the form asked for: {problem}")
    completed: dict[str, Any] = _completed(answer, SCHEMA)
    return completed


def _completed(value: Any, schema: dict[str, Any]) -> Any:
    """A value of the right form with everything that it left out, as empty as can be."""
    if isinstance(value, list):
        return [_completed(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    parts = schema["properties"].items()
    return {name: _completed(value[name], part) if name in value else _empty(part) for name, part in parts}


def _empty(schema: dict[str, Any]) -> Any:
    if schema["type"] == "object":
        return _completed({}, schema)
    return {"array": [], "string": ""}.get(str(schema["type"]))


def _problem(value: Any, schema: dict[str, Any], where: str) -> str:
    """What is wrong with a value, or nothing. Covers as much of JSON Schema as `SCHEMA` uses, and our limits."""
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    # bool is an int to Python, never to JSON.
    if isinstance(value, bool) or not any(isinstance(value, _TYPES[kind]) for kind in kinds):
        return f"{where} is no {' or '.join(kinds)}"
    if isinstance(value, str):
        if "enum" in schema and value not in schema["enum"]:
            return f"{where} is none of {', '.join(schema['enum'])}"
        return f"{where} is too long" if len(value) > LONGEST_TEXT else ""
    if isinstance(value, list):
        if len(value) > MOST_ITEMS:
            return f"{where} has too many items"
        problems = (_problem(item, schema["items"], f"{where}[{at}]") for at, item in enumerate(value))
        return next(filter(None, problems), "")
    if isinstance(value, dict):
        return _object_problem(value, schema, where)
    return ""


def _object_problem(value: dict[str, Any], schema: dict[str, Any], where: str) -> str:
    if missing := [name for name in schema["required"] if name not in value]:
        return f"{where} has no {missing[0]}"
    if unknown := [name for name in value if name not in schema["properties"]]:
        return f"{where} has a key {unknown[0][:40]!r} too many"
    problems = (_problem(value[name], part, name) for name, part in schema["properties"].items() if name in value)
    return next(filter(None, problems), "")
