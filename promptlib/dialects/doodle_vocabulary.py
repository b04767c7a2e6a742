"""The words that the embedded model knows, as the dialect ``doodle`` looks them up."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from promptlib import lexicon as lexicons
from promptlib.errors import PromptlibError

#: The lists of the vocabulary.
KINDS = ("subjects", "styles", "colors", "backgrounds", "scenes", "arrangements", "facings")


class VocabularyError(PromptlibError):
    """The embedded model's vocabulary cannot be read."""


class Vocabulary:
    """The words the model knows, found by any of their names."""

    def __init__(self, data: dict[str, dict[str, dict[str, list[str]]]]) -> None:
        self.lists = {name: list(data.get(name, {})) for name in KINDS}
        self.names: dict[str, dict[str, str]] = {}
        for kind in self.lists:
            table = self.names.setdefault(kind, {})
            for word, synonyms in data.get(kind, {}).items():
                table[word.lower()] = word
                for synonym in (*synonyms.get("en", ()), *synonyms.get("zh", ())):
                    table.setdefault(synonym.lower(), word)
                    table.setdefault(synonym.lower().replace("的", ""), word)
        #: Subjects that are drawn from one side.
        self.turned = {name for name, entry in data.get("subjects", {}).items() if entry.get("faces")}
        names = sorted(map(re.escape, self.names["subjects"]), key=len, reverse=True)
        self._phrased = [(name, style) for name, style in self.names["styles"].items() if " " in name]
        # A Latin name ends where the word ends, but for the plural; Chinese has no such sign.
        latin, other = ([n for n in names if n.isascii() is kind] for kind in (True, False))
        self._subjects = re.compile(rf"\b({'|'.join(latin) or '(?!)'})(?:s|es)?\b|({'|'.join(other) or '(?!)'})")

    def find(self, kind: str, text: str) -> str | None:
        """The vocabulary's word for a name, also in the plural."""
        table, lexicon = self.names[kind], lexicons.load()
        forms = [text.lower(), lexicon.lemma(text), *lexicon.singulars(text.lower())]
        return next((table[form] for form in forms if form in table), None)

    def style(self, text: str) -> str | None:
        """The style that a text is a name of; one of several words may also stand in it ("simple line drawing")."""
        plain = re.sub(r"^in (?:an? |the )?", "", text.lower()).removesuffix(" style")
        if found := self.find("styles", text) or self.find("styles", plain):
            return found
        alike = lexicons.load().groups.get("style_lookalikes", {}).get(plain)
        if alike in self.lists["styles"]:
            return alike
        return next((style for name, style in self._phrased if f" {name} " in f" {text.lower()} "), None)

    def spelled(self, text: str) -> list[str]:
        """The subjects whose names stand in a text, in its order; of overlapping names the longest."""
        return [self.names["subjects"][name] for name in self._matches(text)]

    def name_around(self, text: str, word: str) -> str | None:
        """A subject's name that stands in a text and is more than a word that it holds: fire engine, for an engine."""
        edge = " " if word.isascii() else ""  # a car is in no carrot, but Chinese has no spaces
        around = (name for name in self._matches(text) if f"{edge}{word}{edge}" in f"{edge}{name}{edge}")
        return next((name for name in around if name != word), None)

    def _matches(self, text: str) -> list[str]:
        text = re.sub(r"['’]s(?= )|的", "", text.lower())
        return [match[1] or match[2] for match in self._subjects.finditer(text)]


@cache
def read_vocabulary(path: str) -> Vocabulary:
    try:
        return Vocabulary(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise VocabularyError(f"The vocabulary {path} cannot be read ({error}); install easel's data again.") from error
