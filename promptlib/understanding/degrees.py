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
from promptlib.understanding import avoiding, blending, editing, finding
from promptlib.understanding.request import read_clause
from promptlib.understanding.words import positive_of, positives

#: Said of the picture as a whole, not of a thing in it.
_WHOLE = re.compile(
    r"(?:整体|画面|整个|图片?|背景色|颜色|色彩|色调|光线|灯光|光|亮度|"
    r"ones?|colou?rs?|picture|image|whole|everything|it|them|this|overall|light(?:ing)?|)"
)
#: What tells a wish for more or less from a plain description.
_DEGREE_MARK = re.compile(
    r"不够|太(?![空阳平极子后监婆爷古湖])|[别更]|(?:一点|一些|点|些)儿?(?:的|颜色|$)|"
    r"\b(?:not too|not so|not very|enough|too|a bit more|a little more)\b|"
    r"^(?:(?:give me|i want|i need|make|and|but|please|an?|the|even|much|some|now) )*\w+er (?:one|ones|version)$",
    re.IGNORECASE,
)

#: No longer clause asks for more of a quality; the patterns take cubic time.
_LONGEST = 120

#: A measure word left before the thing a complaint is about: (这)只猫 太瘦.
_MEASURED = re.compile(r"^(?:这|那)?(?:[一]?[只个张条朵匹头座辆棵位名幅](?=[\u3400-\u9fff]{1,}))")
#: What makes a colour deeper, or paler.
_SHADES = {"深": False, "浓": False, "浅": True, "淡": True}
#: What asks for more of a thing, or less.
_AMOUNTS = {"多": False, "少": True}
#: How hard it rains or blows.
_FORCES = {"大": True, "强": True, "猛": True, "小": False, "弱": False, "轻": False}
_MORE_OF = re.compile(r"(?:再|稍微|稍|能不能|可以|给我)*(?:多|增加|加|少|减少)(?:一点|一些|点|些)")
_UNCOUNTED = set(
    "steam smoke water snow grass fog mist sand hair foam dust ice fire light rain moss fur makeup blood".split()  # noqa: SIM905
)
#: Parts of which there are several.
_PAIRED = set(
    "eye ear hand foot leg arm wing petal lip horn finger tooth cheek eyebrow eyelash leaf paw antler claw".split()  # noqa: SIM905
)


def apply(brief: Brief, clause: str) -> Brief | None:
    """The brief with more or less of a quality; None where the clause asks for nothing of the kind."""
    for label, pattern in lexicons.load().patterns["degree"] if len(clause) < _LONGEST else ():
        if found := pattern.fullmatch(clause.strip()):
            groups = found.groupdict()
            if _is_thing((groups.get("noun") or "") + (groups.get("quality") or "")):
                continue  # 月亮 is no bright 月
            if label == "again":
                return _further(brief)
            noun = _MEASURED.sub("", (groups.get("noun") or groups.get("noun2") or "").strip().removesuffix("的"))
            for said, quality in _splits(groups["quality"].strip()):
                about = re.sub(r"[再更还的]+$", "", said or noun)
                if (
                    changed := _shade(brief, about, quality) or _quantity(brief, about, quality, label, clause)
                ) is not None:
                    return changed
                if (changed := _weather(brief, about, quality, label)) is not None:
                    return changed
                degree, less = _degree(quality, label)
                if degree is not None:
                    return _change(brief, degree, about, less)
    return None


def is_degree(clause: str) -> bool:
    """Whether a clause of a new request only says how much of a quality is wanted (颜色鲜艳一点, not too dark)."""
    if not _DEGREE_MARK.search(clause) or _ends_in_a_thing(clause):
        return False
    return apply(Brief("image", ""), clause) is not None


def _ends_in_a_thing(clause: str) -> bool:
    """河边的甜点 ends in a dessert, not in a wish for more sweetness."""
    known = lexicons.load().chinese
    return clause.endswith("点") and any(known[clause[-n:]].kind == "noun" for n in (2, 3, 4) if clause[-n:] in known)


def _is_thing(text: str) -> bool:
    entry = lexicons.load().chinese.get(text)
    return entry is not None and entry.kind == "noun"


def _splits(quality: str) -> Iterator[tuple[str, str]]:
    """A quality, and where Chinese runs a thing and its quality together (背景模糊), the two apart."""
    yield "", quality
    if not quality.isascii() and not _is_thing(quality):
        for cut in range(1, min(len(quality), 6)):
            yield quality[:cut], quality[cut:]


