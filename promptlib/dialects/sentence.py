"""The dialect ``sentence``: one flowing English description, for models with a language model as their reader."""

from __future__ import annotations

import re
from collections.abc import Sequence

from promptlib import lexicon as lexicons
from promptlib.brief import Phrase, Word
from promptlib.dialects.base import Dialect
from promptlib.records import Tag

#: Things that come one by one and so take an article.
_COUNTED = {"plant", "food", "animal", "person", "object", "vehicle", "fantasy", "clothes", "format"}
#: Things that are known when something is at them: on the moon, in the forest.
_PLACES = {"place", "nature", "building"}


#: A measure is counted, whatever there is in it.
_MEASURE = re.compile(
    "(?:cup|plate|bowl|glass|bottle|basket|piece|slice|pair|bunch|field|jar|mug|pot|stack|group|flock|herd|pile) of "
)
_THINGS = ("subject", "attribute", "action", "setting", "text", "other")
#: Camera words that name the picture itself.
_SHOTS = re.compile(r"(?:^|.*[ -])(?:shot|view|close-up|portrait|panorama|photo)$")
_AT = {"dusk", "dawn", "sunset", "sunrise", "noon", "midnight", "twilight", "night", "golden hour", "blue hour"}


#: What needs no "with" before it.
_FREE = re.compile(r"(?:in|at|by|from|under|shot|seen|against|lit|backlit) ")
_COLORLESS = {"black and white", "monochrome", "grayscale", "sepia"}
_MOODS = ("mood", "atmosphere", "feel", "vibe")
_ONES = ("shot", "view", "composition", "background", "blur", "perspective", "crop")


class Sentence(Dialect):
    """``A watercolor of a rabbit fishing on the moon, with soft light.``"""

    id = "sentence"
    quality_at = "nowhere"

    def words(self, group: Sequence[Phrase]) -> str:
        text = " ".join(text for phrase in group if (text := _said(phrase)))
        first = group[0]
        if first.head is None or first.words[0].kind == "relation":
            return text
        had = first.slot == "attribute" or first.head.domain in ("clothes", "part")
        return _WITH + text if had else text

    def render(self, tags: Sequence[Tag]) -> str:
        lead = next((tag for tag in tags if _leads(tag)), None)
        things = [tag.text for tag in tags if _is_thing(tag)]
        body = _joined(things)
        if lead is not None:
            name = lead.text if re.match(r"(?:an?|the) ", lead.text) or _uncounted(lead.text) else _a(lead.text)
            body = f"{name} of {body}" if body else name
        rest = [tag for tag in tags if tag is not lead and not _is_thing(tag)]
        text = ", ".join(part for part in (body, *_manners(rest)) if part)
        return f"{text[:1].upper()}{text[1:]}." if text else ""


#: Before a tag that says what somebody has; it only stands where there is somebody before it.
_WITH = "with "


def _is_thing(tag: Tag) -> bool:
    """Whether a tag belongs to what there is; an attribute of nothing in particular is one of the whole picture."""
    return tag.slot in _THINGS and (tag.slot != "attribute" or tag.text.startswith(_WITH))


def _joined(things: Sequence[str]) -> str:
    """Things in a row: what somebody has goes on without a comma, and nobody has anything at the start."""
    text = ""
    for thing in things:
        plain = thing.removeprefix(_WITH)
        if not text:
            text = plain
        elif thing.startswith(_WITH):
            text += f" and {plain}" if text.rpartition(", ")[2].count(_WITH) else f" {thing}"
        elif re.match(r"(?:in|on|at|under|during) ", thing):
            text += f" {thing}"
        else:
            text += f", {thing}"
    return text


def _leads(tag: Tag) -> bool:
    """Whether a tag says what sort of picture it is, as in "a close-up of"."""
    if tag.slot == "medium":
        return True
    if tag.slot == "style":
        return tag.text.endswith(("photography", "illustration", "painting", "render", "portrait"))
    return tag.slot == "camera" and bool(_SHOTS.match(tag.text))


def _uncounted(text: str) -> bool:
    return text.endswith(("photography", "art", "graphy"))


