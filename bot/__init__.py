"""Faces: the assistant, and how people reach it (Telegram, a terminal, the command line).

Stands on `promptlib` and `pipeline`; nobody imports it.
"""
