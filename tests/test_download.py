"""Fetching a model: a small server speaks as much of Hugging Face's protocol as the client asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tiny_models

from pipeline.backends import make_backend
from pipeline.backends.base import PaintRequest
from pipeline.errors import ModelMissing
from pipeline.profiles import Profile

REQUEST = PaintRequest("a red apple", width=32, height=32, seeds=(5,), steps=2, guidance=3.0)
COMMIT = "1" * 40


class Hub(BaseHTTPRequestHandler):
    """Serves `root` as the repository ``someone/tiny``; others are gated or unknown, with the real error codes."""

    root: Path
    asked: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        if "someone/gated" in path:
            self._refuse(403, "GatedRepo")
        elif "someone/tiny" not in path:
            self._refuse(404, "RepoNotFound")
        elif path.startswith("/api/models/someone/tiny"):
            self._send(json.dumps(self._listing("/tree/" in path)).encode(), "application/json")
        else:
            self._send((self.root / path.split("/", 5)[5]).read_bytes(), "application/octet-stream")

    def _listing(self, tree: bool) -> object:
        files = [path for path in sorted(self.root.rglob("*")) if path.is_file()]
        names = [path.relative_to(self.root).as_posix() for path in files]
        if tree:
            return [
                {"type": "file", "oid": "0" * 40, "path": name, "size": path.stat().st_size}
                for name, path in zip(names, files, strict=True)
            ]
        return {"id": "someone/tiny", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    from huggingface_hub import constants, hf_api

    handler = type("TinyHub", (Hub,), {"root": tiny_models.build("sd", tmp_path / "tiny"), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(hf_api.api, "endpoint", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


def profile(source: str) -> Profile:
    size = {"width": 32, "height": 32}
    return Profile("tiny", "Tiny", source, "sd15", "tags", steps=2, guidance=3.0, url="https://example.org", **size)


def stages(source: str) -> list[str]:
    told: list[str] = []
    list(make_backend(profile(source), device="cpu").paint(REQUEST, stage=told.append))
    return told


def test_a_model_is_downloaded_at_first_use_only(hub: ThreadingHTTPServer) -> None:
    assert stages("someone/tiny") == ["loading", "downloading"]
    asked = hub.RequestHandlerClass.asked  # type: ignore[attr-defined]
    assert asked
    asked.clear()
    assert stages("someone/tiny") == ["loading"]
    assert asked == []


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("someone/gated", "wants its licence accepted first: open https://example.org"),
        ("someone/nobody", "Hugging Face shows no someone/nobody"),
    ],
)
def test_models_that_are_not_for_you(source: str, message: str) -> None:
    with pytest.raises(ModelMissing, match=message):
        stages(source)


def test_no_network(hub: ThreadingHTTPServer) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(ModelMissing, match="Hugging Face cannot be reached; check the network"):
        stages("someone/tiny")


@pytest.mark.usefixtures("hub")
def test_no_name_can_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants, hf_api

    nowhere = "http://huggingface.invalid"
    monkeypatch.setattr(constants, "ENDPOINT", nowhere)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(hf_api.api, "endpoint", nowhere)
    with pytest.raises(ModelMissing, match="Hugging Face cannot be reached; check the network"):
        stages("someone/tiny")
