"""What easel promises when it is killed, when the network fails, and when many write at once, measured: `make chaos`.

The real bot process (`chaos_bot.py`) against the tests' Bot API server over HTTP. Prints a table and exits with 1 when
a promise is broken. Not a test: it takes minutes; a small version of each part is one, in `e2e/test_chaos.py`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botapi import BotApi

HERE = Path(__file__).parent
USERS = range(1, 6)
MODELS = """
[colour]
source = "nowhere/colour"
family = "colour"
dialect = "tags"
width = 32
height = 32
steps = 8
guidance = 2.0
"""
#: A repeated message counts as tolerated when the first of the two was posted this long before a kill, or later.
WINDOW = 1.0
HELP = "/help"
#: Where something of an answer may stand: the chat, and the message it replies to (0 for none).
Place = tuple[int, int, str]

OWED = """
    SELECT (SELECT count(*) FROM inbox WHERE answered = ''), (SELECT count(*) FROM deliveries WHERE done = ''),
        (SELECT count(*) FROM jobs WHERE status IN ('queued', 'running'))
"""


class Bot:
    """The bot process; can be killed and started again."""

    def __init__(self, api: BotApi, home: Path, **environ: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "models.toml").write_text(MODELS)
        self.home, self.log = home, home.parent / "bot.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
        own = {"EASEL_HOME": str(home), "EASEL_TELEGRAM_TOKEN": api.token, "EASEL_TELEGRAM_API": api.url}
        path = os.pathsep.join([str(HERE.parent), str(HERE)])
        self._environ = {
            **kept,
            **own,
            "EASEL_MODEL": "colour",
            "EASEL_JOBS_WAITING": "0",
            "PYTHONPATH": path,
            **environ,
        }
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, str(HERE / "chaos_bot.py")]
            self.process = subprocess.Popen(command, env=self._environ, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def end(self) -> int:
        """Stop in good order; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()

    def owes(self) -> bool:
        """Whether anything that was stored is not answered, painted and delivered."""
        try:
            with closing(sqlite3.connect(f"file:{self.home / 'easel.db'}?mode=ro", uri=True, timeout=5)) as db:
                return any(db.execute(OWED).fetchone())
        except sqlite3.OperationalError:
            return True


@dataclass
class Tally:
    """What became of requests."""

    runs: int = 0
    kills: int = 0
    requests: int = 0
    lost: int = 0
    doubled: int = 0
    tolerated: int = 0
    left_over: int = 0
    exits: int = 0
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        return not (self.lost or self.doubled or self.exits)


class People:
    """Five users who ask for pictures, albums, talk and help, and press "again"; they know what they are owed."""

    def __init__(self, api: BotApi, dice: random.Random) -> None:
        self._api = api
        self._dice = dice
        self._owed: Counter[Place] = Counter()
        self._expected: Counter[Place] = Counter()
        self.asked = 0

    def ask(self, user: int) -> None:
        """One request of any kind."""
        self.asked += 1
        seen = [message for message in self._api.messages(user, "photo") if "reply_markup" in message]
        kind = self._dice.choice(["picture", "picture", "picture", "album", "talk", "help", "again"])
        if kind == "again" and seen:
            self._api.press(user, seen[-1], "🔁")
            self._owed[user, seen[-1]["message_id"], "photo"] += 1
        elif kind == "talk":
            self._owed[user, self._api.say(user, "你好")["message_id"], "text"] += 1
        elif kind == "help":
            self._api.say(user, HELP)
            self._owed[user, 0, "help"] += 1
        elif kind == "album":
            message = self._api.say(user, f"3 pictures of a red apple, seed {self.asked}", language_code="en")
            self._owed[user, message["message_id"], "photo"] += 3
            self._owed[user, 0, "buttons"] += 1
        else:
            message = self._api.say(user, f"one picture of a blue car, seed {self.asked}", language_code="en")
            self._owed[user, message["message_id"], "photo"] += 1

    def posted(self) -> dict[Place, list[float]]:
        """When which messages of the bot were posted that are still there."""
        found: dict[Place, list[float]] = {}
        for user in USERS:
            for message in self._api.messages(user):
                reply = message.get("reply_to_message", {}).get("message_id", 0)
                kind = "photo" if "photo" in message else "text"
                if not reply:
                    kind = "buttons" if "r:" in str(message.get("reply_markup")) else "help"
                found.setdefault((user, reply, kind), []).append(self._api.posted_at[message["message_id"]])
        return found

    def settle(self, tally: Tally, kills: list[float]) -> None:
        """Count what is missing and what is too much, and owe no more."""
        found = self.posted()
        for place in self._owed.keys() | found.keys():
            times, owed = sorted(found.get(place, [])), self._owed[place]
            if len(times) < owed:
                tally.lost += 1
                tally.details.append(f"lost: {place} {len(times)}/{owed}")
            elif len(times) > owed and owed == 0:
                tally.left_over += 1
                tally.details.append(f"left over: {place}")
            elif len(times) > owed:
                near = any(-0.1 < kill - at < WINDOW for kill in kills for at in times)
                tally.tolerated += near
                tally.doubled += not near
                tally.details.append(f"doubled: {place} {len(times)}/{owed} {'in the window' if near else ''}")
            self._owed[place] = len(times)


