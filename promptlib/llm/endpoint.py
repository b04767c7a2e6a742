"""Any server that speaks OpenAI's chat completions: Ollama, vLLM, llama.cpp, DeepSeek, Qwen, Doubao and others.

Trusts the server with nothing: one deadline for everything, a limit on what is read, no redirects. The key goes into
one header and nowhere else. Knows nothing of briefs.
"""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx

from promptlib.llm.engine import MAX_TOKENS, LanguageModel, within
from promptlib.llm.errors import LanguageModelError
from promptlib.llm.schema import SCHEMA

#: Bytes of a whole response; an answer of MAX_TOKENS is well below.
MOST_BYTES = 256 * 1024

#: Ways to ask for JSON, the strictest first. Servers know different ones. Not "strict", which wants every key to be
#: there: most are empty most of the time, and each takes its time to write.
FORMATS: tuple[dict[str, Any] | None, ...] = (
    {"type": "json_schema", "json_schema": {"name": "brief", "strict": False, "schema": SCHEMA}},
    {"type": "json_object"},
    None,
)
#: What a server says to a format that it does not know.
_UNKNOWN_FORMAT = (400, 415, 422, 501)
_REASONS = {
    401: "its server does not accept the key; check EASEL_LLM_KEY",
    403: "its server does not accept the key; check EASEL_LLM_KEY",
    404: "its server does not know the address or the model; check EASEL_LLM_URL and EASEL_LLM_MODEL",
    429: "its server has had too many requests, or the account is empty",
}


class Endpoint(LanguageModel):
    """A model on a server.

    Args:
        url: the server's base address, such as ``http://127.0.0.1:11434/v1``.
        key: sent as a bearer token where there is one.
    """

    def __init__(self, url: str, model: str, key: str = "") -> None:
        base = url.rstrip("/").removesuffix("/chat/completions")
        if not httpx.URL(base).path.strip("/"):
            base += "/v1"
        self.id = model
        self._url, self._key = f"{base}/chat/completions", key
        self._format = 0
        self._lock = threading.Lock()

    def answer(self, instructions: str, message: str, seconds: float) -> str:
        return within(seconds, lambda: asyncio.run(self._ask(instructions, message, seconds)))

    async def _ask(self, instructions: str, message: str, seconds: float) -> str:
        # Compressed, a few bytes can be gigabytes.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        body = {
            "model": self.id,
            "messages": [{"role": "system", "content": instructions}, {"role": "user", "content": message}],
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "stream": False,
        }
        try:
            async with (
                asyncio.timeout(seconds),
                httpx.AsyncClient(timeout=seconds, headers=headers) as client,
            ):
                return _content(await self._post(client, body))
        except TimeoutError as error:
            raise LanguageModelError(f"it did not answer within {seconds:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            raise LanguageModelError(f"its server cannot be reached ({type(error).__name__})") from error

    async def _post(self, client: httpx.AsyncClient, body: dict[str, Any]) -> bytes:
        """The response to the strictest format that the server knows, which is remembered."""
        for number in range(self._format, len(FORMATS)):
            form = FORMATS[number]
            asked = {**body, "response_format": form} if form else body
            async with client.stream("POST", self._url, json=asked) as response:
                if response.status_code in _UNKNOWN_FORMAT and form:
                    continue
                if response.status_code != httpx.codes.OK:
                    raise LanguageModelError(_refusal(response.status_code))
                content = await _limited(response)
            with self._lock:
                self._format = max(self._format, number)
            return content
        raise AssertionError("the last format is none and ends the loop")


def _refusal(status: int) -> str:
    if 300 <= status < 400:
        return "its server sends requests elsewhere, which is not followed; check EASEL_LLM_URL"
    return _REASONS.get(status, f"its server answers with status {status}")


async def _limited(response: httpx.Response) -> bytes:
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MOST_BYTES:
            raise LanguageModelError(f"its server sends more than {MOST_BYTES:,} bytes")
    return content


def _content(response: bytes) -> str:
    """What the model said, in the envelope of a chat completion."""
    try:
        choice = json.loads(response)["choices"][0]
        text = choice["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise LanguageModelError("its server's answer is no chat completion") from error
    if not isinstance(text, str):
        raise LanguageModelError("its server's answer holds no text")
    if choice.get("finish_reason") == "length":
        raise LanguageModelError("its answer is cut off")
    return text
