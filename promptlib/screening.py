"""Screening words before they are painted: the matters they touch, however they are spelled.

The words stand in data/lexicon/screening.tsv. What a chat does about sex, gore and nudity is decided elsewhere; what
is in `ALWAYS` is painted for nobody. Reads words only: a picture is looked at in its own place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from promptlib import lexicon as lexicons
from promptlib.brief import Brief
from promptlib.records import Prompt

#: Matters that nobody can switch on.
ALWAYS = frozenset({"minors", "violence"})
#: Matters that a chat's admins decide about.
MATTERS = ("sexual", "gore", "nudity")
_GRAVITY = ("minors", "violence", *MATTERS, "")

#: Letters of other scripts, and symbols, that look like Latin ones.
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝкмтвгпӏαβεικνορτυχωηɡıℓøłđß",
    "aeopcyxijsdhqwkmtbrnlabeiknoptuxwngilolds",
)
#: Digits and signs that are written for letters; 1 is read both ways.
_LEET = [str.maketrans("013457$@!|8", f"o{one}eastsail" + "b") for one in "il"]
_HAN = r"\u3400-\u9fff\u3040-\u30ff"
_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}])[^\w{_HAN}]+(?=[{_HAN}])|(?<=[{_HAN}])_+(?=[{_HAN}])")
_SPELLED = re.compile(r"(?<![a-z])[a-z](?:[\W_]{1,3}[a-z]){2,}(?![a-z])")
_INSIDE = re.compile(r"(?<=[a-z])[^\w\s,;]+(?=[a-z])|(?<=[a-z])_+(?=[a-z])")
_CLOTHES = re.compile(
    r"(?:her |his |their |all |any |the )*"
    r"(?:clothes|clothing|(?:fully )?(?:clothed|dressed)|pants|underwear|panties|bra|outfit|swimsuit)|"
    r"(?:所有|全部)?(?:衣服|衣物|衣裳|内衣|内裤|裤子)"
)
_GROWN = re.compile(
    r"(?:an? )?(?:adults?(?: (?:wo)?m[ae]n)?|grown[- ]?ups?|grown (?:wo)?m[ae]n|old|mature)|(?:older than|over) \d+|"
    r"成年人?|大人|成熟"
)


@dataclass(frozen=True)
class Verdict:
    """What was found: `matter` is empty for nothing, else one of `ALWAYS` or `MATTERS`.

    `minors` tells that somebody under age is named, which is no matter by itself.
    """

    matter: str = ""
    minors: bool = False

    def joined(self, other: Verdict) -> Verdict:
        """What two texts of one picture touch together."""
        minors, matters = self.minors or other.minors, (self.matter, other.matter)
        worse = "minors" if minors and {"sexual", "nudity"} & {*matters} else min(matters, key=_GRAVITY.index)
        return Verdict(worse, minors)


def screen(text: str) -> Verdict:
    """The gravest matter that a text touches."""
    shapes = [_without(shape, "harmless") for shape in _shapes(text)]
    minors = any(_names("minor", shape) for shape in shapes)
    if not minors:
        shapes = [_without(shape, "art") for shape in shapes]
    found = {label for label in ("violence", "suggestive", *MATTERS) if any(_names(label, shape) for shape in shapes)}
    if minors and found & {"sexual", "nudity", "suggestive"}:
        return Verdict("minors", minors)
    return Verdict(next((matter for matter in _GRAVITY if matter in found), ""), minors)


def screen_brief(brief: Brief) -> Verdict:
    """The matter of a request, with all that is left of the conversation before it."""
    return screen(f"{brief.text} . {brief.query()} . {_denied(brief.avoid)}")


def refuse(brief: Brief, verdict: Verdict, blocked: Collection[str] = ()) -> Brief:
    """The brief, or a refusal of it where its matter is never painted or is blocked here."""
    wanted = brief.kind in ("image", "refine")
    barred = verdict.matter in ALWAYS or (verdict.matter in blocked and verdict.matter)
    return replace(brief, kind="refused", intent=verdict.matter) if wanted and barred else brief


def screen_prompt(prompt: Prompt) -> Verdict:
    """The matter of what a model would be given."""
    return screen_painted(prompt.positive, prompt.negative)


def screen_painted(positive: str, negative: str, request: str = "") -> Verdict:
    """The matter of a picture that these words were painted from."""
    return screen(f"{positive} . {request} . {_denied([negative])}")


def _denied(avoided: Iterable[str]) -> str:
    """What avoiding amounts to: clothes to nudity, grown people to a child; most else to nothing."""
    found = []
    # Weights and their brackets change how much is denied, not what.
    bare = (re.sub(r"[()\[\]{}]|:\s*[\d.]+", "", text.lower()) for text in avoided)
    for item in (item.strip() for text in bare for item in re.split("[,,、]", text)):
        found += ["without clothes"] if _CLOTHES.fullmatch(item) else ["child"] if _GROWN.fullmatch(item) else []
    return " ".join(dict.fromkeys(found))


def _shapes(text: str) -> Iterator[str]:
    """The text as it is meant: plainly, with digits read as letters, and with what was taken apart put together."""
    plain = _plain(text)
    read = dict.fromkeys([plain, *(plain.translate(table) for table in _LEET)])
    for shape in read:
        joined = _INSIDE.sub("", _SPELLED.sub(lambda found: re.sub(r"[\W_]", "", found[0]), shape))
        yield from dict.fromkeys([shape, joined, _rejoined(joined)])


def _plain(text: str) -> str:
    """Lower case, simplified, without accents, invisible characters and lookalikes."""
    kept = unicodedata.normalize("NFKC", text)
    kept = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Mn", "Me", "Co", "Cs"))
    kept = unicodedata.normalize("NFKD", kept.casefold())
    kept = "".join(c for c in kept if unicodedata.category(c) != "Mn").translate(_LOOKALIKES)
    kept = re.sub(r"([a-z])\1{2,}", r"\1", kept)
    if re.search(f"[{_HAN}]", kept):
        kept = _BETWEEN_HAN.sub("", _simplified().convert(kept))
    return kept


@cache
def _simplified() -> Any:
    import opencc  # traditional characters are read as simplified ones

    return opencc.OpenCC("t2s")


def _rejoined(text: str) -> str:
    """The text, and behind it the words that were cut up or glued together: ``na ked``, ``nakedchild``."""
    pieces, found = re.findall(r"[a-z]+|[^a-z]+", text), list[str]()
    for at, piece in enumerate(pieces):
        found += [half for cut in range(3, len(piece) - 2) for half in _halves(piece, cut)]
        for words in (pieces[at : at + 3 : 2], pieces[at : at + 5 : 2]):
            blank = not any(gap.strip() for gap in pieces[at + 1 : at + 2 * len(words) - 1 : 2])
            if blank and len(words) > 1 and "".join(words) in _watched() and not any(map(_is_word, words)):
                found.append("".join(words))
    return f"{text} . {' . '.join(found)}" if found else text


def _halves(piece: str, cut: int) -> list[str]:
    halves = [piece[:cut], piece[cut:]]
    return halves if _watched().issuperset(halves) else []


def _is_word(piece: str) -> bool:
    return len(piece) > 1 and lexicons.load().find_english(piece) is not None


@cache
def _watched() -> frozenset[str]:
    """The words that stand for a matter, or for somebody under age."""
    words = lexicons.load().groups["screening"]
    return frozenset(word for word, label in words.items() if label not in ("harmless", "art"))


@cache
def _pattern(label: str) -> re.Pattern[str]:
    """All that a label stands for, as one expression: Latin words whole, Chinese ones anywhere."""
    lexicon = lexicons.load()
    words = [_plain(word) for word, name in lexicon.groups["screening"].items() if name == label]
    words.sort(key=len, reverse=True)
    whole = "|".join(re.escape(word).replace(r"\ ", r"[\s_-]+") for word in words if word.isascii())
    parts = [re.escape(word) for word in words if not word.isascii()]
    parts += [pattern.pattern for name, pattern in lexicon.patterns["screening"] if name == label]
    return re.compile("|".join([f"(?<![a-z0-9])(?:{whole})(?![a-z0-9])", *parts]))


def _names(label: str, text: str) -> bool:
    return _pattern(label).search(text) is not None


def _without(text: str, label: str) -> str:
    return _pattern(label).sub(" ", text)
