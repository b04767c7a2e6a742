"""A whole message: normalised, its frame and reasons taken off, read clause by clause."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from promptlib import lexicon as lexicons
from promptlib.brief import FORMAT_DOMAINS, Phrase, Word
from promptlib.understanding import chinese, english, foreign
from promptlib.understanding.chinese import Reading
from promptlib.understanding.segment import QUOTE_BASE, segment

_HAN = re.compile(r"[\u3400-\u9fff]")
_QUOTED = re.compile(
    r"“([^”]+)”|「([^」]+)」|『([^』]+)』|《(?P<title>[^》]+)》|\"([^\"]+)\"|(?<!\w)'([^']{2,}?)'(?!\w)|‘([^’]+)’(?!\w)"
)
#: A full stop inside a number or an abbreviation ends nothing.
_CLAUSE_END = re.compile(r"[,,。;;!!??\n~|·•…]+|\s[-–—]+\s|(?<!\d)\.(?!\d)|\.(?=\s|$)|(?<=\w):\s|:")
#: A space between Chinese words that are listed, not run together (美女 汉服 樱花).
_LISTED = re.compile(
    r"(?<=[\u3400-\u9fff])(?<![的地得和与在着了一只个张条把是有穿戴画请我要两三四五六七八九十几])"
    r"[ \u3000]+(?=[\u3400-\u9fff])(?![的和与在])"
)
#: 提著皮箱; not 名著, 著名.
_ASPECT_MARK = re.compile("(?<![名显原巨专编论卓昭土])著(?![名作称述者录])")
_ENGLISH_GRAMMAR = re.compile(
    r"\b(?:a|an|the|in|on|of|with|and|at|by|under|wearing|holding|please|without|for|is|no|to|from|into)\b",
    re.IGNORECASE,
)
_CHINESE_GRAMMAR = re.compile(r"[的在一个画上里下着张只不要把用有是和请帮给]")
#: Talk after a picture is no longer; the patterns look for it from every place.
_LONGEST_TAIL = 200
#: So many characters of a word may stand on either side of a cut.
_LONGEST_CUT = 3
_REASON_CARDS = re.compile(r"(?:making|make|design(?:ing)?|做|想要?|需要|need|want|要)")


@dataclass
class Message:
    """A message made ready: simplified characters, quotes masked, cut into clauses."""

    text: str
    language: str
    spoken: str = ""  # before colloquial wordings are said plainly
    quotes: tuple[str, ...] = ()
    clauses: list[str] = field(default_factory=list)


def prepare(text: str) -> Message:
    """Normalise a message and set its quoted text aside."""
    language = "zh" if _HAN.search(text) else "en"
    text = re.sub("[\ue000-\uf8ff]", " ", text.replace("’", "'"))  # these characters stand for quotes below
    quotes: list[str] = []
    if whole := _QUOTED.fullmatch(text.strip()):
        text = next(group for group in whole.groups() if group)  # a request in quotation marks, not a text in a picture

    def mask(match: re.Match[str]) -> str:
        if (title := match["title"]) and title in lexicons.load().chinese:
            return title  # 《小王子》里的狐狸 names a book, and no text to be seen
        quotes.append(next(group for group in match.groups() if group))
        return f" {chr(QUOTE_BASE + len(quotes) - 1)} "

    text = _QUOTED.sub(mask, text)
    text = _emoji_names(unicodedata.normalize("NFKC", text), language)
    said = foreign.in_english(text)
    if said != text and not lexicons.load().match("foreign_talk", text.strip()):
        text, language = said, "en"
    if language == "zh":
        text = simplified(text)
    text = meant("invitation", text) or text
    return Message(_plain(text, language), language, text, tuple(quotes))


def meant(table: str, text: str) -> str:
    """What a whole message means that fits a table whose labels are templates; empty where none fits."""
    found = lexicons.load().match(table, text.strip())
    return found[1].expand(found[0]).strip() if found else ""


def _plain(text: str, language: str) -> str:
    """Colloquial wordings as the grammar reads them: 勺子就算了 -> 不要勺子."""
    for label, pattern in lexicons.load().patterns[f"plain_{language}"]:
        text = pattern.sub(label if language == "zh" else f" {label} ", text)
    return text


@cache
def _converter() -> Any:
    import opencc  # traditional characters are read as simplified ones

    return opencc.OpenCC("t2s")


def simplified(text: str) -> str:
    """Traditional characters as simplified ones."""
    result: str = _converter().convert(text)
    return _ASPECT_MARK.sub("着", result)


def _emoji_names(text: str, language: str) -> str:
    if text.isascii() or not any(unicodedata.category(char) == "So" for char in text):
        return text
    import emoji

    lexicon = lexicons.load()

    def name(char: str, data: dict[str, Any]) -> str:
        alias: str = data.get(language, data["en"])
        text = alias.strip(":").replace("_", " ")
        creature = text.removesuffix(" face").removesuffix("脸").removesuffix("头")
        return f" {creature if creature in lexicon.english or creature in lexicon.chinese else text} "

    named: str = emoji.replace_emoji(text, replace=name)
    return named


def clauses(text: str) -> list[str]:
    """The clauses of a message, without the marks between them."""
    text = _LISTED.sub(",", text)
    return [clause.strip() for clause in _CLAUSE_END.split(text) if clause and clause.strip()]


def unframed(clause: str) -> str:
    """A clause without what is said around the picture: 帮我画一只猫 -> 一只猫."""
    patterns = lexicons.load().patterns
    name = "zh" if _HAN.search(clause) else "en"
    changed = True
    while changed:
        changed = False
        for _, pattern in patterns[f"frame_{name}"]:
            found = pattern.match(clause)
            if found and found.end() and _may_start(clause[found.end() :]) and not _cuts_a_word(clause, found.end()):
                clause = clause[found.end() :].lstrip(" ,:")
                changed = True
        for _, pattern in patterns[f"tail_{name}"]:
            ending = re.compile(rf"(?:{pattern.pattern})$", re.IGNORECASE)
            found = ending.search(clause, max(0, len(clause) - _LONGEST_TAIL))
            whole = name == "zh" or not found or not found.start() or not found[0][0].isalnum()
            if found and found[0] and whole and not _cuts_a_word(clause, found.start()):
                clause = clause[: found.start()].rstrip(" ,")
                changed = True
    return clause


def _cuts_a_word(clause: str, at: int) -> bool:
    """Whether a place in a clause lies within a Chinese noun: 请|柬 is an invitation, no 请."""
    known = lexicons.load().chinese
    starts, ends = range(max(0, at - _LONGEST_CUT), at), range(at + 1, min(len(clause), at + _LONGEST_CUT) + 1)
    words = (known.get(clause[start:end]) for start in starts for end in ends)
    return any(word.kind == "noun" for word in words if word)


def _may_start(rest: str) -> bool:
    """Whether a frame may end here: not before a particle that belongs to its last word."""
    return not re.match(r"(?:的(?!\s)|着|过|得)", rest)


def is_reason(clause: str) -> bool:
    """Whether a clause only tells why the picture is wanted."""
    return lexicons.load().match("reason", clause.strip().rstrip(".!。")) is not None


def without_recipient(clause: str) -> str:
    """A clause without for whom the picture is: ``a card for my son's birthday`` -> ``a card birthday``."""
    for _, pattern in lexicons.load().patterns["recipient"]:
        clause = pattern.sub(lambda match: match.groupdict().get("keep") or "", clause)
    return clause


