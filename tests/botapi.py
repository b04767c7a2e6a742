"""A small Bot API server: what Telegram does for a bot, over real HTTP, with a driver for tests to play the people.

It enforces the limits in `botapi_rules`, keeps chats, messages, files and unacknowledged updates, and can be told to
misbehave. It knows private chats and groups; channels, inline results, payments and games it does not know.

    with BotApi() as api:
        ...start a bot with api.url and api.token...
        api.say(1, "draw a cat")
        photo = api.wait_for(lambda: api.last(1, "photo"))
        api.press(1, photo, "⭐5")
"""

from __future__ import annotations

import copy
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from botapi_http import Server
from botapi_rules import (
    ACTIONS,
    CALLBACK_ANSWER,
    ApiError,
    bad,
    caption_of,
    commands_of,
    document_of,
    keyboard_of,
    length,
    photo_of,
    text_of,
)

T = TypeVar("T")
Values = dict[str, Any]
TOKEN = "7000000001:AAE-test_token_of_a_bot_that_lives_here0"

#: What a sender must wait between two messages in one chat when `strict_rates` is on, private and group.
SECONDS_PRIVATE, SECONDS_GROUP = 1.0, 3.0


@dataclass
class Call:
    """One request the bot made, and how it was answered."""

    method: str
    values: Values
    files: dict[str, bytes]
    at: float
    code: int = 0
    description: str = ""
    fault: Fault | None = None
    done: float = 0.0


@dataclass
class Fault:
    """How to misbehave: answer with an error, wait first, cut the connection before or after doing what was asked.

    Args:
        delay, hold: seconds to wait before doing what is asked, and after that before the answer.
        cut: ``upload`` in the middle of the request, ``before`` or ``after`` doing what is asked.
    """

    code: int = 0
    description: str = ""
    parameters: Values = field(default_factory=dict)
    delay: float = 0.0
    hold: float = 0.0
    cut: str = ""

    @classmethod
    def flood(cls, seconds: int) -> Fault:
        return cls(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})


#: Everything that goes wrong between a bot and Telegram. A bot that waits for an answer has given up when one that
#: is held comes; whether it was done is the same to see from there.
WEATHER = (
    Fault.flood(1),
    Fault(500, "Internal Server Error"),
    Fault(502, "Bad Gateway"),
    Fault(cut="upload"),
    Fault(cut="before"),
    Fault(cut="after"),
    Fault(delay=2.5, cut="before"),
    Fault(hold=2.5, cut="after"),
)