def _degree(quality: str, label: str) -> tuple[Degree | None, bool]:
    """What is wanted, and whether less of it; any other attribute is strengthened with "very"."""
    lexicon = lexicons.load()
    if label == "comparative":
        forms = positives(quality)
        known = next((lexicon.degrees[form] for form in forms if form in lexicon.degrees), None)
        positive = positive_of(quality)
        if known is None and positive:
            known = Degree(positive, (positive, f"very {positive}"), (f"slightly {positive}",), "attribute")
        return known, False
    name = quality.lower().removesuffix("的")
    entry = lexicon.chinese.get(quality) or lexicon.english.get(name)
    if name not in lexicon.degrees and entry is not None and entry.kind in ATTRIBUTE_KINDS | {"mood"}:
        said = entry.english
        slot = "mood" if entry.kind == "mood" else "attribute"
        return lexicon.degrees.get(said, Degree(said, (f"very {said}",), (), slot)), label == "less"
    return lexicon.degrees.get(name), label == "less"


def _further(brief: Brief) -> Brief | None:
    """A step further of what was last wanted more of."""
    degrees = lexicons.load().degrees.values()
    for phrase in reversed(brief.phrases):
        for at, word in reversed(list(enumerate(phrase.words))):
            for degree in degrees if word.kind != "noun" else ():
                if any(word.text == step.split(",")[0].strip() for step in degree.more):
                    noun = next((w.text for w in phrase.words[at:] if w.kind == "noun"), "")
                    return _change(brief, degree, noun, less=False)
    return None


def _shade(brief: Brief, noun: str, quality: str) -> Brief | None:
    """绿色 再深一点: the colour itself, on the thing that has it."""
    if quality not in _SHADES:
        return None
    lexicon = lexicons.load()
    entry = lexicon.chinese.get(noun)
    if noun and (entry is None or entry.kind != "color") and not _WHOLE.fullmatch(noun):
        return None
    for phrase in brief.phrases:
        for at, word in enumerate(phrase.words):
            name = word.text.rpartition(" ")[2]
            if word.kind != "color" or (entry is not None and name != entry.english) or name not in lexicon.degrees:
                continue
            thing = next((w.text for w in phrase.words[at:] if w.kind == "noun"), "")
            return _change(brief, lexicon.degrees[name], thing, less=_SHADES[quality])
    return None


def _weather(brief: Brief, noun: str, quality: str, label: str) -> Brief | None:
    """雨 小一点: light rain."""
    entry = lexicons.load().chinese.get(noun) or lexicons.load().english.get(noun)
    if entry is None or entry.kind != "weather" or quality not in _FORCES:
        return None
    force = "heavy" if _FORCES[quality] == (label != "less") else "light"
    bare = entry.english.split()[-1]
    phrases = [
        replace(
            p, words=tuple(w for w in p.words if w.text.split()[-1:] != [bare] or w.kind not in ("weather", "noun"))
        )
        for p in brief.phrases
    ]
    said = Phrase((Word(f"{force} {bare}", "weather", "weather"),), "setting")
    kept = tuple(p for p in phrases if any(w.kind != "relation" for w in p.words))
    return replace(brief, phrases=(*kept, said))


def _quantity(brief: Brief, noun: str, quality: str, label: str, clause: str) -> Brief | None:
    """热气 多一点, more plants: so many of a thing, be it there already or not."""
    lexicon = lexicons.load()
    if label not in ("more", "less") or quality.lower() in lexicon.degrees:
        return None
    less = label == "less"
    if quality in _AMOUNTS and noun:
        thing, less = _target(noun), less != _AMOUNTS[quality]
    elif not quality.isascii() and not _MORE_OF.match(clause.strip()):
        return None
    else:
        entry = lexicon.chinese.get(quality) or lexicon.find_english(quality)
        named = entry if entry and entry.kind in ("noun", "weather") else None
        thing = Word(named.english, "noun", named.domain) if named else None
    if thing is None:
        return None
    mass = thing.domain in ("mass", "material") or thing.text in _UNCOUNTED
    text = thing.text if mass else lexicon.plural(lexicon.lemma(thing.text))
    amount = Word(("a little" if mass else "a few") if less else "lots of", "number")
    at = finding.find(brief, thing)
    if at is None:
        return editing.merge(brief, [Phrase((amount, Word(text, "noun", thing.domain)), "subject")])
    words = [
        replace(w, text=text) if finding.same(w, thing) and w.kind == "noun" else w for w in brief.phrases[at].words
    ]
    words = [w for w in words if w.kind not in ("number", "article", "measure")]
    first = 1 if words[0].kind in ("relation", "verb", "and") else 0
    phrase = replace(brief.phrases[at], words=(*words[:first], amount, *words[first:]))
    return replace(brief, phrases=(*brief.phrases[:at], phrase, *brief.phrases[at + 1 :]))


