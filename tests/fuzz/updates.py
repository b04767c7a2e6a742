"""Updates as Telegram could send them, or as somebody could forge them: of every kind, with hostile words and bytes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

ME = "easel_test_bot"
PEOPLE, GROUPS = (1, 2, 66), (-100500, -7)

HOSTILE = (
    "'; DROP TABLE inbox; --",
    "{{7*7}} {0.__class__} %s%s%n ${jndi:ldap://x}",
    "$(touch /tmp/easel-was-here)",
    "`id` | cat /etc/passwd",
    "../../../../etc/passwd\0.png",
    "<script>alert(1)</script><b>",
    "__import__('os').system('x')",
    "\u202e\u0000\ufeff\ud800",
    "👩‍👩‍👧‍👦" * 50,
    "a" * 9000,
    "(" * 500 + "a:1.5" + ")" * 500,
    "--seed 99999999999999999999 a cat",
    "a cat --size 0x0 --count -1 --steps 1e9",
    "画" * 3000,
    "\n" * 1000,
    "<lora:../../x:9>, 1girl",
    "1" * 4000,
    "猫\u200b" * 500,
    "Negative prompt: x\nSteps: 99999999999, Seed: -1, Size: 999999x999999",
    "no " * 800,
    "\\x00 \\u0000 %00",
    "/",
    "/model ../../etc",
    "/model",
    "/block -1",
    "/unblock ''",
    "/safety threshold 0",
    "/safety sexual \u0661",
    "/report",
    "/raw ON",
    "/amount x",
    "/never " + "x," * 500,
    "/forget_me now",
    "/@" + ME,
    "/start@" + ME + " --",
    f"@{ME}",
    f"@{ME} 一只猫",
    "再红一点",
    "NaN",
    "∞",
)

big = st.integers(-(2**63), 2**63 - 1)
words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=200),
    st.text(st.characters(categories=("Cf", "Mn", "Cc", "Co", "Lo", "So")), max_size=60),
    st.builds("{} {}".format, st.sampled_from(HOSTILE), st.text(max_size=40)),
)
payloads = st.one_of(
    st.from_regex(r"[rafwdcogmnpszx](:[0-9]{1,20}){0,3}", fullmatch=True),
    st.builds("{}:{}:{}".format, st.sampled_from("rafwdcogmnpsz"), big, st.integers(-9, 99)),
    st.sampled_from(
        [f"{action}:{job}" for job in (1, 2, 3, 7) for action in "afwdcgnpz"]
        + ["r:1:5", "o:1:0", "s:1:1", "forget", "m:tiny", "m:"]
    ),
    words,
    st.text(max_size=64),
)
people = st.fixed_dictionaries(
    {"id": st.sampled_from(PEOPLE), "is_bot": st.booleans(), "first_name": st.text(max_size=20)},
    optional={"language_code": st.text(max_size=8), "username": st.text(max_size=32)},
)
private = st.sampled_from(PEOPLE).map(lambda number: {"id": number, "type": "private", "first_name": "P"})
groups = st.builds(
    lambda number, kind: {"id": number, "type": kind, "title": "G"},
    st.sampled_from(GROUPS),
    st.sampled_from(["group", "supergroup", "channel"]),
)
entities = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["mention", "bot_command", "url", "text_mention", "custom_emoji", "nonsense"]),
            "offset": st.integers(-5, 300),
            "length": st.integers(-5, 300),
        }
    ),
    max_size=3,
)
sizes = st.integers(0, 2**31)
photos = st.lists(
    st.fixed_dictionaries(
        {"file_id": st.text(min_size=1), "file_unique_id": st.text(), "width": sizes, "height": sizes}
    ),
    max_size=3,
)
documents = st.fixed_dictionaries(
    {"file_id": st.text(), "file_unique_id": st.text()},
    optional={"file_name": words, "mime_type": st.text(max_size=20), "file_size": big},
)
contents: dict[str, st.SearchStrategy[Any]] = {
    "text": words,
    "entities": entities,
    "photo": photos,
    "document": documents,
    "caption": words,
    "sticker": st.just(
        {"file_id": "x", "file_unique_id": "x", "width": 1, "height": 1, "is_animated": False, "is_video": False}
        | {"type": "regular"}
    ),
    "dice": st.just({"emoji": "🎲", "value": 1}),
    "location": st.just({"latitude": 1.5, "longitude": 2.5}),
    "new_chat_title": words,
    "left_chat_member": people,
    "migrate_to_chat_id": st.integers(-(10**12), -1),
    "sender_chat": groups,
    "via_bot": people,
    "media_group_id": st.text(max_size=9),
}


@st.composite
def messages(draw: st.DrawFn, depth: int = 1) -> dict[str, Any]:
    """A message; `migrate_to_chat_id` only sometimes, or every chat would have moved soon."""
    message = draw(
        st.fixed_dictionaries(
            {"message_id": st.integers(0, 2**31), "date": st.integers(0, 2**31), "chat": st.one_of(private, groups)},
            optional={"from": people, **contents},
        )
    )
    if message["chat"]["type"] == "private" and "from" in message:
        message["from"]["id"] = message["chat"]["id"]
    if depth and draw(st.booleans()):
        message["reply_to_message"] = draw(messages(depth - 1))
    return message


REQUESTS = ("a cat", "一只红苹果", "2 pictures of a dog", "a beheaded knight", "nude child", "再红一点", "make it blue")


@st.composite
def plain_messages(draw: st.DrawFn) -> dict[str, Any]:
    """What a guest or an admin may really send: it gets further than most."""
    person = draw(st.sampled_from(PEOPLE[:2]))
    who = {"id": person, "is_bot": False, "first_name": "P"}
    text = draw(st.one_of(st.sampled_from(REQUESTS), words.filter(len)))
    chat = {"id": person, "type": "private", "first_name": "P"}
    return {"message_id": draw(st.integers(1, 2**31)), "date": 1, "chat": chat, "from": who, "text": text}


@st.composite
def plain_presses(draw: st.DrawFn) -> dict[str, Any]:
    """A press under a message in one's own chat, with whatever data."""
    message = draw(plain_messages())
    return {"id": "1", "from": message["from"], "chat_instance": "1", "message": message, "data": draw(payloads)}


