"""Spanish and Japanese requests said in English, well enough to be painted.

Word by word with data/lexicon/es.tsv and ja.tsv; Spanish adjectives go before their noun, Japanese clauses are turned
round. What the lists do not know stays (Spanish) or is read as Chinese (Japanese). Knows no conversation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from promptlib import lexicon as lexicons
from promptlib.brief import ATTRIBUTE_KINDS
from promptlib.lexicon import Foreign
from promptlib.understanding.segment import segment

_KANA = re.compile(r"[\u3041-\u30ff]")
_SPANISH_MARK = re.compile(r"[ñ¿¡áéíóú]", re.IGNORECASE)
#: Spanish words that English requests do not have.
_SPANISH = set(
    "un una unos unas el los las con sobre en y del al sin por de estilo quiero dibuja pinta haz crea junto".split()  # noqa: SIM905
)
_WORDS = re.compile(r"\w+(?:'\w+)?|[^\w\s]|\s+")
#: English, figures and masked quotes inside Japanese.
_ASIDE = re.compile(r"[ -~]+|[\ue000-\uf8ff]")
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc]+")
_MARKS = re.compile(r"[。、,,!?!?\n]+")


def in_english(text: str) -> str:
    """The text in English where it is Spanish or Japanese, else as it is."""
    if _KANA.search(text):
        return _placed(", ".join(said for part in _MARKS.split(text) if (said := _Japanese().read(part)))) or text
    words = re.findall(r"\w+", text.lower())
    hits = sum(word in _SPANISH for word in words)
    if hits >= 2 or (hits and _SPANISH_MARK.search(text)):
        return _from_spanish(text)
    return text


def _from_spanish(text: str) -> str:
    table = lexicons.load().foreign["es"]
    tokens = [token.lower() for token in _WORDS.findall(text) if not token.isspace()]
    row: list[str] = []
    at = 0
    while at < len(tokens):
        for length in range(min(4, len(tokens) - at), 0, -1):
            found = _spanish(" ".join(tokens[at : at + length]), table)
            if found is not None or length == 1:
                row.append(found.english if found is not None else tokens[at])
                at += length
                break
    said = re.sub(r"\s+([,.!?;:])", r"\1", " ".join(_adjectives_first([word for word in row if word])))
    said = re.sub(r"\ba (?=[aeiou])", "an ", said)
    said = re.sub(r"(without (?:an? |the )?\w+) (\w+ing\b[^,]*)", r"\2, \1", said)
    return _placed(said) or text


def _placed(text: str) -> str:
    """English says on the beach and on the moon where others say in."""
    text = re.sub(r"\b(?:in|at) (?:the )?(moon|beach|roof|rooftop|street|balcony|sofa|bench)\b", r"on the \1", text)
    text = re.sub(
        r"\bin (?:an? |his )?(cliff|rock|mars|broom|branch|chair|hill)\b", r"on \1", text, flags=re.IGNORECASE
    )
    return re.sub(r"\bflying sky\b", "flying in the sky", text)


def _spanish(word: str, table: dict[str, Foreign]) -> Foreign | None:
    """A Spanish word, also in the plural or the feminine."""
    if word in table:
        return table[word]
    if named := _named("es").get(word):
        return Foreign(named, "word")
    for ending, other in (("as", "o"), ("os", "o"), ("a", "o"), ("es", ""), ("s", ""), ("ces", "z"), ("nes", "n")):
        stem = word.removesuffix(ending) + other
        found = table.get(stem) if word.endswith(ending) else None
        if found is None and word.endswith(ending) and (named := _named("es").get(stem)):
            found = Foreign(named, "word")
        if found is not None:
            many = ending.endswith("s") and _kind(found.english) == "noun"
            return Foreign(lexicons.load().plural(found.english), found.role) if many else found
    return None


@cache
def _named(language: str) -> dict[str, str]:
    """The names of the things there are emoji of, in English; where two share a name, the shorter English one."""
    import emoji  # its names in other languages are read only for requests in them

    emoji.config.load_language(language)
    names: dict[str, str] = {}
    for data in emoji.EMOJI_DATA.values():
        if language in data:
            name, english = (data[tongue].strip(":").replace("_", " ").lower() for tongue in (language, "en"))
            if len(english) < len(names.get(name, "?" * 99)):
                names[name] = english.removesuffix(" face")
    return names


def _kind(english: str) -> str:
    entry = lexicons.load().find_english(english)
    return entry.kind if entry else ""


def _adjectives_first(row: list[str]) -> list[str]:
    """``cat black`` -> ``black cat``, over as many adjectives as follow the noun."""
    row = list(row)
    for at in range(1, len(row)):
        place = at
        while place and _describes(row[place]) and _kind(row[place - 1]) == "noun":
            row[place - 1], row[place] = row[place], row[place - 1]
            place -= 1
    return row


def _describes(word: str) -> bool:
    return _kind(word) in ATTRIBUTE_KINDS and not word.endswith("ing")


@dataclass
class _Japanese:
    """One Japanese clause, read from left to right: what stands before a noun describes it."""

    noun: list[str] = field(default_factory=list)  # the noun phrase being said
    object: str = ""
    places: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)  # clauses that describe the next noun
    topic: str = ""
    said: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)

    def read(self, text: str) -> str:
        for form, word in _japanese_words(text):
            getattr(self, f"_{word.role}")(word.english, form)
        self._close()
        row = [part for part in (self.topic, *self.said) if part]
        return ", ".join([" ".join(row), *self.settings] if row else self.settings)

    def _close(self) -> None:
        """The noun phrase so far is complete; what described it goes after it."""
        if self.noun:
            self.said.append(" ".join([*self.noun, *self.waiting]))
            self.noun, self.waiting = [], []
        elif self.waiting:
            self.said += self.waiting
            self.waiting = []
        if self.places:
            self.said += self.places
            self.places = []

    def _frame(self, english: str, form: str) -> None:
        pass

    def _noun(self, english: str, form: str) -> None:
        many = bool(self.noun) and self.noun[0] in ("two", "three", "four", "five")
        self.noun.append(lexicons.load().plural(english) if many else english)

    def _adjective(self, english: str, form: str) -> None:
        self.noun.append(english)

    def _setting(self, english: str, form: str) -> None:
        self.settings.append(english)

    def _negation(self, english: str, form: str) -> None:
        if self.noun:
            self.settings.append("no " + " ".join(self.noun))
        self.noun = []

    def _object(self, english: str, form: str) -> None:
        self.object, self.noun = " ".join([*self.noun, *self.waiting]), []
        self.waiting = []

    def _topic(self, english: str, form: str) -> None:
        if not self.topic:
            self.topic, self.noun = " ".join([*self.noun, *self.waiting]), []
            self.waiting = []

    def _and(self, english: str, form: str) -> None:
        if self.noun:
            self.noun.append("and")

    def _of(self, english: str, form: str) -> None:
        """着物 の 女性: what is worn or had comes after, another noun before."""
        entry = lexicons.load().find_english(self.noun[-1]) if self.noun else None
        if entry is not None and entry.domain in ("clothes", "part"):
            relation = "in" if entry.domain == "clothes" else "with"
            self.waiting.insert(0, f"{relation} {' '.join(self.noun)}")
            self.noun = []

    def _spot(self, english: str, form: str) -> None:
        """窓辺で: a place that needs no noun before it."""
        (self.waiting if form.endswith("の") else self.places).append(english)

    def _place(self, english: str, form: str) -> None:
        if self.noun:
            self.places.append(f"{english} {' '.join(self.noun)}")
        self.noun = []
        if form.endswith("の"):
            self.waiting += self.places
            self.places = []

    def _verb(self, english: str, form: str) -> None:
        if self.noun and form[0] == "に":
            self.object, self.noun = " ".join(self.noun), []
        clause = " ".join(part for part in (english, self.object, *self.places) if part)
        self.object, self.places = "", []
        self.waiting.append(clause)


def _japanese_words(text: str) -> list[tuple[str, Foreign]]:
    """The words of a clause, the longest that fits first; unknown characters are read as Chinese."""
    table = lexicons.load().foreign["ja"]
    longest = max(map(len, table))
    row: list[tuple[str, Foreign]] = []
    unknown = ""
    at = 0
    while at <= len(text):
        if run := _ASIDE.match(text, at):
            row.append((run[0], Foreign(run[0].strip(), "setting" if re.search(r"\d", run[0]) else "noun")))
            at = run.end()
            continue
        form = next((text[at : at + n] for n in range(longest, 0, -1) if text[at : at + n] in table), "")
        if (run := _KATAKANA.match(text, at)) and len(run[0]) > len(form):
            form = ""  # カップ is no part of カップル
            if english := _named("ja").get(run[0]):
                row.append((run[0], Foreign(english, "noun")))
            at = run.end()
            continue
        if (form or at == len(text)) and unknown:
            row += [(unknown, Foreign(word.text, "noun")) for word in segment(_chinese(unknown)) if word.text]
            unknown = ""
        if form:
            row.append((form, table[form]))
            at += len(form)
        else:
            unknown += text[at] if at < len(text) and not _KANA.match(text[at]) else ""
            at += 1
    return row


def _chinese(text: str) -> str:
    import opencc  # Japanese characters are read as simplified ones

    said: str = opencc.OpenCC("t2s").convert(opencc.OpenCC("jp2t").convert(text))
    return said
