"""Prompts that are prompts already: tags with weights or LoRAs, and pasted A1111 infotext. They stay as they are."""

from __future__ import annotations

import re

from promptlib.brief import Brief

_MARKS = re.compile(
    r"\([^()]+:\s*\d(?:\.\d+)?\)|<(?:lora|lyco|hypernet):[^>]+>|\b\d(?:girl|boy|other)s?\b|\bmasterpiece\b|\bBREAK\b|"
    r"\bscore_\d|\bbest quality\b|\(\([^()]+\)\)|\bsolo focus\b|\{\{[^{}]+\}\}|\bembedding:\w+|\b\w+_\w+\b,"
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_NEGATIVE = re.compile(r"^\s*negative prompt:\s*", re.IGNORECASE | re.MULTILINE)
_SETTINGS = re.compile(r"^\s*steps:\s*\d+.*$", re.IGNORECASE | re.MULTILINE)
_PAIR = re.compile(r'\s*([\w ]+):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')


def looks_like_tags(text: str) -> bool:
    """Whether a text is a row of tags in the manner of booru or A1111 prompts."""
    return bool(_MARKS.search(text)) and not _HAN.search(text) and ("," in text or "<" in text or "(" in text)


def read_infotext(text: str) -> Brief | None:
    """The brief of a pasted A1111 infotext, or None where the text is none."""
    settings_line, negative_mark = _SETTINGS.search(text), _NEGATIVE.search(text)
    pairs = dict(_PAIR.findall(settings_line[0])) if settings_line else {}
    if not negative_mark and len(pairs) < 3:
        return None
    body = text[: settings_line.start()] if settings_line else text
    positive, negative = body, ""
    if negative_mark:
        positive, negative = body[: negative_mark.start()], body[negative_mark.end() :]
    settings = {key.strip().lower(): value.strip().strip('"') for key, value in pairs.items()}
    size = re.fullmatch(r"(\d+)x(\d+)", settings.pop("size", ""))
    seed = settings.pop("seed", "")
    return Brief(
        kind="image",
        text=text,
        raw=positive.strip(),
        avoid=(negative.strip(),) if negative.strip() else (),
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        seed=int(seed) if seed.isdigit() else None,
        settings=settings,
    )