def _member(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    state = st.builds(lambda user: {"user": user, "status": "member"}, people)
    return st.fixed_dictionaries(
        {"chat": groups, "from": people, "date": st.just(1), "old_chat_member": state, "new_chat_member": state}
    )


queries = st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=20), "from": people, "chat_instance": st.just("1")},
    optional={
        "message": messages(0),
        "data": payloads,
        "inline_message_id": st.text(max_size=9),
        "game_short_name": words,
    },
)
reactions = st.fixed_dictionaries(
    {
        "chat": st.one_of(private, groups),
        "message_id": st.integers(0, 2**31),
        "date": st.just(1),
        "old_reaction": st.just([]),
        "new_reaction": st.just([{"type": "emoji", "emoji": "👍"}]),
    },
    optional={"user": people, "actor_chat": groups},
)
KINDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "message": st.one_of(messages(), plain_messages()),
    "edited_message": messages(),
    "channel_post": messages(),
    "edited_channel_post": messages(),
    "business_message": messages(),
    "callback_query": st.one_of(queries, plain_presses()),
    "inline_query": st.fixed_dictionaries({"id": st.text(), "from": people, "query": words, "offset": st.text()}),
    "chosen_inline_result": st.fixed_dictionaries({"result_id": st.text(), "from": people, "query": words}),
    "shipping_query": st.builds(
        lambda user: {
            "id": "1",
            "from": user,
            "invoice_payload": "x",
            "shipping_address": {
                "country_code": "DE",
                "state": "",
                "city": "",
                "street_line1": "",
                "street_line2": "",
                "post_code": "",
            },
        },
        people,
    ),
    "pre_checkout_query": st.builds(
        lambda user: {"id": "1", "from": user, "currency": "XTR", "total_amount": 1, "invoice_payload": "x"}, people
    ),
    "poll_answer": st.builds(lambda user: {"poll_id": "1", "user": user, "option_ids": [0]}, people),
    "my_chat_member": _member("my"),
    "chat_member": _member("other"),
    "chat_join_request": st.builds(
        lambda user, chat: {"chat": chat, "from": user, "date": 1, "user_chat_id": user["id"]}, people, groups
    ),
    "message_reaction": reactions,
    "chat_boost": st.builds(
        lambda user, chat: {
            "chat": chat,
            "boost": {
                "boost_id": "1",
                "add_date": 1,
                "expiration_date": 2,
                "source": {"source": "premium", "user": user},
            },
        },
        people,
        groups,
    ),
    "nonsense": st.dictionaries(st.text(max_size=9), st.one_of(big, words), max_size=3),
}

#: Messages and presses are what reaches the most code.
kinds = st.one_of(
    st.sampled_from(["message", "message", "callback_query", "callback_query"]), st.sampled_from([*KINDS])
)
updates = kinds.flatmap(lambda kind: KINDS[kind].map(lambda content: {kind: content}))
