"""The dialect ``sentence``: one flowing English description, for models with a language model as their reader."""

from __future__ import annotations

from collections.abc import Sequence

from promptlib import lexicon as lexicons
from promptlib.brief import Phrase, Word
from promptlib.dialects.base import Dialect
from promptlib.records import Tag

#: Things that come one by one and so take an article.
_COUNTED = {"animal", "person", "object", "vehicle", "fantasy", "clothes", "format"}
#: Things that are known when something is at them: on the moon, in the forest.
_PLACES = {"place", "nature", "building"}


class Sentence(Dialect):
    """``A watercolor of a rabbit fishing on the moon, soft light.``"""

    id = "sentence"
    quality_at = "nowhere"

    def words(self, group: Sequence[Phrase]) -> str:
        return " ".join(text for phrase in group if (text := _with_article(phrase)))

    def render(self, tags: Sequence[Tag]) -> str:
        medium = next((tag for tag in tags if tag.slot == "medium"), None)
        things = [
            tag.text for tag in tags if tag.slot in ("subject", "attribute", "action", "setting", "text", "other")
        ]
        looks = [tag.text for tag in tags if tag is not medium and tag.text not in things]
        body = ", ".join(things)
        if medium is not None:
            lead = (
                medium.text
                if medium.text.split()[0] in ("a", "an", "the")
                else f"{_article(medium.text)} {medium.text}"
            )
            body = f"{lead} of {body}" if body else lead
        text = ", ".join([body, *looks] if body else looks)
        return f"{text[:1].upper()}{text[1:]}." if text else ""


def _with_article(phrase: Phrase) -> str:
    """A single thing that can be counted gets its article, where the person gave it none."""
    words = [word for word in phrase.words if word.text]
    head = phrase.head
    if head is None or any(word.kind in ("article", "number", "quote") for word in words) or not _takes_article(head):
        return phrase.text
    lead = 0
    while lead < len(words) and words[lead].kind in ("relation", "and", "verb"):
        lead += 1
    if (
        lead >= len(words)
        or words[lead].text.endswith("'s")
        or (not lead and head.domain in _PLACES - {"building"})
        or any(w.kind in ("relation", "and") for w in words[lead:])
    ):
        return phrase.text
    located = lead and words[0].kind == "relation" and head.domain in _PLACES
    words.insert(lead, Word("the" if located else _article(words[lead].text), "article"))
    return " ".join(word.text for word in words)


def _takes_article(head: Word) -> bool:
    lexicon, text = lexicons.load(), head.text.lower()
    plural = lexicon.lemma(text) != text or (text.endswith("s") and lexicon.plural(text) == text)
    return head.domain in _COUNTED | _PLACES and not plural and not head.text[:1].isupper()


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"