def _manners(tags: Sequence[Tag]) -> list[str]:
    """How it looks: in which style, with what light and lens, in what mood."""
    manners = ("style", "medium", "artist", "light", "color", "camera")
    looks = [_seen(tag) for tag in tags if tag.slot in manners and tag.text not in _COLORLESS]
    moods = [tag.text for tag in tags if tag.slot in ("mood", "attribute") and tag.text not in _COLORLESS]
    if moods:
        looks.append(_and(moods) if moods[-1].endswith(_MOODS) else f"{_a(_and(moods))} mood")
    looks += [f"in {tag.text}" for tag in tags if tag.text in _COLORLESS]
    free = [text for text in looks if _FREE.match(text)]
    held = [text for text in looks if text not in free]
    rest = [tag.text for tag in tags if tag.slot == "quality"]
    return [*([f"with {_and(held)}"] if held else []), *free, *rest]


def _seen(tag: Tag) -> str:
    """One manner, with the small words that it is said with."""
    text = tag.text.removeprefix("with ")
    if _FREE.match(text):
        return text
    if tag.slot == "artist":
        return f"in the style of {text}"
    if tag.slot in ("style", "medium"):
        if text.endswith(("style", "art")):
            return f"in {_a(text) if text.endswith('style') else text}"
        return text if text.endswith(("s", "outline")) else f"in {_a(text)} style"
    if text in _AT:
        return f"at {text}"
    if text in ("silhouette", "profile"):
        return f"in {text}"
    if text in ("eye-level", "eye level"):
        return "at eye level"
    if text.endswith(("lens", "wide angle")):
        return f"shot with {_a(text)}"
    if text.endswith(("angle", "viewpoint")):
        return f"seen from {_a(text)}"
    if tag.slot != "camera" or not text.endswith(_ONES):
        return text
    return f"in {_a(text)}" if _SHOTS.match(text) else _a(text)


def _and(texts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else ""


def _a(text: str) -> str:
    return f"{_article(text)} {text}"


def _said(phrase: Phrase) -> str:
    """A phrase with its article, or with what a time is said with."""
    text, kinds = phrase.text, [word.kind for word in phrase.words]
    if kinds == ["time"] or kinds == ["weather"]:
        if re.match(r"(?:in|at|on|after|before|during|late at) ", text):
            return text
        if text in _AT:
            return f"at {text}"
        if text.endswith((" night", " day", " afternoon", " evening")) and not text.startswith(("late ", "early ")):
            return f"on {_a(text)}"
        season = text in ("spring", "summer", "autumn", "fall", "winter") or kinds == ["weather"]
        return f"in {text}" if season else f"in the {text}" if text.endswith(("morning", "afternoon")) else text
    return _with_article(phrase)


def _with_article(phrase: Phrase) -> str:
    """A single thing that can be counted gets its article, where the person gave it none."""
    words = [word for word in phrase.words if word.text]
    head = phrase.head
    if head is None or any(word.kind in ("article", "number", "quote") for word in words):
        return phrase.text
    lead = next((n for n, word in enumerate(words) if word.kind not in ("relation", "and", "verb")), len(words))
    article = _article_of(words[lead:], head)
    if not article:
        return phrase.text
    if lead and words[0].kind == "relation" and head.domain in _PLACES:
        article = "the"
    words.insert(lead, Word(article, "article"))
    return " ".join(word.text for word in words)


def _article_of(words: Sequence[Word], head: Word) -> str:
    """The article before the words of a thing; empty where there is none."""
    text, fixed = " ".join(word.text for word in words), _fixed_article(head)
    if (
        not words
        or words[0].text.endswith("'s")
        or any(w.kind in ("relation", "and") and w.text != "of" for w in words)
    ):
        return ""
    if _MEASURE.match(text):
        return _article(text)
    if fixed:
        return fixed.replace("none", "")
    return _article(text) if _takes_article(head) else ""


def _takes_article(head: Word) -> bool:
    lexicon, text = lexicons.load(), head.text.lower()
    plural = lexicon.lemma(text) != text or (text.endswith("s") and lexicon.plural(text) == text)
    return head.domain in _COUNTED | _PLACES and not plural and not head.text[:1].isupper()


def _fixed_article(noun: Word) -> str:
    """``none`` or ``the`` where the lexicon has it so for a noun or its last word."""
    articles, text = lexicons.load().groups["articles"], noun.text.lower()
    return articles.get(text) or articles.get(text.rpartition(" ")[2], "")


def _article(word: str) -> str:
    return "an" if re.match(r"(?!uni|us[ei]|eu|one\b|ufo|ukulele)[aeiou]|8|1[18]\D", word.lower()) else "a"
