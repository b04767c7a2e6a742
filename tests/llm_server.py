"""A real HTTP server that answers chat completions, and misbehaves in every way that servers and models do."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What a server does with a request; it may read it and writes what it likes.
Behaviour = Callable[["Handler", dict[str, Any]], None]


@dataclass
class LlmServer:
    """Answers with `behaviour`, and remembers what it was asked."""

    behaviour: Behaviour
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    llm: LlmServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.llm.requests.append(json.loads(body))
        self.llm.headers.append(dict(self.headers))
        self.llm.paths.append(self.path)
        with suppress(OSError):
            self.llm.behaviour(self, self.llm.requests[-1])

    def do_GET(self) -> None:
        """Only somebody who was sent elsewhere comes here."""
        self.llm.paths.append(f"GET {self.path}")
        self.send(200, b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `LlmServer.requests` instead."""

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has given up; there is nobody to tell."""


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[LlmServer]:
    llm = LlmServer(behaviour)
    server = _Server(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"llm": llm}))
    llm.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield llm
    finally:
        llm.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


# --- behaviours -----------------------------------------------------------------------------------------------


def completion(text: Any, **choice: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}).encode()


def says(text: Any, **choice: Any) -> Behaviour:
    """A model that says this, whatever it is asked."""
    return lambda handler, request: handler.send(200, completion(text, **choice), Content_Type="application/json")


def status(code: int, body: bytes = b'{"error": {"message": "no"}}', **headers: str) -> Behaviour:
    return lambda handler, request: handler.send(code, body, **headers)


def body(content: bytes, **headers: str) -> Behaviour:
    return status(200, content, **headers)


def message_of(request: dict[str, Any]) -> dict[str, Any]:
    """The message in a request, and the picture before it."""
    message: dict[str, Any] = json.loads(request["messages"][-1]["content"])
    return message


def knows(answers: dict[str, str]) -> Behaviour:
    """A good model: an answer for each message."""

    def behave(handler: Handler, request: dict[str, Any]) -> None:
        handler.send(200, completion(answers[message_of(request)["message"]]))

    return behave


def without_formats(inner: Behaviour, known: tuple[str, ...] = ()) -> Behaviour:
    """A server that knows only some response formats, and answers others with an error."""

    def behave(handler: Handler, request: dict[str, Any]) -> None:
        asked = request.get("response_format", {}).get("type")
        if asked and asked not in known:
            handler.send(400, b'{"error": "response_format is not supported"}')
        else:
            inner(handler, request)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour after the other, the last one for ever."""
    rest = list(behaviours)
    return lambda handler, request: (rest.pop(0) if len(rest) > 1 else rest[0])(handler, request)


def silent(handler: Handler, request: dict[str, Any]) -> None:
    """Says nothing until the test is over."""
    handler.llm.over.wait(30)


def hangs_up(handler: Handler, request: dict[str, Any]) -> None:
    handler.close_connection = True


def resets(handler: Handler, request: dict[str, Any]) -> None:
    """Breaks the connection off, half an answer sent."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def cut_off(handler: Handler, request: dict[str, Any]) -> None:
    """Promises more than it sends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + completion("{"))
    handler.close_connection = True


def drips_headers(handler: Handler, request: dict[str, Any]) -> None:
    """A header line that never ends, a byte at a time."""
    _drip(handler, b"HTTP/1.1 200 OK\r\nX-Wait: ", b"x", pause=0.05)


def drips_body(handler: Handler, request: dict[str, Any]) -> None:
    """An answer that never ends, a byte at a time."""
    _drip(handler, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" ", pause=0.05)


def never_ends(handler: Handler, request: dict[str, Any]) -> None:
    """An answer that never ends, as fast as can be."""
    _drip(handler, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"[" * 65536, pause=0)


def _drip(handler: Handler, start: bytes, piece: bytes, pause: float) -> None:
    handler.close_connection = True
    handler.wfile.write(start)
    while not handler.llm.over.is_set():
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(pause)


def no_http(handler: Handler, request: dict[str, Any]) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n" * 3)
    handler.close_connection = True
