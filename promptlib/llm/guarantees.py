"""What easel promises of every understanding, whoever did it: nothing lost, nothing added, nothing avoided painted.

Compares a brief with the request, with the brief before it, and with the built-in reading of the same request.
Words are compared by what they can mean: our lexicon, the dictionary, and singular and plural. Deliberately strict:
a brief that is better than the built-in one but cannot be shown to be true is given up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from promptlib import lexicon as lexicons
from promptlib.brief import Brief, Word
from promptlib.understanding import dictionary, parameters
from promptlib.understanding.request import prepare, simplified

#: Kinds of words that hold a phrase together and say nothing by themselves.
_SMALL = frozenset({"article", "relation", "and", "skipped", "adverb", "measure", "place", "pronoun", "number"})
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_LONGEST = 8
#: Words of captions that carry no content of their own.
_FILLERS = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at by with and or to for from into under over near up out off its his her their one text "
        "style background image picture scene color colors colour colours colored lighting light view shot",
    )
)
_OWN_DOMAINS = frozenset({"format", "event"})


def problem(
    brief: Brief,
    builtin: Brief,
    previous: Brief | None = None,
    *,
    waived: Iterable[str] = (),
    removed: Iterable[str] = (),
) -> str:
    """Which promise a brief breaks, as a clause; empty if it keeps them all.

    Args:
        builtin: what the built-in way understands by the same request.
        previous: the brief of the turn before, for a refinement.
        waived: pieces of the request that are said to be no part of the picture. Only what the built-in way does
            not really know either can be waived.
        removed: words of the turn before that the person took back now.
    """
    lost = _lost(brief, builtin, tuple(waived), tuple(removed))
    return (
        _kind_problem(brief, builtin)
        or _text_problem(brief, builtin)
        or next((f"it loses {word.source or word.text!r}" for word in lost), "")
        or next((f"it adds {word!r}" for word in _added(brief, builtin, previous)), "")
        or _number_problem(brief, builtin)
        or _avoid_problem(brief, builtin)
    )


def _kind_problem(brief: Brief, builtin: Brief) -> str:
    paints = brief.kind in ("image", "refine")
    if not paints and brief.kind != "refused" and any(_certain(w) for p in builtin.phrases for w in p.words):
        return f"it takes a request for {brief.kind}"
    return "it finds nothing to paint" if paints and not brief.phrases else ""


def _text_problem(brief: Brief, builtin: Brief) -> str:
    """Quoted text is kept to the letter."""
    if brief.kind not in ("image", "refine"):
        return ""
    asked, kept = _quotes(builtin), _quotes(brief)
    return f"it loses the text {min(asked - kept)}" if asked - kept else ""


def _quotes(brief: Brief) -> set[str]:
    return {word.text for phrase in brief.phrases for word in phrase.words if word.kind == "quote"}


# --- nothing lost ---------------------------------------------------------------------------------------------


def _lost(brief: Brief, builtin: Brief, waived: tuple[str, ...], removed: tuple[str, ...]) -> Iterator[Word]:
    """What the built-in way read and the brief does not say."""
    if brief.kind not in ("image", "refine"):
        return
    said = {stem for phrase in brief.phrases for stem in _stems(phrase.text)}
    said |= {stem for text in removed for stem in _stems(text)}
    sources = simplified(" ".join(phrase.source for phrase in brief.phrases))
    for phrase in builtin.phrases:
        written = any(word.kind == "quote" for word in phrase.words)
        for word in phrase.words:
            if word.kind in _SMALL or word.kind == "quote" or not _stems(word.text):
                continue
            if written and not word.domain:  # a sign that says "Open": the text is kept by itself
                continue
            if _says(said, word) or (not _certain(word) and word.source and word.source in sources):
                continue
            if not _certain(word) and any((word.source or word.text).lower() in span.lower() for span in waived):
                continue
            yield word


def _certain(word: Word) -> bool:
    """Whether our own lexicon knows what a word means, so that nobody can say it means nothing."""
    if not word.source:
        return word.kind not in _SMALL and (word.kind != "noun" or word.domain not in _OWN_DOMAINS)
    return word.source in lexicons.load().chinese and word.domain not in _OWN_DOMAINS


def _says(said: set[str], word: Word) -> bool:
    """Whether words say what a word means: itself if it is the person's own, else any of its meanings."""
    stems = _stems(word.text)
    if stems <= said:
        return True
    if not word.source:
        return False
    return bool((stems | _meanings(word.source, parts=False)) & said)


# --- nothing added --------------------------------------------------------------------------------------------


