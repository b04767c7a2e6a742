"""What the grammars of all languages share: which kind of word goes into which slot, and English word forms."""

from __future__ import annotations

import re

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS

#: Kinds of words that make a phrase of their own, and its slot.
MODIFIER_SLOTS = {
    "style": "style",
    "medium": "medium",
    "artist": "artist",
    "light": "light",
    "camera": "camera",
    "mood": "mood",
    "palette": "color",
    "time": "setting",
    "weather": "setting",
    "quality": "quality",
}

_IRREGULAR_PARTICIPLES = {
    "holding": "held",
    "wearing": "worn",
    "eating": "eaten",
    "taking": "taken",
    "driving": "driven",
    "making": "made",
    "building": "built",
    "breaking": "broken",
    "tearing": "torn",
    "hiding": "hidden",
    "blowing": "blown",
    "shining on": "lit",
    "illuminating": "lit",
    "lighting": "lit",
    "drawing": "drawn",
    "catching": "caught",
    "binding": "bound",
    "cutting": "cut",
    "writing": "written",
    "freezing": "frozen",
    "burning": "burnt",
    "covering": "covered",
    "surrounding": "surrounded",
    "wrapping": "wrapped",
}


def gerund(verb: str) -> str:
    """``fish`` -> ``fishing``: verbs stand in a caption as what somebody is doing."""
    first, _, rest = verb.partition(" ")
    if re.search(r"[^aeiou]e$|[aeiou][^aeiou]e$|ue$", first) and not first.endswith(("ee", "oe", "ye")):
        first = first[:-1]
    elif first.endswith("ie"):
        first = first[:-2] + "y"
    elif re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", first):
        first += first[-1]
    return f"{first}ing {rest}".strip()


def participle(doing: str) -> str:
    """``covering`` -> ``covered``: the same verb as something done to the subject."""
    if doing in _IRREGULAR_PARTICIPLES:
        return _IRREGULAR_PARTICIPLES[doing]
    first, _, rest = doing.partition(" ")
    return f"{first.removesuffix('ing')}ed {rest}".strip()


def positives(comparative: str) -> list[str]:
    """``bolder`` -> bold, ``redder`` -> red, ``whiter`` -> white, ``happier`` -> happy."""
    lowered = comparative.lower()
    stem = lowered.removesuffix("er")
    forms = [lowered, stem, stem + "e"]
    if stem.endswith("i"):
        forms.append(stem[:-1] + "y")
    if len(stem) > 2 and stem[-1] == stem[-2]:
        forms.append(stem[:-1])
    return forms


def positive_of(comparative: str) -> str:
    """The adjective a comparative is made of, if the lexicon knows it: glossier -> glossy; empty otherwise."""
    lexicon = lexicons.load()
    lowered = comparative.lower()
    if not lowered.endswith("er") or lowered in lexicon.english:
        return ""
    known = (form for form in positives(lowered)[1:] if form in lexicon.english)
    return next((form for form in known if lexicon.english[form].kind in ATTRIBUTE_KINDS), "")
