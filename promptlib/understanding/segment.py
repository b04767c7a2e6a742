"""Cutting Chinese text, with whatever English is mixed in, into words that the grammar knows.

Our lexicon goes first, the longest match winning; jieba's frequencies settle how unknown text is cut.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

from promptlib import lexicon as lexicons
from promptlib.brief import Word
from promptlib.lexicon import Entry, Lexicon
from promptlib.understanding import dictionary, parameters
from promptlib.understanding.words import participle

#: Quoted text is masked by one character of this private area each while the rest is read.
QUOTE_BASE = 0xE000

_ENGLISH_WORD = r"(?:\d+[A-Za-z]|[A-Za-zÀ-ÿ])[A-Za-zÀ-ÿ0-9'\-]*"
#: The dot within a foreign name, which ends no clause (data/lexicon/patterns.tsv puts it there).
NAME_DOT = "\u2027"
#: The characters that foreign names are spelled with.
_SPELLING = (
    "阿埃艾爱安奥巴保鲍贝本比彼毕波伯勃博布查达戴丹德迪蒂杜多恩尔凡法梵菲费芬夫弗福富伽盖高戈格古哈海汉亨赫华怀霍基吉加贾简杰金居"
    "卡凯坎康柯科克肯库昆拉莱赖兰朗劳勒蕾雷里理丽莉利列林琳刘柳卢鲁路露伦罗洛马玛迈麦曼芒梅蒙米密摩莫墨默姆穆纳娜奈南内妮尼诺努"
    "欧帕庞佩彭皮坡珀普齐奇乔切丘琼让瑞若萨塞桑瑟森莎山珊肖舍圣施史士斯丝思苏索塔泰坦汤唐特提廷汀图透托瓦万威韦维温文沃伍西希锡"
    "夏香谢辛休逊雅亚扬耶伊英尤约泽扎詹珍芝朱卓兹佐宾登堡顿翰娅薇嘉黛曦"
)
_NAME = rf"[{_SPELLING}]{{1,6}}(?:{NAME_DOT}[{_SPELLING}]{{1,7}})+"
_RUN = rf"(?:(?!{_NAME})[\u3400-\u9fff])+|{_ENGLISH_WORD}(?:[ \t]+{_ENGLISH_WORD})*|\d+|[\ue000-\uf8ff]|[、&]"
_DIGITS = "零一二三四五六七八九十百千两"
#: Before these a word that may count or mean something else (只) counts.
_COUNTED = {"noun", "adjective", "color", "material"}
#: Measure words that are things to be seen as well.
_CONTAINERS = frozenset("杯碗盘碟瓶篮筐壶锅盆盒箱桶罐")
#: A lexicon word is this common in jieba's eyes, so that it stays in one piece.
_FREQUENCY = 8000


@cache
def _jieba() -> Any:
    import jieba  # half a second and 60 MB, only for Chinese

    jieba.setLogLevel(60)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    for word in lexicons.load().chinese:
        if len(word) > 1 and tokenizer.FREQ.get(word, 0) < _FREQUENCY:
            tokenizer.add_word(word, _FREQUENCY)
    for word in lexicons.load().groups["no_words"]:
        tokenizer.del_word(word)
    return tokenizer


@cache
def _runs() -> re.Pattern[str]:
    """What is cut as one run; words that mix letters and characters (3D渲染, T恤) come first."""
    mixed = [
        word for word in lexicons.load().chinese if re.search(r"[\u3400-\u9fff]", word) and re.search(r"[!-~]", word)
    ]
    return re.compile("|".join([_NAME, *map(re.escape, sorted(mixed, key=len, reverse=True)), _RUN]), re.IGNORECASE)


def segment(text: str, quotes: tuple[str, ...] = ()) -> list[Word]:
    """The words of a clause, each with its English, kind and source."""
    words: list[Word] = []
    lexicon = lexicons.load()
    for run in _runs().findall(text):
        entry = lexicon.chinese.get(run) or lexicon.chinese.get(run.upper())
        if entry is not None and not run.isascii():
            words += words_of(entry, run)
        elif "\ue000" <= run[0] <= "\uf8ff":
            words.append(Word(f'"{quotes[ord(run) - QUOTE_BASE]}"', "quote"))
        elif run.isdigit():
            words.append(Word(run, "number"))
        elif NAME_DOT in run:
            words.append(Word(_foreign_name(run), "noun", "person", run))
        elif run in "、&":
            words.append(Word("and", "and", "", run))
        elif run[0].isascii() or "À" <= run[0] <= "ÿ":
            words += _english(run)
        else:
            for token in _jieba().cut(run, HMM=False):
                words = _several(words) if token == "们" else [*words, *_chinese(token)]
    around = [None, *words, None]
    words = [_as_thing(word, around[index], around[index + 2]) for index, word in enumerate(words)]
    words = [_describing(words, index) for index in range(len(words))]
    return [word for index, word in enumerate(words) if not _passive_mark(words, index)]


def _foreign_name(spelled: str) -> str:
    """基努·里维斯 -> Keanu Reeves; a part that nobody lists is the dictionary's name, or spelled by sound."""
    parts = lexicons.load().groups["name_parts"]
    found = (parts.get(part) or dictionary.name(part) for part in spelled.split(NAME_DOT))
    return " ".join(found)