def _added(brief: Brief, builtin: Brief, previous: Brief | None) -> Iterator[str]:
    """What the brief says and nobody said."""
    known = set[str]()
    for other in filter(None, (builtin, previous)):
        known |= _stems(other.query()) | {stem for thing in other.avoid for stem in _stems(thing)}
        known |= {stem for phrase in other.removed for stem in _stems(phrase.text)}
    said = _said(brief.text, previous)
    known |= _stems(simplified(brief.text))
    for phrase in brief.phrases:
        pieces: list[str] = []
        for source in (simplified(word.source) for word in phrase.words if word.source):
            heard = _pieces(source, said)
            if not heard:
                yield source
            pieces += heard
        free = sum(map(_unknown, pieces))
        allowed = known.union(*(_meanings(piece, parts=True) for piece in pieces))
        for word in phrase.words:
            for stem in sorted(_stems(word.text)) if word.kind not in ("quote", "relation", "number") else ():
                if stem in allowed:
                    continue
                if free <= 0:
                    yield stem
                free -= 1


def _said(text: str, previous: Brief | None) -> list[str]:
    """What the person wrote, here and in the turns before, without spaces."""
    heard = [simplified(text), prepare(text).text]
    if previous:
        heard += [simplified(previous.text), *(simplified(phrase.source) for phrase in previous.phrases)]
    return [re.sub(r"\s", "", one.lower()) for one in heard]


def _pieces(source: str, said: Sequence[str]) -> list[str]:
    """A source in pieces that were written as they are, the longest first; none if something was not written."""
    pieces: list[str] = []
    for rest in filter(None, re.split(r"[\s,,、。;;…]+", source.lower())):
        while rest:
            # Letters are only told in one piece: from single ones any word could be made.
            least = 1 if _CJK.match(rest) else min(3, len(rest))
            length = next((n for n in range(len(rest), least - 1, -1) if any(rest[:n] in one for one in said)), 0)
            if not length:
                return []
            pieces.append(rest[:length])
            rest = rest[length:]
    return pieces


def _unknown(source: str) -> int:
    """How many English words may stand for what our lexicon does not know: one for each character or foreign word."""
    lexicon, at, unknown = lexicons.load(), 0, 0
    while at < len(source):
        length = next((n for n in range(_LONGEST, 0, -1) if source[at : at + n] in lexicon.chinese), 0)
        unknown += bool(not length and _CJK.match(source[at]))
        at += max(length, 1)
    foreign = [word for word in _WORD.findall(_CJK.sub(" ", source)) if lexicon.find_english(word) is None]
    return unknown + len(foreign)


def _number_problem(brief: Brief, builtin: Brief) -> str:
    """Two cats stay two, and one cat stays one."""
    if brief.kind not in ("image", "refine"):
        return ""
    asked, kept = _numbers(builtin), _numbers(brief)
    pieces = re.findall(r"[一二三四五六七八九十两俩仨]+|[a-z]+|\d+", brief.text.lower())
    said = {parameters.number(piece) for piece in pieces}
    if missing := asked - kept:
        return f"it loses the number {min(missing)}"
    if more := kept - asked - said:
        return f"it adds the number {min(more)}"
    return ""


def _numbers(brief: Brief) -> set[int]:
    words = [word.text for phrase in brief.phrases for word in phrase.words if word.kind == "number"]
    return {number for word in words if (number := parameters.number(word)) > 1}


# --- nothing avoided is painted -------------------------------------------------------------------------------


def _avoid_problem(brief: Brief, builtin: Brief) -> str:
    if brief.kind not in ("image", "refine"):
        return ""
    avoided = [_stems(thing) for thing in brief.avoid]
    for thing in builtin.avoid:
        if _stems(thing) and not any(_stems(thing) & stems for stems in avoided):
            return f"it forgets to avoid {thing!r}"
    painted = [_stems(noun.text) for phrase in brief.phrases for noun in phrase.nouns() if noun.kind == "noun"]
    read = [_stems(noun.text) for phrase in builtin.phrases for noun in phrase.nouns()]
    for stems in avoided:
        if stems and stems in painted and stems not in read:
            return f"it paints what is to be avoided: {' '.join(sorted(stems))}"
    return ""


# --- what words mean ------------------------------------------------------------------------------------------


def _stems(text: str) -> set[str]:
    """The content words of an English text, one form for singular and plural."""
    return {_stem(word) for word in _WORD.findall(text.lower()) if word not in _FILLERS}


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    return lexicons.load().lemma(word.removesuffix("'s").removesuffix("’s"))


@lru_cache(maxsize=4_000)
def _meanings(source: str, *, parts: bool) -> frozenset[str]:
    """The stems of everything that a Chinese text can mean, as a whole or in its parts."""
    lexicon, found = lexicons.load(), set[str]()
    longest = min(_LONGEST, len(source))
    spans = [source[at : at + n] for n in range(1, longest + 1) for at in range(len(source) - n + 1)]
    for span in spans if parts else [source]:
        for table in (lexicon.chinese, lexicon.other_chinese):
            if span in table:
                found |= _stems(table[span].english)
        for sense in dictionary.senses(span):
            found |= _stems(sense)
        for language in lexicon.foreign.values():
            if span in language:
                found |= _stems(language[span].english)
    return frozenset(found)
