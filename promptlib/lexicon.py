"""The visual vocabulary: Chinese and English words by kind, domain and slot, read from data/lexicon.

Adding a word is adding a line there; data/lexicon/README.md describes the format. Knows nothing of grammar:
what is done with a kind is said in promptlib/understanding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from promptlib.errors import PromptlibError

FOLDER = Path(__file__).parents[1] / "data" / "lexicon"

#: Where a word of a kind stands in a prompt unless its section says otherwise.
DEFAULT_SLOTS = {"noun": "subject", "color": "attribute", "adjective": "attribute", "material": "attribute"}

#: Kinds of words that also are things when the sentence does not need them (门, 面, 头).
_GRAMMAR_KINDS = frozenset({"measure", "place", "particle", "copula", "preposition", "object_marker", "suffix"})
#: English words of these kinds have no plural: bees are not what "be" is.
_NO_PLURALS = frozenset({"skipped", "relation", "article", "and", "adverb", "negation", "number", "nobody", "nothing"})

#: Longer texts are no talk, no framing and no single change; their patterns need not be tried.
_LONGEST_MATCH = 300


class LexiconError(PromptlibError):
    """A line of the lexicon that cannot be read."""


@dataclass(frozen=True)
class Entry:
    """One word: its English as a caption would say it, and what it is."""

    english: str
    kind: str
    domain: str = ""
    slot: str = "other"


@dataclass(frozen=True)
class Degree:
    """What "more" and "less" of a quality mean in a prompt; repeating goes along the row."""

    name: str
    more: tuple[str, ...]
    less: tuple[str, ...]
    slot: str


@dataclass(frozen=True)
class Foreign:
    """A word of a further language: its English, and its part in a sentence of that language."""

    english: str
    role: str


@dataclass
class Lexicon:
    """All words by what they look like in Chinese and in English, and the tables that go with them."""

    chinese: dict[str, Entry] = field(default_factory=dict)
    other_chinese: dict[str, Entry] = field(default_factory=dict)
    english: dict[str, Entry] = field(default_factory=dict)
    degrees: dict[str, Degree] = field(default_factory=dict)
    patterns: dict[str, list[tuple[str, re.Pattern[str]]]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    plurals: dict[str, str] = field(default_factory=dict)
    singulars_of: dict[str, list[str]] = field(default_factory=dict)
    foreign: dict[str, dict[str, Foreign]] = field(default_factory=dict)
    longest: int = 1

    def find_english(self, text: str) -> Entry | None:
        """The entry of an English word, whether it is written in the singular or the plural."""
        lowered = text.lower()
        if lowered in self.english:
            return self.english[lowered]
        singulars = (self.english[form] for form in self.singulars(lowered) if form in self.english)
        return next((entry for entry in singulars if entry.kind not in _NO_PLURALS), None)

    def plural(self, noun: str) -> str:
        """The plural of an English noun or noun compound."""
        if phrase := re.search(r" (?:of|in|on|with|for|over)\b", noun):
            return self.plural(noun[: phrase.start()]) + noun[phrase.start() :]
        if self._is_plural(noun.lower()):
            return noun
        before, _, last = noun.rpartition(" ")
        prefix = before + " " if before else ""
        return prefix + (self.plurals.get(last) or _regular_plural(last))

    def _is_plural(self, noun: str) -> bool:
        """Whether a noun is said in the plural already, itself or in its last word: blue eyes."""
        words = {noun, noun.rpartition(" ")[2]}
        return any(form not in words and form in self.english for word in words for form in self.singulars(word))

    def singulars(self, noun: str) -> Iterator[str]:
        """Every singular that an English noun in the plural may stand for."""
        before, _, last = noun.rpartition(" ")
        prefix = before + " " if before else ""
        for one in self.singulars_of.get(last, ()):
            yield prefix + one
        for ending, singular in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
            if last.endswith(ending) and len(last) > len(ending) + 1 and not last.endswith("ss"):
                yield prefix + last.removesuffix(ending) + singular

    def lemma(self, noun: str) -> str:
        """One form for singular and plural, to tell whether two words name the same thing."""
        lowered = noun.lower()
        known = next((form for form in self.singulars(lowered) if form in self.english), None)
        if known or lowered in self.english:
            return known or lowered
        return next(self.singulars(lowered), lowered)

    def match(self, name: str, text: str) -> tuple[str, re.Match[str]] | None:
        """The first pattern of a table that fits the whole text, with its label."""
        if len(text) > _LONGEST_MATCH:
            return None
        for label, pattern in self.patterns.get(name, ()):
            if found := pattern.fullmatch(text):
                return label, found
        return None


def _regular_plural(noun: str) -> str:
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


@cache
def load(folder: Path = FOLDER) -> Lexicon:
    """The lexicon in a folder, read once."""
    lexicon = Lexicon()
    for path in sorted(folder.glob("*.tsv"), key=lambda path: (not path.stem.startswith("grammar"), path.name)):
        section: dict[str, str] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("#:"):
                section = dict(part.split("=", 1) for part in line[2:].split())
            elif line.strip() and not line.startswith("#"):
                try:
                    _READERS[section.get("table", "words")](lexicon, section, line.split("\t"))
                except (IndexError, KeyError, ValueError, re.error) as error:
                    raise LexiconError(f"{path.name}, line {number} cannot be read ({error}): {line!r}.") from error
    for form in [form for form, entry in lexicon.chinese.items() if _loses_words(lexicon, form, entry)]:
        del lexicon.chinese[form]
    lexicon.longest = max((key.count(" ") + 1 for key in lexicon.english), default=1)
    return lexicon


def _loses_words(lexicon: Lexicon, form: str, entry: Entry) -> bool:
    """Whether a long form would swallow words that the grammar reads by themselves (撑着油纸伞, 海边的, 没有人的)."""
    if entry.kind == "noun" and form[-1] in "里中" and (whole := lexicon.chinese.get(form[:-1])):
        return whole.kind == "noun" and whole.english == entry.english
    if entry.kind == "verb" and form.endswith("在") and form[:-1] in lexicon.chinese:
        return True
    if entry.kind not in ("verb", "adjective") or len(form) < 3:
        return False
    if entry.kind == "verb" and "在" in form[1:-1]:
        return True
    parts = form.split("着", 1) if entry.kind == "verb" else [form.removesuffix("的"), ""]
    thing = lexicon.chinese.get(parts[-1] or parts[0]) if "着" in form or form.endswith("的") else None
    denies = any(
        form[:n] in lexicon.chinese
        and lexicon.chinese[form[:n]].kind == "negation"
        and form[n:].removesuffix("的") == "人"
        for n in (1, 2)
    )
    return denies or (thing is not None and thing.kind == "noun" and thing.english not in entry.english)


def _read_word(lexicon: Lexicon, section: dict[str, str], cells: list[str]) -> None:
    """``english | other english <tab> chinese chinese``"""
    kind = section["kind"]
    forms = [form.strip() for form in cells[0].split("|")]
    entry = Entry(forms[0], kind, section.get("domain", ""), section.get("slot", DEFAULT_SLOTS.get(kind, "other")))
    for chinese in cells[1].split() if len(cells) > 1 else ():
        first = lexicon.chinese.setdefault(chinese, entry).kind
        if (first in _GRAMMAR_KINDS and kind not in _GRAMMAR_KINDS) or (
            first in ("adjective", "material") and kind == "noun"
        ):
            lexicon.other_chinese.setdefault(chinese, entry)
    if section.get("english") != "no":
        for form in forms:
            if form:
                lexicon.english.setdefault(form.lower(), entry)


def _read_degree(lexicon: Lexicon, section: dict[str, str], cells: list[str]) -> None:
    """``words that name it <tab> more; even more <tab> less; even less``"""
    rows = [tuple(step.strip() for step in cell.split(";") if step.strip()) for cell in cells[1:3]]
    names = cells[0].split("|")
    for name in names:
        lexicon.degrees[name.strip().lower()] = Degree(names[-1].strip(), rows[0], rows[1], section["slot"])


def _read_pattern(lexicon: Lexicon, section: dict[str, str], cells: list[str]) -> None:
    """``label <tab> regular expression``"""
    table = lexicon.patterns.setdefault(section["name"], [])
    table.append((cells[0], re.compile(cells[1], re.IGNORECASE)))


def _read_group(lexicon: Lexicon, section: dict[str, str], cells: list[str]) -> None:
    """``name <tab> word, word, …``"""
    table = lexicon.groups.setdefault(section["name"], {})
    for word in cells[1].split(","):
        table[word.strip().lower()] = cells[0].strip()


def _read_plural(lexicon: Lexicon, section: dict[str, str], cells: list[str]) -> None:
    """``singular <tab> plural``"""
    lexicon.plurals[cells[0]] = cells[1]
    lexicon.singulars_of.setdefault(cells[1], []).append(cells[0])


def _read_foreign(lexicon: Lexicon, section: dict[str, str], cells: list[str]) -> None:
    """``english <tab> form, form, …``; Japanese forms are separated by spaces"""
    table = lexicon.foreign.setdefault(section["language"], {})
    for form in cells[1].split("," if section["language"] == "es" else None):
        table.setdefault(form.strip(), Foreign(cells[0].strip(), section["role"]))


_READERS = {
    "words": _read_word,
    "degrees": _read_degree,
    "patterns": _read_pattern,
    "groups": _read_group,
    "plurals": _read_plural,
    "foreign": _read_foreign,
}
