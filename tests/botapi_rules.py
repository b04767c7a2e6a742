"""What Telegram refuses, and in which words: the limits of the Bot API, checked on plain values.

Knows nothing of HTTP and keeps nothing. Lengths are counted in UTF-16 code units, the stricter of the two readings
of "characters".
"""

from __future__ import annotations

import html.parser
import io
import re
from typing import Any

from PIL import Image

TEXT, CAPTION, CALLBACK_DATA, CALLBACK_ANSWER = 4096, 1024, 64, 200
PHOTO_BYTES, PHOTO_SIDES, PHOTO_RATIO, FILE_BYTES = 10 << 20, 10_000, 20, 50 << 20
ACTIONS = {
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
}  # fmt: skip
MARKDOWN_RESERVED = set("_*[]()~`>#+-=|{}.!")


class ApiError(Exception):
    """An answer other than 200; `parameters` are Telegram's ResponseParameters."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad(description: str) -> ApiError:
    return ApiError(400, f"Bad Request: {description}")


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


class _Html(html.parser.HTMLParser):
    """Telegram's HTML: a few tags, all of them closed."""

    ALLOWED = frozenset(
        [
            "b",
            "strong",
            "i",
            "em",
            "u",
            "ins",
            "s",
            "strike",
            "del",
            "a",
            "code",
            "pre",
            "span",
            "tg-spoiler",
            "tg-emoji",
        ]
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.plain = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.ALLOWED:
            offset = len(self.plain.encode())
            raise bad(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {offset}')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise bad("can't parse entities: Unexpected end tag at byte offset " + str(len(self.plain.encode())))

    def handle_data(self, data: str) -> None:
        self.plain += data


def parse(text: str, parse_mode: str | None) -> str:
    """The plain text that remains of a marked-up one."""
    if not parse_mode:
        return text
    if parse_mode.lower() == "html":
        parser = _Html()
        parser.feed(text)
        parser.close()
        if parser.open:
            raise bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{parser.open[-1]}\"")
        return parser.plain
    if parse_mode.lower() == "markdownv2":
        return _markdown(text)
    raise bad("unsupported parse_mode")


def _markdown(text: str) -> str:
    """MarkdownV2: marks come in pairs, every other reserved character is escaped."""
    plain, marks, position = "", "", 0
    while position < len(text):
        character = text[position]
        if character == "\\" and position + 1 < len(text):
            position += 1
            plain += text[position]
        elif character in "*_~`|":
            marks = marks[:-1] if marks.endswith(character) else marks + character
        elif character in MARKDOWN_RESERVED:
            raise bad(
                f"can't parse entities: Character '{character}' is reserved and must be escaped with the preceding '\\'"
            )
        else:
            plain += character
        position += 1
    if marks:
        raise bad(f"can't parse entities: Can't find end of the entity starting with '{marks[-1]}'")
    return plain


def text_of(values: dict[str, Any]) -> str:
    text = parse(str(values.get("text", "")), values.get("parse_mode")).strip()
    if not text:
        raise bad("message text is empty")
    if length(text) > TEXT:
        raise bad("message is too long")
    return text


def caption_of(values: dict[str, Any]) -> str:
    caption = parse(str(values.get("caption", "")), values.get("parse_mode")).strip()
    if length(caption) > CAPTION:
        raise bad("message caption is too long")
    return caption


def keyboard_of(markup: Any) -> dict[str, Any] | None:
    """An inline keyboard whose buttons each have a text and one kind of effect."""
    if not markup:
        return None
    rows = markup.get("inline_keyboard")
    if not isinstance(rows, list):
        raise bad("object expected as reply markup")
    for button in (button for row in rows for button in row):
        if not button.get("text"):
            raise bad("inline keyboard button text must be non-empty")
        if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= CALLBACK_DATA:
            raise bad("BUTTON_DATA_INVALID")
        effects = ("callback_data", "url", "switch_inline_query", "switch_inline_query_current_chat", "copy_text")
        if sum(key in button for key in effects) != 1:
            raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    return {"inline_keyboard": rows} if any(rows) else None


def photo_of(data: bytes) -> tuple[bytes, int, int]:
    """A photo as Telegram keeps it: recompressed, without metadata, at most 2560 pixels a side."""
    if len(data) > PHOTO_BYTES:
        raise bad(f"file of size {len(data)} bytes is too big for a photo; the maximum size is {PHOTO_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if width + height > PHOTO_SIDES or max(width, height) > PHOTO_RATIO * min(width, height):
                raise bad("PHOTO_INVALID_DIMENSIONS")
            kept = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise bad("IMAGE_PROCESS_FAILED") from error
    kept.thumbnail((2560, 2560))
    stream = io.BytesIO()
    kept.save(stream, "JPEG", quality=87)
    return stream.getvalue(), *kept.size


def document_of(data: bytes) -> bytes:
    if not data:
        raise bad("file must be non-empty")
    if len(data) > FILE_BYTES:
        raise ApiError(413, "Request Entity Too Large")
    return data


def commands_of(commands: list[dict[str, str]]) -> list[dict[str, str]]:
    for command in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= length(command["description"]) <= 256:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    if len(commands) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    return commands
