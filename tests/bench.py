"""Measure what a person waits for, on this machine: ``make bench``. Prints a table; LOG.md keeps the figures.

Cold figures start a new process; warm ones are the median of several runs in one. Memory is the peak of the process.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

EASEL = [sys.executable, "-m", "bot.cli"]
PROMPTS = Path(__file__).parents[2] / "shared" / "data" / "library" / "imagereward_refl_data.json"
REQUESTS = (
    "一只戴红帽子的猫",
    "a lighthouse at dusk, watercolor",
    "雨后的彩虹和向日葵",
    "three yellow tulips on a table",
)


def row(name: str, value: float, unit: str, limit: float | None = None, *, least: float | None = None) -> None:
    verdict = "" if limit is None else f"  {'ok' if value <= limit else 'OVER'} (limit {limit:g})"
    verdict += "" if least is None else f"  {'ok' if value >= least else 'UNDER'} (at least {least:g})"
    print(f"{name:<46} {value:9.3f} {unit}{verdict}", flush=True)  # noqa: T201


def median(call: Callable[[], Any], runs: int) -> float:
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def command(*arguments: str, stdin: IO[str] | None = None) -> tuple[float, float, str]:
    """Seconds, peak memory in MB and standard output of one command in a process of its own."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*EASEL, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"easel {' '.join(arguments)} failed")
    return seconds, usage.ru_maxrss / 1024, output


def cold() -> None:
    row("easel --help", median(lambda: command("--help"), 5), "s", 1.0)
    seconds, memory, _ = command("draw", "帮我画一只红色的苹果", "--json")
    row("easel draw, cold, empty home", seconds, "s", 15.0)
    row("  peak memory", memory, "MB", 2048.0)
    seconds, memory, output = command("draw", "帮我画一只猫", "--json")
    row("easel draw, cold", seconds, "s", 15.0)
    row("  of that understand + retrieve + compose", sum(_words(output)), "s")


def _words(output: str) -> list[float]:
    seconds = json.loads(output)["seconds"]
    return [seconds[name] for name in ("understand", "retrieve", "compose")]


def warm() -> None:
    from bot.assistant import Assistant
    from bot.settings import load_settings

    assistant = Assistant(load_settings())
    writer = assistant.tables.writer
    for model in ("doodle", "sdxl"):
        writer.write("a cat", assistant.profile(model))
    row(
        "rewrite, warm", median(lambda: [writer.write(t, assistant.profile("sdxl")) for t in REQUESTS], 5) / 4, "s", 0.1
    )

    def paint() -> None:
        written = writer.write("a red apple", assistant.profile("doodle"))
        job = assistant.paint_now(assistant.job_for(written, "doodle", "bench"))
        shares.append(sum(written.seconds.values()) / (sum(written.seconds.values()) + (job.seconds or 1)))

    shares: list[float] = []
    for _ in range(4):  # until the network's calls are recorded
        paint()
    row("draw, warm, a picture", median(paint, 5), "s", 3.0)
    row("  share of understand + retrieve + compose", statistics.median(shares), "", 0.05)
    row("  peak memory of this process", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB", 2048.0)


def plain() -> None:
    """The same model called straight through diffusers, for comparison."""
    import torch
    from diffusers import DiffusionPipeline

    from pipeline.doodle.evaluate import GUIDANCE, STEPS
    from pipeline.doodle.steps import SHIPPED

    pipe = DiffusionPipeline.from_pretrained(SHIPPED, use_safetensors=True, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)

    def paint() -> None:
        generator = torch.Generator().manual_seed(1)
        caption = "red apple, 3d render, white background"
        pipe(caption, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=generator)

    paint()
    row("plain diffusers call, warm, a picture", median(paint, 5), "s")


def large_library() -> None:
    if not PROMPTS.exists():
        row(f"import skipped: {PROMPTS} is not there", 0, "")
        return
    seconds, memory, _ = command("library", "import", str(PROMPTS), "--json")
    row("import and embed 10,000 prompts", seconds, "s", 900.0)
    row("  peak memory", memory, "MB")
    from bot.assistant import Assistant
    from bot.settings import load_settings
    from promptlib.retrieval import retrieve, retrieve_near

    assistant = Assistant(load_settings())
    library, index = assistant.tables.library, assistant.index
    retrieve(library, index, "warm up")
    vector = index.embedder.queries([REQUESTS[0]])[0]
    row("search with embedding", median(lambda: retrieve(library, index, REQUESTS[0]), 20), "s", 0.1)
    row("search without embedding", median(lambda: retrieve_near(library, index, vector), 20), "s", 0.005)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["EASEL_HOME"] = home
        for part in (cold, warm, plain, large_library):
            # A process each: one part's memory and loaded libraries must not count for the next.
            process = multiprocessing.get_context("spawn").Process(target=part)
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{part.__name__} failed")


if __name__ == "__main__":
    main()
