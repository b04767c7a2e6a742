"""The dialect ``doodle``: the embedded model's closed vocabulary.

A prompt reads ``red apple, 3d render, white background``; or ``red apple and banana, ...``; or ``cat, facing right,
two, flat vector, meadow background``. A word outside the vocabulary becomes the nearest one that is in it, and that is
said: by the tables of what looks alike first, by an embedder where one is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import zip_longest

from promptlib import lexicon as lexicons
from promptlib.brief import Brief, Phrase, Word
from promptlib.dialects.base import Dialect, Draft, Nearest
from promptlib.dialects.doodle_places import facings, is_scene, is_surrounded, scenes
from promptlib.dialects.doodle_things import (
    Found,
    choose,
    is_somebody,
    named_things,
    of_scenes,
    other_things,
    said_again,
    style_words,
    symbols,
)
from promptlib.dialects.doodle_vocabulary import Vocabulary, read_vocabulary
from promptlib.records import Hit, Tag, Target
from promptlib.understanding.finding import is_color_word

DEFAULT_STYLE, DEFAULT_BACKGROUND, CONTRAST_BACKGROUND = "3d render", "white", "light blue"
#: A prompt of the library must score this much to replace a default. Nobody's rating is a score of 3.0, one's own 5
#: of one's own prompt makes 3.22, somebody else's 5 makes 3.6.
_GOOD = 3.2
#: Where in the picture: corners have a side, hands do not.
_SIDE = re.compile(
    r"\b(?:top|bottom|upper|lower)[ -](left|right)\b|\b(left|right)(?:[ -]hand)? (?:corner|side|edge|half|part)\b"
)
_PAIR, _PLURAL = re.compile(r"(?:a )?pair of "), re.compile(r"[^us]s$")


class Doodle(Dialect):
    """``<color> <subject>, <facing>, <arrangement>, <style>, <background> background``."""

    id = "doodle"
    enriched = False
    quality_at = "nowhere"

    def leaves_out(self, thing: str) -> bool:
        return thing.lower().split()[-1:] == ["background"]  # there is then its own plain one

    def draft(self, brief: Brief, target: Target, nearest: Nearest | None = None) -> Draft:
        vocabulary = read_vocabulary(target.vocabulary)
        draft = Draft([])
        used: set[int] = set()
        things = self._subjects(brief, vocabulary, nearest, draft, used)
        facing = self._facing(brief, vocabulary, things, used)
        arrangement = self._arrangement(brief, vocabulary, things, draft, used)
        style = self._style(brief, vocabulary, used)
        background = self._background(brief, vocabulary, things, draft, used)
        alone = not arrangement and len(things) == 1
        if alone and is_surrounded(background.text, self._plain(things[0], vocabulary), vocabulary):
            arrangement = [Tag("small", "camera", "house")]
        draft.tags += [*things, *facing, *arrangement, style, background]
        for index, phrase in enumerate(brief.phrases):
            if index not in used and phrase.text:
                first = phrase.words[0].text == "and" and phrase.words[1:]
                tag = self.tag([replace(phrase, words=phrase.words[1:]) if first else phrase])
                draft.dropped.append((tag, "vocabulary"))
        return draft

    def render(self, tags: Sequence[Tag]) -> str:
        things = " and ".join(tag.text for tag in tags if tag.slot == "subject")
        rest = [tag.text for tag in tags if tag.slot != "subject"]
        return ", ".join([things, *rest] if things else rest)

    def learn(self, tags: Sequence[Tag], hits: Sequence[Hit], target: Target) -> list[tuple[Tag, Hit | None]]:
        """Style and background that the person left open, as in the best prompt for the same subject."""
        colors = read_vocabulary(target.vocabulary).lists["colors"]
        subject = next((tag.text for tag in tags if tag.slot == "subject"), "")
        good = (hit for hit in hits if hit.prompt.dialect == self.id and hit.prompt.score >= _GOOD)
        hit = next(
            (hit for hit in good if _uncolored(_part(hit, "subject"), colors) == _uncolored(subject, colors)), None
        )
        learned: list[tuple[Tag, Hit | None]] = []
        for tag in tags:
            theirs = _part(hit, tag.slot) if hit and tag.origin == "house" else ""
            clashes = subject.startswith(theirs.removesuffix(" background") + " ")
            if hit and theirs and not clashes:
                learned.append((Tag(theirs, tag.slot, f"library:{hit.prompt.id}"), hit))
            else:
                learned.append((tag, None))
        return learned

    def _subjects(
        self, brief: Brief, vocabulary: Vocabulary, nearest: Nearest | None, draft: Draft, used: set[int]
    ) -> list[Tag]:
        """The main thing, and one more where the person named two that the model knows."""
        named, spelled = list(named_things(brief, vocabulary)), vocabulary.spelled(brief.text)
        found = choose(brief, named, vocabulary, nearest) if named else None
        aside = found and (
            found.origin == "unknown" or (found.origin == "nearest" and brief.phrases[found.at].slot != "subject")
        )
        if (not found or aside) and spelled:
            # The last one: who a picture is for is mostly said before what it shall show.
            return [_spelled_thing(brief, spelled[-1], vocabulary, used)]
        found = found or next(symbols(brief, vocabulary), None) or next(of_scenes(brief, vocabulary), None)
        if not found:
            return []
        index, word, name, origin = found
        phrase, tool = brief.phrases[index], ""
        # A vocabulary without this arrangement is of a model that has never seen two things together.
        pairs = "side by side" in vocabulary.lists["arrangements"]
        if pairs and origin == "nearest" and word.domain == "person" and not is_somebody(name):
            tool, name = name, "man"  # a plumber is no wrench: it may stand beside him
        main = _depicted(phrase, word, vocabulary) or _whole(name, phrase, vocabulary)
        used |= {index, *said_again(brief, vocabulary, main)}
        counted = any(vocabulary.find("arrangements", number.text) for number in _numbers(phrase))
        second = next(other_things(brief, vocabulary, index, main, counted=counted), None) if pairs else None
        unwanted = any(vocabulary.find("subjects", avoided) == tool for avoided in brief.avoid)
        if tool and not second and not counted and not unwanted:
            second, name = Found(index, word, tool, origin), f"{name} and {tool}"
        if origin == "nearest":
            draft.notes.append(("nearest", {"asked": word.source or word.text, "used": name}))
        elif origin == "unknown":
            draft.notes.append(("unknown_subject", {"asked": word.source or word.text}))
        if named and index != named[0][0] and not is_scene(brief.phrases[named[0][0]], named[0][1], vocabulary):
            draft.notes.append(("only_one_subject", {"asked": named[0][1].text, "used": name}))
        # A colour named for the whole picture is the main thing's.
        color = _color(brief, phrase, vocabulary, used)
        tags = [_thing(vocabulary, phrase, word, main, color, origin)]
        if second:
            at, other, beside, how = second
            used.add(at)
            own = _own_color(brief.phrases[at], vocabulary) if at != index else ""
            tags.append(_thing(vocabulary, brief.phrases[at], other, beside, own, how))
            if how == "nearest" and at != index:
                draft.notes.append(("nearest", {"asked": other.source or other.text, "used": beside}))
        return tags

    def _facing(self, brief: Brief, vocabulary: Vocabulary, things: list[Tag], used: set[int]) -> list[Tag]:
        """To which side the one thing looks or goes, if it is drawn from the side."""
        asked = next(facings(brief, vocabulary), None)
        turned = [thing for thing in things if self._plain(thing, vocabulary) in vocabulary.turned]
        if not asked or len(things) != 1 or not turned:
            return []
        used.add(asked[0])
        return [Tag(asked[1], "action", "words", brief.phrases[asked[0]].source)]

    def _arrangement(
        self, brief: Brief, vocabulary: Vocabulary, things: list[Tag], draft: Draft, used: set[int]
    ) -> list[Tag]:
        """How many, how large, on which side; of two things only that they stand side by side."""
        main = [phrase for index, phrase in enumerate(brief.phrases) if index in used and phrase.slot == "subject"][:1]
        numbers = [number for phrase in main for number in _numbers(phrase)]
        words = [(word.text, phrase) for phrase in main for word in phrase.words if word.kind == "adjective"]
        words += [(number.text, phrase) for number in numbers for phrase in main]
        plural = any(_PLURAL.search(thing.text) for thing in things)
        # A pair of glasses is one thing, a pair of dolphins is two.
        words += [("two", phrase) for phrase in main if not plural and _PAIR.match(phrase.text)]
        for index, phrase in enumerate(brief.phrases):
            text = " ".join(w.text for w in phrase.words if w.text and w.kind not in ("relation", "article"))
            side = _SIDE.search(phrase.text)
            names = (phrase.text, text, (side[1] or side[2]) if side else "")
            fits = (name for name in names if vocabulary.find("arrangements", name))
            free = index not in used and phrase.slot in ("setting", "camera", "action")
            if free and (place := next(fits, "")):
                used.add(index)
                words.append((place, phrase))
        found = {vocabulary.find("arrangements", text): phrase for text, phrase in words if text}
        said = {vocabulary.find("arrangements", text): _last_said(brief, text, phrase) for text, phrase in words}
        # One arrangement a picture: the last that was asked for, and of what was said at once the number.
        fitting = [name for name in vocabulary.lists["arrangements"] if name in found and len(things) == 1]
        fitting.sort(key=lambda name: (said[name], name in ("two", "three")))
        chosen = fitting[-1] if fitting else None
        for number in numbers:
            kept = chosen and vocabulary.find("arrangements", number.text) == chosen
            if number.text not in ("", "one", "1") and not kept:
                draft.dropped.append((Tag(number.text, "subject", "words", number.source), "vocabulary"))
        if len(things) > 1:
            return [Tag("side by side", "camera", "words")]
        return [Tag(chosen, "camera", "words", found[chosen].source)] if chosen else []

    def _style(self, brief: Brief, vocabulary: Vocabulary, used: set[int]) -> Tag:
        for index, phrase in enumerate(brief.phrases):
            for text in style_words(phrase):
                if text and (style := vocabulary.style(text)):
                    used.add(index)
                    return Tag(style, "style", "words", phrase.source)
        styles = sorted(vocabulary.lists["styles"], key=lambda style: style != DEFAULT_STYLE)
        unwanted = {vocabulary.style(thing) for thing in brief.avoid}
        default = next((style for style in styles if style not in unwanted), styles[0])
        return Tag(default, "style", "words" if unwanted.intersection(styles) else "house")

    def _background(self, brief: Brief, vocabulary: Vocabulary, things: list[Tag], draft: Draft, used: set[int]) -> Tag:
        for index, phrase in enumerate(brief.phrases):
            if any(word.text.endswith("background") for word in phrase.words):
                for word in phrase.words:
                    text = word.text.removesuffix(" background")
                    name = vocabulary.find("backgrounds", text) or vocabulary.find("scenes", text)
                    if word.text != "background" and name:
                        used.add(index)
                        return Tag(f"{name} background", "setting", "words", phrase.source)
        if scene := self._scene(brief, vocabulary, things, draft, used):
            return scene
        # White on white cannot be seen, and was never shown in training.
        white = any(thing.text.startswith(f"{DEFAULT_BACKGROUND} ") for thing in things)
        name = CONTRAST_BACKGROUND if white and CONTRAST_BACKGROUND in vocabulary.lists["backgrounds"] else ""
        # Who wants no background gets none that somebody else liked.
        origin = "words" if any("background" in thing.lower() for thing in brief.avoid) else "house"
        return Tag(f"{name or DEFAULT_BACKGROUND} background", "setting", origin)

    def _scene(
        self, brief: Brief, vocabulary: Vocabulary, things: list[Tag], draft: Draft, used: set[int]
    ) -> Tag | None:
        """The scene that the things are in; what was said of another in the same words is told."""
        painted = {self._plain(thing, vocabulary) for thing in things}
        found = scenes(brief, vocabulary, painted)
        if not found:
            return None
        # Of a sunset over the sea, for which a wave stands, the sunset is what is left to be seen.
        scene, *others = sorted(found, key=lambda one: vocabulary.find("subjects", one.word.text) in painted)
        others = [other for other in others if vocabulary.find("subjects", other.word.text) not in painted]
        tag = Tag(f"{scene.name} background", "setting", "words", brief.phrases[scene.at].source)
        asked = scene.word.source or scene.word.text
        if scene.alike and asked not in [values.get("asked") for _, values in draft.notes]:
            draft.notes.append(("nearest", {"asked": asked, "used": tag.text}))
        used.add(scene.at)
        lost = dict.fromkeys(other.word for other in others if other.at in used and other.name != scene.name)
        draft.dropped += [(Tag(word.text, "setting", "words", word.source), "vocabulary") for word in lost]
        return tag

    @staticmethod
    def _plain(thing: Tag, vocabulary: Vocabulary) -> str:
        """A thing's name without the colour that it is asked for in."""
        return _uncolored(thing.text, vocabulary.lists["colors"])


