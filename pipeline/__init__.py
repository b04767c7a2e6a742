"""Pictures: model profiles, jobs, the queue, the worker, and the backends that run models.

Knows nothing of words (`promptlib`) and nothing of chats (`bot`).
"""