def _several(words: list[Word]) -> list[Word]:
    """学生 们: the person before this is meant in the plural."""
    if not words or words[-1].kind != "noun":
        return words
    return [*words[:-1], replace(words[-1], text=lexicons.load().plural(words[-1].text))]


def _describing(words: list[Word], index: int) -> Word:
    """What a verb is that describes a noun: 两名 击剑 选手 (unless a clause goes on), 被 摧毁 的 飞船."""
    word, after = words[index], words[index + 1 : index + 2]
    if word.kind == "verb" and index and words[index - 1].source == "被" and after and after[0].kind == "de":
        return replace(word, kind="adjective", text=participle(word.text))
    between = word.kind == "verb" and index and words[index - 1].kind == "measure" and after and after[0].kind == "noun"
    if between and all(later.kind != "de" for later in words[index:]):
        return replace(word, kind="adjective")
    return word


def _passive_mark(words: list[Word], index: int) -> bool:
    """被 摧毁 的 飞船 is a destroyed spaceship: nobody is named who did it."""
    after = words[index + 1 : index + 3]
    return words[index].source == "被" and [word.kind for word in after] == ["adjective", "de"]


def _as_thing(word: Word, before: Word | None, after: Word | None) -> Word:
    """门 and 面 count things after a number, and are things otherwise; 只 counts wherever a thing follows."""
    if word.kind == "object_marker" and before is not None and before.kind == "number":
        return Word("", "measure", "", word.source)
    if word.kind == "measure" and _is_container(word, before, after):
        return Word(word.text.removeprefix("a ").removesuffix(" of"), "noun", "object", word.source)
    entry = lexicons.load().other_chinese.get(word.source)
    if word.kind == "material" and _is_itself(before, after):
        return Word(entry.english if entry else word.text, "noun", entry.domain if entry else "mass", word.source)
    if entry is not None and word.kind == "adjective":
        if before is not None and before.kind == "verb" and after is not None and after.kind == "de":
            return Word(entry.english, entry.kind, entry.domain, word.source)  # 不 加 冰 的 茶
        describes = after is not None and after.kind in (*_COUNTED, "de", "suffix", "number", "measure")
        return word if describes else Word(entry.english, entry.kind, entry.domain, word.source)
    if entry is not None and word.kind == "preposition" and entry.kind == "verb" and after is None:
        return Word(entry.english, entry.kind, entry.domain, word.source)
    if entry is not None and entry.kind == "adverb" and after is not None and after.kind in _COUNTED:
        return word
    if entry is None or word.kind != "measure" or (before is not None and before.kind in ("number", "any", "particle")):
        return word
    return Word(entry.english, entry.kind, entry.domain, word.source)


def _is_itself(before: Word | None, after: Word | None) -> bool:
    """Whether a material is a thing, not what the next one is made of: 坐在 石头 上, 没有 皮 的 香蕉."""
    if after is None or after.kind == "place":
        return after is not None or (before is not None and before.kind == "negation")
    return before is not None and before.kind == "negation" and after.kind == "de"


