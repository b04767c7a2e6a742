"""Words: the prompt library, its index, understanding requests, and writing prompts.

Knows nothing of pictures (`pipeline`) and nothing of chats (`bot`).
"""