def _part(hit: Hit, slot: str) -> str:
    return next((tag.text for tag in hit.prompt.tags if tag.slot == slot), "")


def _uncolored(subject: str, colors: Sequence[str]) -> str:
    color = next((color for color in colors if subject.startswith(color + " ")), "")
    return subject.removeprefix(color + " ") if color else subject


def _thing(vocabulary: Vocabulary, phrase: Phrase, word: Word, name: str, color: str, origin: str) -> Tag:
    own, _, plain = name.partition(" ")
    if color and plain and own != color and own in vocabulary.lists["colors"] and vocabulary.find("subjects", plain):
        name = plain  # a blue heart, not a blue red heart
    text = f"{color} {name}" if color and not name.startswith(color + " ") else name
    if origin != "nearest":
        origin = "translation" if word.source else "words"
    return Tag(text, "subject", origin, phrase.source)


def _whole(name: str, phrase: Phrase, vocabulary: Vocabulary) -> str:
    """The brief knows a tent where the vocabulary knows a circus tent."""
    spelled = vocabulary.spelled(phrase.source) or vocabulary.spelled(phrase.text)
    return next((longer for longer in spelled if f" {name}" in longer or f"{name} " in longer), name)


def _spelled_thing(brief: Brief, name: str, vocabulary: Vocabulary, used: set[int]) -> Tag:
    """A subject whose name only stands in the text, with the colour of the phrase that it stands in, if one does."""
    for index, phrase in enumerate(brief.phrases):
        if name in (*vocabulary.spelled(phrase.text), *vocabulary.spelled(phrase.source)):
            used.add(index)
            name, color = _whole(name, phrase, vocabulary), _color(brief, phrase, vocabulary, used)
            word = phrase.head or phrase.words[-1]
            return _thing(vocabulary, phrase, word, name, color, "words")
    return Tag(name, "subject", "words")


