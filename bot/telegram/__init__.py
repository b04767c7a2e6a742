"""Telegram: turns its updates into plain messages, and what is to be posted into its calls.

The only package that knows telegram. `app` runs the bot, `reading` reads updates, `wire` posts, `calls` keeps within
what Telegram bears and tells what a failure means. What is said, and what happens, stands elsewhere.
"""

from bot.telegram.app import TelegramBot, main
from bot.telegram.wire import TelegramWire

__all__ = ["TelegramBot", "TelegramWire", "main"]
