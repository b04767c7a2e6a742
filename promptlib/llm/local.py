"""A language model in this process: any chat model that transformers loads, from a folder or by its name.

It is loaded in the background when it is first asked, and works on one request at a time; who comes while it loads or
works is told that it is busy. Loads safetensors only and never runs code from a repository.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from promptlib.llm.engine import MAX_TOKENS, LanguageModel, within
from promptlib.llm.errors import LanguageModelError, ModelBusy


class LocalModel(LanguageModel):
    """A causal language model with its tokenizer.

    Args:
        name_or_path: a folder that `save_pretrained` wrote, or a name on the Hugging Face hub.
    """

    def __init__(self, name_or_path: str) -> None:
        self.id = name_or_path
        self._busy = threading.Lock()
        self._loading: threading.Thread | None = None
        self._parts: tuple[Any, Any] | None = None
        self._failure = ""

    def answer(self, instructions: str, message: str, seconds: float) -> str:
        model, tokenizer = self._loaded()
        if not self._busy.acquire(blocking=False):
            raise ModelBusy("it is at work on another request")
        until = time.monotonic() + seconds

        def work() -> str:
            try:
                return _generate(model, tokenizer, instructions, message, until - time.monotonic())
            finally:
                self._busy.release()

        return within(seconds, work)

    def _loaded(self) -> tuple[Any, Any]:
        """The model and its tokenizer; loading begins with the first call."""
        if self._parts is not None:
            return self._parts
        if self._failure:
            raise LanguageModelError(self._failure)
        with self._busy:
            if self._loading is None:
                self._loading = threading.Thread(target=self._load, name="easel-language-model-loading", daemon=True)
                self._loading.start()
        raise ModelBusy("it is being loaded")

    def _load(self) -> None:
        # Imports torch, which takes seconds.
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.id, trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                self.id, trust_remote_code=False, use_safetensors=True, dtype="auto", device_map="auto"
            )
        except Exception as error:  # noqa: BLE001  transformers raises anything at all over a damaged folder
            self._failure = f"it cannot be loaded ({type(error).__name__}); check EASEL_LLM_MODEL"
            return
        self._parts = (model.eval(), tokenizer)


def _generate(model: Any, tokenizer: Any, instructions: str, message: str, seconds: float) -> str:
    if tokenizer.chat_template:
        chat = [{"role": "system", "content": instructions}, {"role": "user", "content": message}]
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    else:
        text = f"{instructions}\n\n{message}\n"
    given = tokenizer(text, return_tensors="pt", add_special_tokens=not tokenizer.chat_template).to(model.device)
    length = given["input_ids"].shape[1]
    room = getattr(model.config, "max_position_embeddings", length + MAX_TOKENS) - length
    if room < 1:
        raise LanguageModelError("its context is too short for a request")
    # Greedy: the same request is understood the same way.
    made = model.generate(
        **given,
        max_new_tokens=min(room, MAX_TOKENS),
        max_time=seconds,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
    )
    answer: str = tokenizer.decode(made[0, length:], skip_special_tokens=True)
    return answer