def _depicted(phrase: Phrase, word: Word, vocabulary: Vocabulary) -> str | None:
    """The sunset of a painting of it, which is a time and no thing to the lexicon."""
    texts = [w.text for w in phrase.words]
    if word not in phrase.words or "of" not in texts[phrase.words.index(word) :]:
        return None
    rest = texts[texts.index("of", phrase.words.index(word)) + 1 :]
    return next(reversed(vocabulary.spelled(" ".join(rest))), None)


def _numbers(phrase: Phrase) -> Iterable[Word]:
    """The numbers of a phrase, also those that begin a name: the three little pigs."""
    for word in phrase.words:
        first, _, rest = word.text.lower().partition(" ")
        entry = lexicons.load().english.get(first)
        if word.kind == "number":
            yield word
        elif word.kind == "noun" and rest and entry and entry.kind == "number":
            yield Word(first, "number")


def _last_said(brief: Brief, text: str, phrase: Phrase) -> int:
    """How late in the conversation something was said, 0 for what stood there from the first."""
    words = [text, *(word.text for word in phrase.words if word.text in text.split())]
    return max(brief.recent.index(word) + 1 if word in brief.recent else 0 for word in words)


def _color(brief: Brief, phrase: Phrase, vocabulary: Vocabulary, used: set[int]) -> str:
    """The subject's colour, or else one that was named for the whole picture."""
    if own := _own_color(phrase, vocabulary):
        return own
    for index, other in enumerate(brief.phrases):
        nouns = other.nouns()
        named = nouns and all(is_color_word(noun) for noun in nouns)
        if not named and (other.slot not in ("color", "attribute") or nouns):
            continue
        for word in other.words:
            if color := _basic_color(vocabulary, word):
                used.add(index)
                return color
    return ""


def _own_color(phrase: Phrase, vocabulary: Vocabulary) -> str:
    for word, following in zip_longest(phrase.words, phrase.words[1:]):
        if word.text.endswith(" background") or (following and following.text == "background"):
            continue
        if word.kind == "color" and (color := _basic_color(vocabulary, word)):
            return color
        first, _, rest = word.text.partition(" ")
        if not rest or word.kind != "noun" or word.text.lower() in vocabulary.lists["subjects"]:
            continue  # neither a rose nor a chocolate bar is named for its colour
        if named := vocabulary.find("colors", first):
            return named  # an orange cat has its colour in its name
    return ""


def _basic_color(vocabulary: Vocabulary, word: Word) -> str:
    if " and " in word.text:
        return ""  # nothing is black and white in one colour
    plain = lexicons.load().groups.get("basic_colors", {})
    last = word.text.split()[-1] if word.text else ""
    for text in (word.source, word.text, plain.get(word.text, ""), last, plain.get(last, "")):
        if text and (color := vocabulary.find("colors", text)):
            return color
    return ""