class BotApi:
    """The server. Everything public may be called from any thread."""

    def __init__(self, token: str = TOKEN, username: str = "easel_test_bot", *, strict_rates: bool = False) -> None:
        self.token = token
        self.me = {"id": int(token.partition(":")[0]), "is_bot": True, "first_name": "easel", "username": username}
        self.strict_rates = strict_rates
        self.calls: list[Call] = []
        self.chats: dict[int, Values] = {}
        self.blocked: set[int] = set()
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Values] = {}
        self.commands: dict[str, list[dict[str, str]]] = {}
        self.webhook: Values = {}
        self.faults: list[tuple[str, Fault]] = []
        #: Which part of all calls goes wrong in one of the ways of `WEATHER`.
        self.weather = 0.0
        self.dice = random.Random(0)
        self.log: dict[int, dict[int, Values]] = {}
        #: When which message of the bot was posted.
        self.posted_at: dict[int, float] = {}
        self._updates: list[Values] = []
        self._queries: set[str] = set()
        self._allowed: list[str] = []
        self._poll = 0
        self._sent_at: dict[int, float] = {}
        self._ids = count(1)
        self._update_ids = count(880_000_001)
        self._changed = threading.Condition(threading.RLock())
        self._open = True
        self._http = Server(self)

    def __enter__(self) -> BotApi:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    # --- the people -------------------------------------------------------------------------------------------

    def chat(self, chat_id: int, kind: str = "private", **more: Any) -> Values:
        with self._changed:
            known = {"first_name": f"P{chat_id}"} if kind == "private" else {"title": f"G{chat_id}"}
            return self.chats.setdefault(chat_id, {"id": chat_id, "type": kind, **known, **more})

    def message(self, user: int, *, chat: int | None = None, chat_type: str = "private", **more: Any) -> Values:
        """A message of a person, stored but not yet announced."""
        with self._changed:
            place = self.chat(user if chat is None else chat, chat_type if chat is not None else "private")
            person = {"id": user, "is_bot": False, "first_name": f"P{user}", "username": f"person{user}"}
            person["language_code"] = more.pop("language_code", "zh")
            message = {"message_id": self.number(), "from": person, "chat": place, "date": int(time.time()), **more}
            self.log.setdefault(place["id"], {})[message["message_id"]] = message
            return message

    def push(self, kind: str, content: Values) -> int:
        """Announce an update of any kind; returns its id."""
        with self._changed:
            update: Values = {"update_id": next(self._update_ids), kind: copy.deepcopy(content)}
            self._updates.append(update)
            self._changed.notify_all()
            if self.webhook:
                self._http.deliver()
            return int(update["update_id"])

    def say(self, user: int, text: str, **more: Any) -> Values:
        """A person writes; commands and mentions become entities. `reply_to` is a message."""
        if (replied := more.pop("reply_to", None)) is not None:
            more["reply_to_message"] = replied
        message = self.message(user, text=text, **more)
        entities = []
        for word in text.split():
            kind = "bot_command" if word.startswith("/") and text.startswith(word) else "mention"
            if kind == "bot_command" or word.startswith("@"):
                offset = length(text[: text.index(word)])
                entities.append({"type": kind, "offset": offset, "length": length(word)})
        if entities:
            message["entities"] = entities
        self.push("message", message)
        return message

    def press(self, user: int, message: Values, button: str, *, language_code: str = "zh") -> str:
        """A person presses a button: its data, or a part of its label. Returns the id of the callback query."""
        with self._changed:
            current = self.log[message["chat"]["id"]].get(message["message_id"], message)
            buttons = [b for row in current["reply_markup"]["inline_keyboard"] for b in row]
            data = next((b["callback_data"] for b in buttons if button in (b["callback_data"], b["text"])), None)
            data = data or next((b["callback_data"] for b in buttons if button in b["text"]), None)
            return self.press_data(user, message, data or button, language_code=language_code)

    def press_data(self, user: int, message: Values, data: str, *, language_code: str = "zh") -> str:
        """Press with any data, as a client of one's own could."""
        with self._changed:
            query = str(next(self._ids) + 10**15)
            self._queries.add(query)
            person = {"id": user, "is_bot": False, "first_name": f"P{user}", "language_code": language_code}
            current = self.log[message["chat"]["id"]].get(message["message_id"], message)
            content = {"id": query, "from": person, "message": current, "chat_instance": "1", "data": data}
            self.push("callback_query", content)
            return query

    # --- looking ----------------------------------------------------------------------------------------------

    def wait_for(self, predicate: Callable[[], T], timeout: float = 60.0) -> T:
        """Wait until something is true, of the server or of what the test can see besides; returns it."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0:
                    recent = "\n".join(f"{c.method} {c.values} -> {c.code} {c.description}" for c in self.calls[-12:])
                    raise AssertionError(f"Nothing came within {timeout} s. The last calls:\n{recent}")
                self._changed.wait(min(left, 0.05))
            return value

    def messages(self, chat: int, kind: str = "") -> list[Values]:
        """What the bot's messages in a chat are now, oldest first; `kind` is text, photo or document."""
        with self._changed:
            found = [m for m in self.log.get(chat, {}).values() if m["from"]["is_bot"] and (not kind or kind in m)]
            return copy.deepcopy(found)

    def last(self, chat: int, kind: str = "") -> Values | None:
        return next(iter(self.messages(chat, kind)[::-1]), None)

    def calls_of(self, *methods: str) -> list[Call]:
        with self._changed:
            return [call for call in self.calls if call.method in methods]

    @property
    def pending(self) -> int:
        """Updates that the bot has not acknowledged."""
        with self._changed:
            return len(self._updates)

    def file(self, file_id: str) -> bytes:
        return self.files[file_id]

    def number(self) -> int:
        """A message number; what is taken here is a message that the bot does not see."""
        return next(self._ids)

    def misbehave(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next calls of a method (`*` for any but getUpdates) go wrong."""
        with self._changed:
            self.faults += [(method, fault)] * times

    def undelivered(self) -> Values | None:
        """The next update for the webhook."""
        with self._changed:
            return self._updates[0] if self._open and self.webhook and self._updates else None

    def delivered(self, update: Values) -> None:
        with self._changed:
            self._updates.remove(update)
            self._changed.notify_all()

    # --- answering --------------------------------------------------------------------------------------------

    def fault_for(self, method: str) -> Fault:
        with self._changed:
            for index, (name, fault) in enumerate(self.faults):
                if name == method or (name == "*" and method != "getUpdates"):
                    del self.faults[index]
                    return fault
            return self.dice.choice(WEATHER) if self.dice.random() < self.weather else Fault()

    def answer(self, method: str, values: Values, files: dict[str, bytes], fault: Fault) -> tuple[int, Values]:
        """Do what is asked. Returns the HTTP status and the JSON."""
        call = Call(method, values, files, time.monotonic(), fault=fault)
        # What a call does and that it was made become visible at once.
        with self._changed:
            try:
                if fault.code:
                    raise ApiError(fault.code, fault.description or "fault", **fault.parameters)
                handler = getattr(self, f"_{method}", None)
                if handler is None:
                    raise ApiError(404, "Not Found")
                call.code, payload = 200, {"ok": True, "result": copy.deepcopy(handler(values, files))}
            except ApiError as error:
                call.code, call.description = error.code, error.description
                payload = {"ok": False, "error_code": error.code, "description": error.description}
                if error.parameters:
                    payload["parameters"] = error.parameters
            call.done = time.monotonic()
            if method != "getUpdates":
                self.calls.append(call)
            self._changed.notify_all()
        return call.code, payload

    def _getUpdates(self, values: Values, files: Any) -> list[Values]:
        if self.webhook:
            raise ApiError(
                409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first"
            )
        self._poll += 1
        mine, deadline = self._poll, time.monotonic() + float(values.get("timeout", 0))
        self._changed.notify_all()
        offset = int(values.get("offset", 0))
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        self._allowed = values.get("allowed_updates") or self._allowed
        while True:
            if self._allowed:
                self._updates = [u for u in self._updates if set(u) & set(self._allowed)]
            left = deadline - time.monotonic()
            if self._updates or left <= 0 or not self._open:
                return self._updates[: int(values.get("limit", 100))]
            self._changed.wait(min(left, 1.0))
            if self._poll != mine:
                raise ApiError(409, "Conflict: terminated by other getUpdates request")

    def _getMe(self, values: Values, files: Any) -> Values:
        return {
            **self.me,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def _setWebhook(self, values: Values, files: Any) -> bool:
        self.webhook = values if values.get("url") else {}
        if self.webhook:
            self._http.deliver()
        return True

    def _deleteWebhook(self, values: Values, files: Any) -> bool:
        if values.get("drop_pending_updates") in (True, "true"):
            self._updates.clear()
        self.webhook = {}
        return True

    def _setMyCommands(self, values: Values, files: Any) -> bool:
        scope = (values.get("scope") or {}).get("type", "default")
        self.commands[f"{scope}:{values.get('language_code', '')}"] = commands_of(values["commands"])
        return True

    def _sendChatAction(self, values: Values, files: Any) -> bool:
        self._place(values)
        if values.get("action") not in ACTIONS:
            raise bad("wrong parameter action in request")
        return True

    def _answerCallbackQuery(self, values: Values, files: Any) -> bool:
        query = str(values.get("callback_query_id"))
        if query not in self._queries:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if length(str(values.get("text", ""))) > CALLBACK_ANSWER:
            raise bad("MESSAGE_TOO_LONG")
        self._queries.discard(query)
        self.answers[query] = values
        return True

    def _sendMessage(self, values: Values, files: Any) -> Values:
        place = self._place(values)
        return self._post(place, values, {"text": text_of(values)})

    def _sendPhoto(self, values: Values, files: dict[str, bytes]) -> Values:
        place = self._place(values)
        content = {"photo": self._photo(self._upload(values, files, "photo")), "caption": caption_of(values)}
        return self._post(place, values, content)

    def _sendDocument(self, values: Values, files: dict[str, bytes]) -> Values:
        place = self._place(values)
        data = document_of(self._upload(values, files, "document"))
        document = {**self._keep(data), "file_name": values.get("file_name", "file")}
        return self._post(place, values, {"document": document, "caption": caption_of(values)})

    def _sendMediaGroup(self, values: Values, files: dict[str, bytes]) -> list[Values]:
        place = self._place(values)
        items = values.get("media") or []
        if not 2 <= len(items) <= 10:
            raise bad("Wrong number of items in the album" if items else "There are no messages to send")
        if values.get("reply_markup"):
            raise bad("reply markup is not allowed in albums")
        contents, album = [], str(next(self._ids))
        for item in items:
            data = self._upload(item, files, "media")
            media = {"photo": self._photo(data)} if item["type"] == "photo" else {"document": self._keep(data)}
            contents.append({**media, "caption": caption_of(item), "media_group_id": album})
        return [self._post(place, values, content, flood=not index) for index, content in enumerate(contents)]

    def _editMessageText(self, values: Values, files: Any) -> Values:
        message = self._mine(values)
        if "text" not in message:
            raise bad("there is no text in the message to edit")
        return self._edit(message, values, {"text": text_of(values)})

    def _editMessageCaption(self, values: Values, files: Any) -> Values:
        message = self._mine(values)
        if "text" in message:
            raise bad("there is no caption in the message to edit")
        return self._edit(message, values, {"caption": caption_of(values)})

    def _editMessageReplyMarkup(self, values: Values, files: Any) -> Values:
        return self._edit(self._mine(values), values, {})

    def _editMessageMedia(self, values: Values, files: dict[str, bytes]) -> Values:
        message, media = self._mine(values), values["media"]
        content = {"photo": self._photo(self._upload(media, files, "media")), "caption": caption_of(media)}
        message.pop("text", None)
        return self._edit(message, values, content)

    def _deleteMessage(self, values: Values, files: Any) -> bool:
        if self.log.get(self._place(values)["id"], {}).pop(int(values["message_id"]), None) is None:
            raise bad("message to delete not found")
        return True

    def _getFile(self, values: Values, files: Any) -> Values:
        file_id = str(values["file_id"])
        if file_id not in self.files:
            raise bad("wrong file_id or the file is temporarily unavailable")
        size = len(self.files[file_id])
        if size > 20 << 20:
            raise bad("file is too big")
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": size, "file_path": f"files/{file_id}"}

    # --- parts ------------------------------------------------------------------------------------------------

    def _place(self, values: Values) -> Values:
        try:
            place = self.chats[int(values.get("chat_id", 0))]
        except (KeyError, ValueError):
            raise bad("chat not found") from None
        if place["id"] in self.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if place.get("migrated_to"):
            raise ApiError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=place["migrated_to"],
            )
        return place

    def _post(self, place: Values, values: Values, content: Values, *, flood: bool = True) -> Values:
        if flood and self.strict_rates:
            self._check_rate(place)
        message = {"message_id": self.number(), "from": self.me, "chat": place, "date": int(time.time()), **content}
        if reply := values.get("reply_parameters"):
            replied = self.log.get(place["id"], {}).get(int(reply["message_id"]))
            if replied is None and not reply.get("allow_sending_without_reply"):
                raise bad("message to be replied not found")
            if replied is not None:
                message["reply_to_message"] = {k: v for k, v in replied.items() if k != "reply_to_message"}
        if keyboard := keyboard_of(values.get("reply_markup")):
            message["reply_markup"] = keyboard
        message = {key: value for key, value in message.items() if value != ""}
        self.log.setdefault(place["id"], {})[message["message_id"]] = message
        self.posted_at[message["message_id"]] = time.monotonic()
        return message

    def _check_rate(self, place: Values) -> None:
        interval = SECONDS_PRIVATE if place["type"] == "private" else SECONDS_GROUP
        wait = self._sent_at.get(place["id"], 0.0) + interval - time.monotonic()
        if wait > 0:
            seconds = int(wait) + 1
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        self._sent_at[place["id"]] = time.monotonic()

    def _mine(self, values: Values) -> Values:
        message = self.log.get(self._place(values)["id"], {}).get(int(values.get("message_id", 0)))
        if message is None:
            raise bad("message to edit not found")
        if not message["from"]["is_bot"]:
            raise bad("message can't be edited")
        return message

    def _edit(self, message: Values, values: Values, content: Values) -> Values:
        keyboard = keyboard_of(values.get("reply_markup"))
        before = {key: message.get(key, "") for key in content}
        if before == content and message.get("reply_markup") == keyboard:
            raise bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a "
                "current content and reply markup of the message"
            )
        message.update(content, edit_date=int(time.time()))
        message.pop("reply_markup", None)
        if keyboard:
            message["reply_markup"] = keyboard
        return message

    def _upload(self, values: Values, files: dict[str, bytes], name: str) -> bytes:
        given = values.get(name, "")
        if name in files:
            return files[name]
        if given.startswith("attach://") and given[9:] in files:
            return files[given[9:]]
        if given in self.files:
            return self.files[given]
        raise bad(f"there is no {name} in the request" if not given else "wrong file identifier/HTTP URL specified")

    def _keep(self, data: bytes) -> Values:
        file_id = f"AgAD{len(self.files):06d}"
        self.files[file_id] = data
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": len(data)}

    def _photo(self, data: bytes) -> list[Values]:
        kept, width, height = photo_of(data)
        return [{**self._keep(kept), "width": width, "height": height}]
