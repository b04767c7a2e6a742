"""Checks of what easel stands on: versions, settings, the home folder, the clock, the token, models."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path

from bot.doctor import BROKEN, NOTE, WARNING, Finding, Patient
from bot.settings import PREFIX, SETTINGS, Settings

#: The exact versions that the tests ran with; it lies beside a checkout, not in an installed package.
PINS = Path(__file__).parents[2] / "constraints.txt"
#: Free bytes below which painting soon fails, and below which one should make room.
TOO_LITTLE, LITTLE = 100 << 20, 1 << 30
#: Seconds that clocks may differ; Telegram's own answers bear a time.
SKEW = 120
TOKEN_SECONDS = 10.0


def check_versions(patient: Patient) -> Iterator[Finding]:
    """Python and all packages are those easel was tested with."""
    if sys.version_info[:2] != (3, 11):
        found = ".".join(map(str, sys.version_info[:2]))
        yield Finding(
            "versions", BROKEN, f"This is Python {found}; easel needs 3.11, so make its environment with that."
        )
    needed = [line for line in importlib.metadata.requires("easel") or () if "extra ==" not in line]
    missing = [name for line in needed if not _version(name := re.split(r"[\[<>=~! ;]", line)[0])]
    if missing:
        yield Finding("versions", BROKEN, f"Not installed: {', '.join(missing)}; install easel again.")
    if not PINS.exists():
        return
    pins = [line.strip().split("==") for line in PINS.read_text("utf-8").splitlines() if "==" in line]
    other = [f"{name} {have} (not {pin})" for name, pin in pins if (have := _version(name)) and not _same(have, pin)]
    if other:
        advice = "if something fails, run `pip install -c constraints.txt -e .`"
        yield Finding("versions", NOTE, f"Other than in the tests: {', '.join(other)}; {advice}.")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _same(version: str, pin: str) -> bool:
    """Builds for a certain processor, such as 2.13.0+cpu, are the same version."""
    return version.partition("+")[0] == pin.partition("+")[0]


def check_settings(patient: Patient) -> Iterator[Finding]:
    """The settings are known and fit together."""
    settings, known = patient.settings, [setting.variable for setting in SETTINGS]
    for name in sorted(patient.environ):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, 1)
            advice = f"did you mean {near[0]}?" if near else "see `easel settings list`."
            yield Finding("settings", WARNING, f"The environment variable {name} means nothing to easel; {advice}")
    for text in _contradictions(settings):
        yield Finding("settings", WARNING, text)
    if settings.log_level == "debug":
        text = "EASEL_LOG_LEVEL=debug writes what people say into the log; set it to info when the fault is found."
        yield Finding("settings", NOTE, text)
    file = settings.home / "easel.toml"
    if os.name == "posix" and file.exists() and "token" in file.read_text("utf-8") and file.stat().st_mode & 0o077:
        text = f"Others on this computer can read {file}, which holds the token; run `chmod 600 {file}`."
        yield Finding("settings", WARNING, text, lambda: _close(file))


def _close(file: Path) -> str:
    file.chmod(0o600)
    return f"Only you can read {file} now."


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.webhook_url and not settings.webhook_url.startswith("https://"):
        yield "EASEL_WEBHOOK_URL must begin with https://, or Telegram takes no webhook there; correct it."
    if settings.webhook_url and not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", settings.webhook_secret):
        yield "EASEL_WEBHOOK_SECRET may hold only letters, digits, _ and -, at most 256; choose another."
    if settings.webhook_secret and not settings.webhook_url:
        yield "EASEL_WEBHOOK_SECRET is set without EASEL_WEBHOOK_URL, so easel polls; set both or neither."
    if settings.telegram_token and not settings.admins:
        yield "EASEL_ADMINS is empty, so nobody can give the commands of an admin; set it to your Telegram id."
    if settings.metrics and not _is_local(settings.metrics.rpartition(":")[0]):
        yield f"EASEL_METRICS={settings.metrics} lets other computers read the figures; use 127.0.0.1."


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_home(patient: Patient) -> Iterator[Finding]:
    """The home folder can be written and its disk has room."""
    home = patient.settings.home
    if not home.exists():
        yield Finding("home", NOTE, f"{home} is not there yet; easel makes it when it first starts.")
        return
    for folder in (home, patient.settings.images, patient.settings.index):
        if not folder.exists():
            continue
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"easel")
        except OSError as error:
            text = f"{folder} cannot be written ({error.strerror}); allow writing there or set EASEL_HOME."
            yield Finding("home", BROKEN, text)
    free = shutil.disk_usage(home).free
    if free < LITTLE:
        text = f"Only {free / 2**20:.0f} MB are free at {home}; make room, or pictures can soon not be saved."
        yield Finding("home", BROKEN if free < TOO_LITTLE else WARNING, text)


def check_clock(patient: Patient) -> Iterator[Finding]:
    """The clock of this computer is plausible."""
    latest = [str(value) for (value,) in patient.rows("SELECT max(received) FROM inbox") if value]
    latest += [str(value) for (value,) in patient.rows("SELECT max(created) FROM jobs") if value]
    ahead = max((datetime.fromisoformat(value).timestamp() - time.time() for value in latest), default=0.0)
    if ahead > SKEW:
        text = f"The clock is {ahead / 60:.0f} minutes behind what the database was written with; set it right."
        yield Finding("clock", WARNING, text)
    if time.time() < datetime(2026, 1, 1, tzinfo=UTC).timestamp():
        yield Finding("clock", BROKEN, "The clock stands before 2026, so encrypted connections fail; set it right.")


def check_token(patient: Patient) -> Iterator[Finding]:
    """The token is set, and Telegram knows it."""
    token, server = patient.settings.telegram_token, patient.settings.telegram_api or "https://api.telegram.org"
    if not token:
        text = "EASEL_TELEGRAM_TOKEN is not set; the bot needs it, everything else does not. @BotFather gives one."
        yield Finding("token", NOTE, text)
        return
    if not re.fullmatch(r"[0-9]{5,}:[A-Za-z0-9_-]{20,}", token):
        yield Finding("token", BROKEN, "EASEL_TELEGRAM_TOKEN does not look like 123456:ABC…; copy it from @BotFather.")
        return
    if not patient.online:
        return
    import httpx

    try:
        answer = httpx.get(f"{server.rstrip('/')}/bot{token}/getMe", timeout=TOKEN_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The error's own words may hold the address, and in that stands the token.
        text = f"Telegram cannot be reached at {server} ({type(error).__name__}); check the network."
        yield Finding("token", BROKEN, text)
        return
    if answer.status_code in (401, 404):
        yield Finding("token", BROKEN, "Telegram refuses the token; check EASEL_TELEGRAM_TOKEN.")
    elif answer.status_code != 200:
        yield Finding("token", WARNING, f"Telegram answers with HTTP {answer.status_code}; try again in a while.")
    if stamp := answer.headers.get("date"):
        skew = abs(parsedate_to_datetime(stamp).timestamp() - time.time())
        if skew > SKEW:
            yield Finding("clock", WARNING, f"The clock is {skew:.0f} seconds off Telegram's; set it right.")


def check_models(patient: Patient) -> Iterator[Finding]:
    """The model's weights are here and can be read."""
    from pipeline.errors import ProfileError
    from pipeline.inspection import missing_download, problems
    from pipeline.profiles import BUILT_IN, load_profiles

    settings = patient.settings
    try:
        built_in, profiles = load_profiles(BUILT_IN), load_profiles(BUILT_IN, settings.models)
    except ProfileError as error:
        yield Finding("models", BROKEN, str(error))
        return
    if settings.model not in profiles:
        yield Finding("models", BROKEN, f"EASEL_MODEL={settings.model} is no model; see `easel models list`.")
    for model, profile in profiles.items():
        chosen = model == settings.model
        if not chosen and profile == built_in.get(model) and not Path(profile.source).exists():
            continue  # one of ours that nobody here wants
        for problem in problems(profile):
            advice = "fetch its weights again, or choose another model."
            yield Finding("models", BROKEN if chosen else WARNING, f"{model}: {problem}; {advice}")
        if chosen and missing_download(profile):
            yield Finding("models", NOTE, f"{model} is fetched from Hugging Face when it first paints.")


def check_embedder(patient: Patient) -> Iterator[Finding]:
    """The embedder is complete."""
    from promptlib.embeddings import get_embedder
    from promptlib.errors import EmbedderError

    try:
        embedder = get_embedder(patient.settings.embedder)
        if embedder.queries(["a red apple"]).shape != (1, embedder.dimension):
            yield Finding("embedder", BROKEN, "The embedder gives vectors of a wrong size; install easel again.")
    except EmbedderError as error:
        yield Finding("embedder", BROKEN, str(error))


def check_detector(patient: Patient) -> Iterator[Finding]:
    """Painted pictures are looked at for nudity."""
    from pipeline.safety import Detector, model_file

    path, unchecked = model_file(), patient.settings.safety_unchecked
    if path is None:
        text = f"No detector looks at pictures, so they are treated as EASEL_SAFETY_UNCHECKED says: {unchecked};"
        yield Finding("detector", NOTE, f'{text} pip install "easel[safety]" brings one.')
        return
    try:
        Detector(path)
    except Exception as error:  # noqa: BLE001 (whatever onnxruntime raises)
        text = f"The detector cannot be loaded ({error}), so every picture counts as nude; install easel[safety] again."
        yield Finding("detector", BROKEN, text)