def _is_container(word: Word, before: Word | None, after: Word | None) -> bool:
    """Whether 碗 or 瓶 is the thing itself, not how much there is of another."""
    if word.source not in _CONTAINERS or (before is not None and before.kind in ("number", "any", "particle")):
        return False
    return after is None or after.kind not in _COUNTED or (before is not None and before.kind in ("de", "material"))


def _english(run: str) -> list[Word]:
    """English inside Chinese: what the lexicon knows by its kind, the rest in one piece as a thing."""
    lexicon, parts, words = lexicons.load(), run.split(), list[Word]()
    at = 0
    while at < len(parts):
        for length in range(min(lexicon.longest, len(parts) - at), 0, -1):
            piece = " ".join(parts[at : at + length])
            entry = lexicon.find_english(piece)
            if entry or length == 1:
                kind, domain = (entry.kind, entry.domain) if entry else ("noun", "")
                words.append(Word(piece, kind, domain))
                at += length
                break
    return words


def _chinese(token: str) -> list[Word]:
    lexicon = lexicons.load()
    if entry := lexicon.chinese.get(token):
        return words_of(entry, token)
    if token.endswith("们") and len(token) > 1:
        person = _chinese(token[:-1])[-1]
        return [Word(lexicon.plural(person.text), "noun", person.domain, token)]
    if all(char in _DIGITS for char in token):
        return [Word(str(parameters.number(token)), "number", "", token)]
    pieces = _pieces(token, lexicon)
    if pieces and (not dictionary.known(token) or _grammatical(pieces, lexicon)):
        return [word for piece in pieces for word in words_of(lexicon.chinese[piece], piece)]
    if len(token) > 1 and not dictionary.known(token):
        return [word for piece in _cover(token, lexicon) for word in _chinese_or_name(piece, lexicon)]
    return [dictionary.translate(token)]


def words_of(entry: Entry, source: str) -> list[Word]:
    """The word of an entry; a colour and its thing (黑猫) are two, so that one can change without the other."""
    chinese = lexicons.load().chinese
    for cut in (1, 2) if entry.kind == "noun" and len(source) > 1 else ():
        color, thing = chinese.get(source[:cut]), chinese.get(source[cut:])
        if color and thing and color.kind == "color" and entry.english == f"{color.english} {thing.english}":
            return [
                Word(color.english, "color", "", source[:cut]),
                Word(thing.english, "noun", thing.domain, source[cut:]),
            ]
    return [Word(entry.english, entry.kind, entry.domain, source)]


def _chinese_or_name(piece: str, lexicon: Lexicon) -> list[Word]:
    if entry := lexicon.chinese.get(piece):
        return words_of(entry, piece)
    return [dictionary.translate(piece)] if dictionary.known(piece) else [Word(piece, "noun", "", piece)]


def _pieces(token: str, lexicon: Lexicon) -> list[str] | None:
    """The fewest lexicon words that make up the token, or None."""
    best: list[list[str] | None] = [[]] + [None] * len(token)
    for end in range(1, len(token) + 1):
        for start in range(end):
            before = best[start]
            if before is None or token[start:end] not in lexicon.chinese or end - start == len(token):
                continue
            found = best[end]
            if found is None or len(before) + 1 < len(found):
                best[end] = [*before, token[start:end]]
    return best[-1]


def _grammatical(pieces: list[str], lexicon: Lexicon) -> bool:
    """Whether a piece is only grammar, so that the dictionary's word is a mere phrase (三个, 坐在, 桌上)."""
    kinds = {lexicon.chinese[piece].kind for piece in pieces}
    return bool(kinds & {"number", "preposition", "de", "copula"}) or (
        len(pieces) > 1 and lexicon.chinese[pieces[-1]].kind == "place"
    )


def _cover(token: str, lexicon: Lexicon) -> list[str]:
    """A token nobody knows, cut greedily into what somebody knows."""
    pieces: list[str] = []
    while token:
        length = next(
            (n for n in range(len(token), 1, -1) if token[:n] in lexicon.chinese or dictionary.known(token[:n])), 1
        )
        pieces.append(token[:length])
        token = token[length:]
    return pieces
