"""A language model in this process: real transformers classes, tiny, one babbling, one that learned an answer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from test_llm_endpoint import GOOD, REQUEST, noted

from promptlib.llm import LanguageModelReader
from promptlib.llm.breaker import CircuitBreaker
from promptlib.llm.errors import LanguageModelError, ModelBusy
from promptlib.llm.local import LocalModel
from promptlib.llm.reader import instructions
from promptlib.understanding import understand

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
#: Instructions that are learned in a second.
SHORT = "Read."


def tokenizer(folder: Path) -> object:
    """A byte-level BPE tokenizer, trained on our own instructions."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    marks = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([instructions(), *[GOOD] * 50], vocab_size=1500, special_tokens=marks, show_progress=False)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, pad_token=marks[0], eos_token=marks[1], chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)
    return fast


@pytest.fixture(scope="module")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 with random weights."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder = tmp_path_factory.mktemp("babbler")
    words = len(tokenizer(folder))  # type: ignore[arg-type]
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=words,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=8192,
        eos_token_id=1,
        pad_token_id=0,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama that learned one answer by heart, from its own chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("learned")
    words = tokenizer(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),  # type: ignore[arg-type]
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=8192,
        eos_token_id=1,
        pad_token_id=0,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    message = json.dumps({"message": REQUEST, "previous": None}, ensure_ascii=False)
    chat = [{"role": "system", "content": SHORT}, {"role": "user", "content": message}]
    prompt = words.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)  # type: ignore[attr-defined]
    given = words(prompt, add_special_tokens=False)["input_ids"]  # type: ignore[operator]
    answer = words(GOOD + "<|end|>", add_special_tokens=False)["input_ids"]  # type: ignore[operator]
    ids = torch.tensor([[*given, *answer]])
    labels = torch.tensor([[*[-100] * len(given), *answer]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0)
    for _ in range(400):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < 0.02:
            break
    model.save_pretrained(folder)
    return folder


def loaded(folder: Path | str) -> LocalModel:
    model = LocalModel(str(folder))
    with pytest.raises(ModelBusy, match="being loaded"):
        model.answer("i", "m", 1)
    assert model._loading is not None
    model._loading.join(60)
    return model


def test_a_local_model_that_knows_the_answer_is_used(learned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptlib.llm.reader.instructions", lambda: SHORT)
    brief = LanguageModelReader(loaded(learned), 60).understand(REQUEST)
    assert noted(brief) == ""
    assert [phrase.text for phrase in brief.phrases] == ["fluffy orange cat", "on wooden chair", "watercolor"]


def test_a_local_model_that_babbles_is_not(babbler: Path) -> None:
    model = loaded(babbler)
    reader = LanguageModelReader(model, 0.5)
    begun = time.monotonic()
    brief = reader.understand(REQUEST)
    assert time.monotonic() - begun < 5
    assert noted(brief)
    assert brief.phrases == understand(REQUEST).phrases


def test_while_a_model_loads_or_works_others_do_not_wait_and_it_counts_as_no_failure(
    babbler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptlib.llm.local.MAX_TOKENS", 5)
    model = LocalModel(str(babbler))
    breaker = CircuitBreaker("m", limit=1)
    assert "being loaded" in noted(LanguageModelReader(model, 5, breaker).understand(REQUEST))
    assert breaker.may_try()
    assert model._loading is not None
    model._loading.join(60)
    with model._busy:
        assert "at work" in noted(LanguageModelReader(model, 5, breaker).understand(REQUEST))
    assert breaker.may_try()
    assert len(model.answer("i", "m", 30)) > 0
    assert not model._busy.locked()


@pytest.mark.parametrize("content", [None, b"{}", b"not json"], ids=["no folder", "empty config", "damaged"])
def test_a_model_that_cannot_be_loaded_is_told_once_and_left(tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "model"
    if content is not None:
        folder.mkdir()
        (folder / "config.json").write_bytes(content)
    model = loaded(folder)
    with pytest.raises(LanguageModelError, match=r"cannot be loaded .*EASEL_LLM_MODEL"):
        model.answer("i", "m", 1)


def test_weights_that_may_run_code_are_not_loaded(babbler: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    from safetensors.torch import load_file

    folder = Path(shutil.copytree(babbler, tmp_path / "pickled"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(LanguageModelError, match="cannot be loaded"):
        loaded(folder).answer("i", "m", 1)
