"""All checks by name, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Mapping

from bot.doctor import Check, data, setup

CHECKS: Mapping[str, Check] = {
    "versions": setup.check_versions,
    "settings": setup.check_settings,
    "home": setup.check_home,
    "clock": setup.check_clock,
    "token": setup.check_token,
    "models": setup.check_models,
    "embedder": setup.check_embedder,
    "detector": setup.check_detector,
    "database": data.check_database,
    "words": data.check_words,
    "index": data.check_index,
    "jobs": data.check_jobs,
    "pictures": data.check_pictures,
    "leftovers": data.check_leftovers,
}

#: Those that concern the prompt library alone.
LIBRARY: Mapping[str, Check] = {name: CHECKS[name] for name in ("database", "words", "index")}
