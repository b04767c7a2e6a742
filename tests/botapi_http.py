"""The HTTP side of the tests' Bot API server: paths, the ways of passing parameters, uploads, broken connections."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botapi import BotApi, Fault

Values = dict[str, Any]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, api: BotApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api
        self._posting = threading.Lock()

    def deliver(self) -> None:
        """Post what waits to the webhook, one after the other, again and again until it is taken."""
        threading.Thread(target=self._deliver, daemon=True).start()

    def _deliver(self) -> None:
        with self._posting:
            while (update := self.api.undelivered()) is not None:
                secret = str(self.api.webhook.get("secret_token", ""))
                head = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret}
                body = json.dumps(update).encode()
                try:
                    urllib.request.urlopen(urllib.request.Request(self.api.webhook["url"], body, head), timeout=5)
                except OSError:
                    time.sleep(0.2)
                else:
                    self.api.delivered(update)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A bot that was killed leaves broken connections behind; there is nobody to tell."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    fault: Fault

    def do_GET(self) -> None:
        self.fault = self.server.api.fault_for(urllib.parse.urlsplit(self.path).path.rpartition("/")[2])
        self._handle(b"")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.fault = self.server.api.fault_for(self.path.rpartition("/")[2])
        if self.fault.cut == "upload":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        self._handle(self.rfile.read(length))

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `BotApi.calls` instead."""

    def _handle(self, body: bytes) -> None:
        api, path = self.server.api, urllib.parse.urlsplit(self.path)
        kind, _, rest = path.path.lstrip("/").partition("bot")
        token, _, tail = urllib.parse.unquote(rest).partition("/")
        if token != api.token:
            known = ":" in token
            self._send(401 if known else 404, _error(401, "Unauthorized") if known else _error(404, "Not Found"))
        elif kind == "file/":
            data = api.files.get(tail.removeprefix("files/"))
            self._send(404, _error(404, "Not Found")) if data is None else self._send(200, data)
        else:
            self._call(api, tail, *_values(path.query, self.headers.get("Content-Type", ""), body))

    def _call(self, api: BotApi, method: str, values: Values, files: dict[str, bytes]) -> None:
        fault = self.fault
        time.sleep(fault.delay)
        if fault.cut == "before":
            self.close_connection = True
            return
        code, payload = api.answer(method, values, files, fault)
        time.sleep(fault.hold)
        if fault.cut == "after":
            self.close_connection = True
            return
        self._send(code, json.dumps(payload).encode())

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _error(code: int, description: str) -> bytes:
    return json.dumps({"ok": False, "error_code": code, "description": description}).encode()


def _values(query: str, content_type: str, body: bytes) -> tuple[Values, dict[str, bytes]]:
    """The parameters and the files of a request, whichever of the four ways they came."""
    values: Values = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    files: dict[str, bytes] = {}
    if content_type.startswith("application/json"):
        values |= json.loads(body or b"{}")
    elif content_type.startswith("multipart/form-data"):
        for head, data in _parts(body, content_type.partition("boundary=")[2].strip('"').encode()):
            if "filename" in head:
                files[head["name"]] = data
                values.setdefault("file_name", head["filename"])
            else:
                values[head["name"]] = data.decode()
    else:
        values |= dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    return {key: _plain(key, value) for key, value in values.items()}, files


def _plain(key: str, value: Any) -> Any:
    """Lists and objects come as JSON, except in parameters that are people's words."""
    if isinstance(value, str) and key not in ("text", "caption") and value[:1] in ("[", "{"):
        return json.loads(value)
    return value


def _parts(body: bytes, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    parts = []
    for chunk in body.split(b"--" + boundary)[1:-1]:
        head, _, data = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = next(
            line for line in head.decode().split("\r\n") if line.lower().startswith("content-disposition")
        )
        fields = dict(item.strip().split("=", 1) for item in disposition.split(";")[1:])
        parts.append(({name: value.strip('"') for name, value in fields.items()}, data.removesuffix(b"\r\n")))
    return parts
