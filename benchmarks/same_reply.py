"""Tiny models that give one reply to everything, so that a real server has something to serve."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lmms_eval_cross.align.tiny import write_tiny

_ANSWER_BEGINS = "<|im_start|>assistant\n"


def write_seeing(folder: Path, reply: str) -> Path:
    """A Llava, which takes pictures, and says `reply` all the same."""
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    write_tiny("llava", folder, [reply])
    model = LlavaForConditionalGeneration.from_pretrained(folder)
    tokenizer = AutoProcessor.from_pretrained(folder).tokenizer
    _teach(model.lm_head.weight, model.model.language_model, _chain(tokenizer, reply))
    model.save_pretrained(folder)
    return folder


def write_blind(folder: Path, reply: str) -> Path:
    """A Llama of texts alone, with the other's tokenizer and template."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(write_tiny("llava", folder / "seeing", [reply]))
    tokenizer = processor.tokenizer
    tokenizer.chat_template = processor.chat_template
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=len(tokenizer), max_position_embeddings=4096))
    _teach(model.lm_head.weight, model.model, _chain(tokenizer, reply))
    model.generation_config.update(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder / "blind")
    tokenizer.save_pretrained(folder / "blind")
    path = folder / "blind" / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("processor_class", None)  # the Llava's, which wants pictures
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder / "blind"


def _chain(tokenizer: Any, reply: str) -> list[int]:
    """The tokens from the last one of a question to the end of the reply."""
    start = tokenizer(_ANSWER_BEGINS)["input_ids"][-1]
    chain = [start, *tokenizer(reply)["input_ids"], tokenizer.eos_token_id]
    if len({*chain}) < len(chain):
        raise ValueError(f"each token of {reply!r} may stand in it once")
    return chain


def _teach(head: Any, text: Any, chain: Sequence[int]) -> None:
    """Set weights by which each token of a chain is followed by the next one, whatever stands before it."""
    with torch.no_grad():
        for layer in text.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        text.embed_tokens.weight.zero_()
        head.zero_()
        for place, token in enumerate(chain[:-1]):
            text.embed_tokens.weight[token, place] = 1
            head[chain[place + 1], place] = 10