def occasion(clause: str) -> Phrase | None:
    """What of a reason belongs in the picture: the occasion, and the card it is for."""
    lexicon = lexicons.load()
    lowered = clause.lower()
    named = next((name for word, name in lexicon.groups["occasions"].items() if word in lowered), "")
    forms = [
        word.text
        for word in (segment(clause) if _HAN.search(clause) else english.words(lowered.split()))
        if word.domain in FORMAT_DOMAINS - {"part", "event"} and _REASON_CARDS.search(lowered)
    ]
    text = " ".join([*([named] if named and named not in " ".join(forms) else []), *forms[:1]])
    return Phrase((Word(text, "noun", "format"),), "subject") if text else None


def read_clause(clause: str, quotes: tuple[str, ...] = ()) -> Reading:
    """The phrases of one clause, by the grammar of the language that holds it together."""
    if _HAN.search(clause) and not _english_leads(clause):
        return chinese.read(segment(clause, quotes))
    return english.read(clause, quotes)


def _english_leads(clause: str) -> bool:
    return len(_ENGLISH_GRAMMAR.findall(clause)) > len(_CHINESE_GRAMMAR.findall(clause))


def read_message(message: Message, parts: list[str]) -> Reading:
    """Everything that is to be painted, over all clauses."""
    whole = Reading()
    reasons: list[Phrase] = []
    for part in parts:
        if is_reason(part):
            if found := occasion(part):
                reasons.append(found)
            continue
        stripped = unframed(without_recipient(part))
        if not stripped or is_reason(stripped):
            continue
        reading = read_clause(stripped, message.quotes)
        whole.phrases += reading.phrases
        whole.avoid += reading.avoid
    said = " ".join(phrase.text for phrase in whole.phrases)
    whole.phrases += [phrase for phrase in reasons if phrase.text not in said]
    return whole
