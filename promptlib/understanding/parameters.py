"""What a request says about the picture's format: aspect, size, count, seed and command-line flags.

Takes it out of the text, so that the rest is only what is to be painted. The phrasings stand in
data/lexicon/parameters.tsv.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from promptlib import lexicon as lexicons

_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TEENS = ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_NUMBERS = {
    **{word: n for n, word in enumerate("零一二三四五六七八九十")},
    **{word: n for n, word in enumerate((*_UNITS, *_TEENS))},
    "两": 2,
    "俩": 2,
    "a": 1,
    "another": 1,
    "a couple of": 2,
    "couple": 2,
    "a few": 3,
    "several": 3,
    "几": 3,
    "half a dozen": 6,
    "dozen": 12,
    "a dozen": 12,
    "a handful of": 5,
    "a pair of": 2,
    "twice": 2,
    "打": 12,
    "一打": 12,
    "半打": 6,
    "thrice": 3,
    "a couple": 2,
    "pair": 2,
    "trio": 3,
    "仨": 3,
}
_TENS = {
    word: 10 * n
    for n, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)
}
_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_CHARACTERS = "零一二两三四五六七八九十百千万"
#: Midjourney's flags that easel serves; every other one is named in a note.
_SERVED_FLAGS = {"ar", "aspect", "no", "seed", "raw"}
#: Figures below this are no pixels.
_SMALLEST_SIDE = 64
_FLAG = re.compile(r"(?<!\S)(?:--|—|––)([a-zA-Z]+)(?:[ =]+((?:(?!\s--|\s—).)*))?", re.DOTALL)


@dataclass
class Parameters:
    """The format asked for; None and empty where nothing was said."""

    aspect: str = ""
    width: int | None = None
    height: int | None = None
    count: int | None = None
    seed: int | None = None
    raw: bool = False
    avoid: list[str] = field(default_factory=list)
    notes: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def said(self) -> bool:
        """Whether anything at all was said about the format."""
        return self != Parameters(notes=self.notes)


def extract(text: str) -> tuple[str, Parameters]:
    """The text without its parameters, and the parameters."""
    found = Parameters()
    text = extract_flags(text, found)
    for label, pattern in lexicons.load().patterns["parameters"]:
        text = pattern.sub(lambda match, label=label: _apply(label, match, found), text)  # type: ignore[misc]
    return text, found


def extract_flags(text: str, found: Parameters) -> str:
    """Serve ``--ar 16:9`` and its like, note the flags that are not served."""

    def serve(match: re.Match[str]) -> str:
        name, value = match[1].lower(), (match[2] or "").strip()
        rest = ""
        if name == "no":
            found.avoid += [item.strip() for item in re.split(r"[,,]", value) if item.strip()]
        elif name in ("ar", "aspect") and (ratio := re.match(r"(\d+)\s*[::/x]\s*(\d+)", value)):
            found.aspect, rest = f"{ratio[1]}:{ratio[2]}", value[ratio.end() :]
        elif name == "seed" and (seed := re.match(r"\d+", value)):
            found.seed, rest = int(seed[0]), value[seed.end() :]
        elif name == "raw":
            found.raw, rest = True, value
        else:
            found.notes.append(("flag_ignored", {"flag": f"--{name}"}))
            rest = "" if len(value.split()) <= 1 else value.split(maxsplit=1)[1]
        return f" {rest} "

    if not re.search(r"(?<!\S)(?:--|—|––)[a-zA-Z]", text):
        return text
    # Every flag leaves a gap, and patterns that skip white space would try a long one from each of its places.
    return re.sub(r"[^\S\n]{2,}", " ", _FLAG.sub(serve, text))


def number(text: str) -> int:
    """A number in digits, Chinese or English; 0 where it is none."""
    text = text.strip().lower()
    if text.isdigit():
        return int(text)
    if text in _NUMBERS:
        return _NUMBERS[text]
    return _in_characters(text) if text and text[0] in _CHARACTERS else _in_words(text)


def _in_characters(text: str) -> int:
    """一百零八 is 108."""
    total, digit = 0, 0
    for char in text:
        if char in _POWERS:
            power = _POWERS[char]
            total = (total + digit) * power if power == 10_000 else total + (digit or 1) * power
            digit = 0
        else:
            digit = _NUMBERS.get(char, 0)
    return total + digit


def _in_words(text: str) -> int:
    """One hundred and eight is 108; 0 where a word is no number."""
    total, below = 0, 0
    for word in re.split(r"[- ]+", text):
        if word == "hundred":
            below = (below or 1) * 100
        elif word == "thousand":
            total, below = (below or 1) * 1000, 0
        elif word in _NUMBERS or word in _TENS:
            below += _NUMBERS.get(word) or _TENS[word]
        elif word != "and":
            return 0
    return total + below


def _apply(label: str, match: re.Match[str], found: Parameters) -> str:
    groups = match.groupdict()
    if label == "size" and int(groups["w"]) < _SMALLEST_SIDE > int(groups["h"]):
        found.aspect = f"{int(groups['w'])}:{int(groups['h'])}"  # a poster of 24x36 inches
    elif label == "size":
        found.width, found.height = int(groups["w"]), int(groups["h"])
    elif label == "ratio":
        width, height = number(groups["w"]), number(groups["h"])
        if not (0 < width <= 32 and 0 < height <= 32):
            return match[0]
        found.aspect = f"{width}:{height}"
    elif label == "seed":
        found.seed = number(groups["n"])
    elif label == "count":
        count = number(groups["n"])
        if not 1 < count <= 16:
            return match[0]
        found.count = count
    elif not found.aspect:
        found.aspect = label
    return groups.get("keep") or " "