def _change(brief: Brief, degree: Degree, noun: str, less: bool) -> Brief:
    brief = _with_named(brief, noun)
    steps, others = (degree.less, degree.more) if less else (degree.more, degree.less)
    steps = _with_extreme(steps)
    target = _target(noun) or _reached(brief, steps, noun)
    if not steps:
        return avoiding.avoid(brief, degree.name)
    at = finding.find(brief, target) if target is not None and degree.slot == "attribute" else None
    step = _next_step(brief if at is None else replace(brief, phrases=(brief.phrases[at],)), steps)
    brief = _without(brief, (*steps, *others), at)
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


def _with_extreme(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The steps and one more, where the last but says "very": who asks again gets more."""
    last = steps[-1].split(",")[0] if steps else ""
    return (*steps, last.replace("very ", "extremely ", 1)) if last.startswith("very ") else steps


def _with_named(brief: Brief, noun: str) -> Brief:
    """The brief with the things of a wish that are not there yet: a bluer *sky and sea*."""
    if not noun or _WHOLE.fullmatch(noun.lower()):
        return brief
    empty = finding.main_subject(brief) is None
    phrases = read_clause(noun).phrases
    for index, phrase in enumerate(phrases):
        head = phrase.head
        if head is None or head.domain in ("part", "background") or finding.find(brief, head) is not None:
            continue
        if not empty and index == 0:
            continue
        words = tuple(w for w in phrase.words if w.text not in ("color", "article"))
        if any(w.kind == "noun" for w in words):
            brief = replace(brief, phrases=(*brief.phrases, replace(phrase, words=words)))
    return brief


def _reached(brief: Brief, steps: tuple[str, ...], noun: str) -> Word | None:
    """What a quality was said of before, where that is not the main subject: even longer (hair)."""
    if noun:
        return None
    first = {step.split(",")[0].strip() for step in steps}
    main = finding.main_subject(brief)
    for index, phrase in enumerate(brief.phrases):
        for at, word in enumerate(phrase.words):
            if index != main and word.text in first and word.kind in ATTRIBUTE_KINDS:
                return next((w for w in phrase.words[at:] if w.kind == "noun"), None)
    return None


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
    words = [word for phrase in brief.phrases for word in phrase.words]
    said = {word.text for word in words} | {p.text for p in brief.phrases}
    said |= {word.text.partition(" ")[0] for word in words if word.kind == "noun"}  # cute robot
    reached = [i for i, step in enumerate(steps) if step.split(",")[0].strip() in said]
    return steps[min(max(reached) + 1, len(steps) - 1)] if reached else steps[0]


def _without(brief: Brief, steps: tuple[str, ...], at: int | None) -> Brief:
    """The brief without the other steps, in one phrase or in all."""
    texts = {piece.strip() for step in steps for piece in step.split(",")}
    kept = []
    for index, phrase in enumerate(brief.phrases):
        if at is not None and index != at:
            kept.append(phrase)
            continue
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
    at = finding.find(brief, target)
    if at is None:
        paired = lexicons.load().lemma(target.text) in _PAIRED
        text = replace(target, text=lexicons.load().plural(target.text) if paired else target.text)
        return blending.give_part(brief, word, text)
    blended = blending.blend(brief.phrases[at], (word,))
    return replace(brief, phrases=(*brief.phrases[:at], blended, *brief.phrases[at + 1 :]))


def _is_color(degree: Degree) -> bool:
    entry = lexicons.load().english.get(degree.name)
    return entry is not None and entry.kind == "color"


def _said(brief: Brief, target: Word, degree: Degree) -> bool:
    at = finding.find(brief, target)
    return at is not None and any(w.text.endswith(degree.name) for w in brief.phrases[at].words)


def _about_subject(brief: Brief, degree: Degree, step: str, less: bool) -> Brief:
    """A quality of the picture's main subject; a colour stands on its own as well, so that it weighs more."""
    pieces = [Word(text.strip(), "color" if _is_color(degree) else "adjective") for text in step.split(",")]
    at = finding.main_subject(brief)
    if at is not None and _is_color(degree) and not less:
        words = brief.phrases[at].words
        others = [w for w in words if w.kind == "color" and not w.text.endswith(degree.name)]
        if others:
            blended = blending.blend(brief.phrases[at], (Word(degree.name, "color"),))
            brief = replace(brief, phrases=(*brief.phrases[:at], blended, *brief.phrases[at + 1 :]))
    if at is not None and _is_color(degree) and finding.several_subjects(brief):
        blended = blending.blend(brief.phrases[at], pieces[:1])
        return replace(brief, phrases=(*brief.phrases[:at], blended, *brief.phrases[at + 1 :]))
    if at is not None and not _is_color(degree):
        return replace(
            brief,
            phrases=(*brief.phrases[:at], blending.blend(brief.phrases[at], pieces), *brief.phrases[at + 1 :]),
        )
    return replace(brief, phrases=(*brief.phrases, *[Phrase((piece,), "color") for piece in pieces]))
