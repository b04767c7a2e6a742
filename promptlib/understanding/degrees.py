"""More of this, less of that: 再红一点, not bright enough, bolder colors.

What a quality means when it is wanted more or less stands in data/lexicon/degrees.tsv; asking again goes a step
further along its row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS, Brief, Phrase, Word
from promptlib.lexicon import Degree
from promptlib.understanding import editing
from promptlib.understanding.request import read_clause

#: Said of the picture as a whole, not of a thing in it.
_WHOLE = re.compile(
    r"(?:整体|画面|整个|图片?|背景色|颜色|色彩|色调|光线|灯光|光|亮度|"
    r"colou?rs?|picture|image|whole|everything|it|them|this|overall|light(?:ing)?|)"
)
#: What tells a wish for more or less from a plain description.
_DEGREE_MARK = re.compile(
    r"不够|太(?![空阳平极子后监婆爷古湖])|[别更]|(?:一点|一些|点|些)儿?(?:的|颜色|$)|"
    r"\b(?:not too|not so|not very|enough|a bit more|a little more)\b",
    re.IGNORECASE,
)


def apply(brief: Brief, clause: str) -> Brief | None:
    """The brief with more or less of a quality; None where the clause asks for nothing of the kind."""
    for label, pattern in lexicons.load().patterns["degree"]:
        if found := pattern.fullmatch(clause.strip()):
            groups = found.groupdict()
            noun = (groups.get("noun") or groups.get("noun2") or "").strip().removesuffix("的")
            for said, quality in _splits(groups["quality"].strip()):
                degree, less = _degree(quality, label)
                if degree is not None:
                    return _change(brief, degree, (said or noun).removesuffix("的"), less)
    return None


def is_degree(clause: str) -> bool:
    """Whether a clause of a new request only says how much of a quality is wanted (颜色鲜艳一点, not too dark)."""
    return bool(_DEGREE_MARK.search(clause)) and apply(Brief("image", ""), clause) is not None


def _splits(quality: str) -> Iterator[tuple[str, str]]:
    """A quality, and where Chinese runs a thing and its quality together (背景模糊), the two apart."""
    yield "", quality
    if not quality.isascii():
        for cut in range(1, min(len(quality), 6)):
            yield quality[:cut], quality[cut:]


def _degree(quality: str, label: str) -> tuple[Degree | None, bool]:
    """What is wanted, and whether less of it; any other attribute is strengthened with "very"."""
    lexicon = lexicons.load()
    if label == "comparative":
        forms = _positive(quality)
        return next((lexicon.degrees[form] for form in forms if form in lexicon.degrees), None), False
    name = quality.lower().removesuffix("的")
    entry = lexicon.chinese.get(quality) or lexicon.english.get(name)
    if name not in lexicon.degrees and entry is not None and entry.kind in ATTRIBUTE_KINDS | {"mood"}:
        said = entry.english
        return lexicon.degrees.get(
            said, Degree(said, (f"very {said}",), (f"slightly {said}",), "attribute")
        ), label == "less"
    return lexicon.degrees.get(name), label == "less"


def _positive(comparative: str) -> list[str]:
    """``bolder`` -> bold, ``redder`` -> red, ``whiter`` -> white, ``happier`` -> happy."""
    lowered = comparative.lower()
    stem = lowered.removesuffix("er")
    forms = [lowered, stem, stem + "e"]
    if stem.endswith("i"):
        forms.append(stem[:-1] + "y")
    if len(stem) > 2 and stem[-1] == stem[-2]:
        forms.append(stem[:-1])
    return forms


def _change(brief: Brief, degree: Degree, noun: str, less: bool) -> Brief:
    target = _target(noun)
    if noun and editing.main_subject(brief) is None:
        named = [
            p for p in read_clause(noun).phrases if (p.head is None) or (p.head.domain not in ("part", "background"))
        ]
        named = [replace(p, words=tuple(w for w in p.words if w.text != "color")) for p in named]
        brief = replace(brief, phrases=(*brief.phrases, *[p for p in named if p.head is not None]))
    steps, others = (degree.less, degree.more) if less else (degree.more, degree.less)
    if not steps:
        return brief
    step = _next_step(brief, steps)
    brief = _without(brief, (*steps, *others))
    if target is not None and target.text != "background" and degree.slot == "attribute":
        return _about(brief, target, degree, step, less)
    if target is not None and target.text == "background" and degree.slot != "camera":
        word = (degree.less if less else degree.more)[0].split(",")[0]
        return editing.exchange(
            brief, Phrase((target,), "setting"), [Phrase((Word(_plain(word), "adjective"),), "setting")]
        )
    if degree.slot == "attribute":
        return _about_subject(brief, degree, step, less)
    pieces = [Phrase((Word(text.strip(), _kind(degree.slot)),), degree.slot) for text in step.split(",")]
    if degree.slot == "camera":
        brief, pieces = editing.merge(brief, pieces[:1]), pieces[1:]
    return replace(brief, phrases=(*brief.phrases, *pieces))


def _target(noun: str) -> Word | None:
    """The thing that a quality is said of; None for the picture as a whole."""
    if re.search(r"背景(?!色)|background", noun):
        return Word("background", "noun", "background")
    if _WHOLE.fullmatch(noun.lower()):
        return None
    return next((head for phrase in read_clause(noun).phrases if (head := phrase.head)), None)


def _kind(slot: str) -> str:
    return {"color": "palette", "attribute": "adjective"}.get(slot, slot)


def _plain(words: str) -> str:
    """``dim lighting`` said of a background is ``dim``."""
    return re.sub(r" (?:lighting|light|colou?rs|scene)$", "", words)


def _next_step(brief: Brief, steps: tuple[str, ...]) -> str:
    said = {word.text for phrase in brief.phrases for word in phrase.words} | {p.text for p in brief.phrases}
    reached = [i for i, step in enumerate(steps) if step.split(",")[0].strip() in said]
    return steps[min(max(reached) + 1, len(steps) - 1)] if reached else steps[0]


def _without(brief: Brief, steps: tuple[str, ...]) -> Brief:
    texts = {piece.strip() for step in steps for piece in step.split(",")}
    kept = []
    for phrase in brief.phrases:
        words = tuple(w for w in phrase.words if w.text not in texts or w.kind == "noun")
        if words:
            kept.append(replace(phrase, words=words))
    return replace(brief, phrases=tuple(kept))


def _about(brief: Brief, target: Word, degree: Degree, step: str, less: bool) -> Brief:
    """A quality of a named thing: white petals."""
    color = _is_color(degree)
    word = Word(
        step.split(",")[0] if not color or _said(brief, target, degree) else degree.name,
        "color" if color else "adjective",
    )
    at = editing.find(brief, target)
    if at is None:
        text = replace(target, text=lexicons.load().plural(target.text) if target.domain == "part" else target.text)
        return replace(brief, phrases=(*brief.phrases, Phrase((word, text), "attribute")))
    blended = editing.blend(brief.phrases[at], (word,))
    return replace(brief, phrases=(*brief.phrases[:at], blended, *brief.phrases[at + 1 :]))


def _is_color(degree: Degree) -> bool:
    entry = lexicons.load().english.get(degree.name)
    return entry is not None and entry.kind == "color"


def _said(brief: Brief, target: Word, degree: Degree) -> bool:
    at = editing.find(brief, target)
    return at is not None and any(w.text.endswith(degree.name) for w in brief.phrases[at].words)


def _about_subject(brief: Brief, degree: Degree, step: str, less: bool) -> Brief:
    """A quality of the picture's main subject; a colour stands on its own as well, so that it weighs more."""
    pieces = [Word(text.strip(), "color" if _is_color(degree) else "adjective") for text in step.split(",")]
    at = editing.main_subject(brief)
    if at is not None and _is_color(degree) and not less:
        words = brief.phrases[at].words
        others = [w for w in words if w.kind == "color" and not w.text.endswith(degree.name)]
        if others:
            blended = editing.blend(brief.phrases[at], (Word(degree.name, "color"),))
            brief = replace(brief, phrases=(*brief.phrases[:at], blended, *brief.phrases[at + 1 :]))
    if at is not None and not _is_color(degree):
        return replace(
            brief,
            phrases=(*brief.phrases[:at], editing.blend(brief.phrases[at], pieces), *brief.phrases[at + 1 :]),
        )
    return replace(brief, phrases=(*brief.phrases, *[Phrase((piece,), "color") for piece in pieces]))