def wait_until(done: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return False


def settled(api: BotApi, bot: Bot) -> bool:
    return not api.pending and not bot.owes()


def killed(runs: int, folder: Path, seed: int = 0, patience: float = 90.0) -> Tally:
    """Requests, `kill -9` at a random moment, restart; again and again.

    Every third time the bot is killed once more while it recovers. One run is over when nothing is owed.
    """
    tally, dice, began = Tally(), random.Random(seed), time.monotonic()
    with BotApi() as api:
        bot, people = Bot(api, folder / "home"), People(api, dice)
        for _ in range(runs):
            kills = []
            asking = [threading.Timer(dice.uniform(0, 0.5), people.ask, (user,)) for user in USERS]
            for timer in asking:
                timer.start()
            for _ in range(1 + (dice.random() < 1 / 3)):
                time.sleep(dice.uniform(0, 2.5))
                bot.kill()
                kills.append(time.monotonic())
                bot.start()
            # Who has not asked yet is not owed anything yet: settling too early would count that answer as lost.
            for timer in asking:
                timer.join()
            wait_until(lambda: settled(api, bot), patience)
            people.settle(tally, kills)
            tally.runs, tally.kills = tally.runs + 1, tally.kills + len(kills)
        tally.requests, tally.seconds = people.asked, time.monotonic() - began
        api.say(USERS[0], HELP)  # a bot that answers is one that can be asked to end
        wait_until(lambda: settled(api, bot), patience)
        tally.exits += bot.end() != 0
    return tally


def stormy(requests: int, folder: Path, seed: int = 0, weather: float = 0.3, patience: float = 300.0) -> Tally:
    """Requests while a part of all calls is answered with 429, 5xx, time-outs and cuts, before and after doing them."""
    tally, dice, began = Tally(runs=1), random.Random(seed), time.monotonic()
    with BotApi() as api:
        api.dice.seed(seed)
        api.weather = weather
        bot, people = Bot(api, folder / "home"), People(api, dice)
        for number in range(requests):
            people.ask(USERS[number % len(USERS)])
            time.sleep(dice.uniform(0, 0.4))
        wait_until(lambda: settled(api, bot) or bot.process.poll() is not None, patience)
        tally.exits += bot.process.poll() is not None
        people.settle(tally, [])
        tally.requests, tally.seconds = people.asked, time.monotonic() - began
        bot.end()
    return tally


@dataclass
class Pace:
    """How fast the front took messages: per second, and seconds until a person was told so."""

    offered: float
    handled: float
    median: float
    late: float
    load: float


def front(seconds: float, rate: float, folder: Path, people: int = 100) -> Pace:
    """Offer messages at a rate, with painting switched off, and time what is said back."""
    with BotApi() as api:
        bot = Bot(api, folder / "home", CHAOS_STEP="")
        api.say(1, "a red apple")
        api.wait_for(lambda: api.last(1), 60)
        asked: dict[int, float] = {}
        began = time.monotonic()
        for number in range(int(seconds * rate)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            message = api.say(2 + number % people, f"a red apple, seed {number}")
            asked[message["message_id"]] = time.monotonic()
        answers: dict[int, float] = {}

        def told() -> bool:
            for user in range(2, 2 + people):
                for message in api.messages(user, "text"):
                    answers[message["reply_to_message"]["message_id"]] = api.posted_at[message["message_id"]]
            return len(answers) == len(asked)

        wait_until(told, 60)
        bot.kill()
    waits = sorted(answers[one] - asked[one] for one in answers)
    took = max(answers.values()) - began
    return Pace(rate, len(answers) / took, waits[len(waits) // 2], waits[int(len(waits) * 0.95)], os.getloadavg()[0])


def report(name: str, tally: Tally) -> str:
    head = f"{name:28} {tally.runs:5} {tally.kills:6} {tally.requests:9} {tally.lost:5} {tally.doubled:8}"
    return f"{head} {tally.tolerated:10} {tally.left_over:10} {tally.exits:6} {tally.seconds:8.0f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="kills, each with a restart")
    parser.add_argument("--requests", type=int, default=100, help="requests in bad weather")
    parser.add_argument("--seconds", type=float, default=20, help="how long messages are offered; 0: not at all")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="easel-chaos-"))
    print(f"{'':28}  runs  kills  requests  lost  doubled  in window  left over  exits  seconds", flush=True)
    tallies = []
    if given.runs:
        tallies.append(killed(given.runs, folder / "killed", given.seed))
        print(report("kill -9 at random moments", tallies[-1]), flush=True)
    if given.requests:
        tallies.append(stormy(given.requests, folder / "stormy", given.seed))
        print(report("30 % of calls go wrong", tallies[-1]), flush=True)
    kept = all(tally.kept for tally in tallies)
    for tally in tallies:
        print(*tally.details, sep="\n")
    if given.seconds:
        pace = front(given.seconds, 30, folder / "front")
        kept = kept and pace.handled >= 29 and pace.late < 0.2
        told = f"told after {pace.median * 1000:.0f} ms (median), {pace.late * 1000:.0f} ms (95th percentile)"
        print(
            f"front: {pace.handled:.1f} messages a second of {pace.offered:.0f} offered; {told}; load {pace.load:.1f}"
        )
    if kept:
        shutil.rmtree(folder)
    else:
        print(f"A promise was broken; the homes and logs are in {folder}.")
    return not kept


if __name__ == "__main__":
    sys.exit(main())
