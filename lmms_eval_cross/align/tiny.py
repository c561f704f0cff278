"""Tiny vision-language models with random weights, made from configuration: for the tests and `make tune-demo`.

They have the real classes, processors and templates' shape of their families, and know nothing. No download is needed:
the tokenizer is learnt from the texts that are given.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PATCH: Final = 14
SIDE: Final = 56
"""Pixels of a picture's side: 4 x 4 patches."""
VOCABULARY: Final = 2048
WIDTH: Final = 64
END: Final = "<|im_end|>"
_ROLES: Final = ("<|pad|>", "<|im_start|>", END)
_TEMPLATE: Final = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}PICTURE"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML; blocks stand in the order in which they are given."""
_VISION: Final[Mapping[str, Any]] = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
}
_TEXT: Final[Mapping[str, Any]] = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.1,
    "tie_word_embeddings": False,
}


def write_tiny(family: str, folder: Path, texts: Iterable[str], seed: int = 0) -> Path:
    """Write a model of `family` (a key of FAMILIES) with its processor to `folder`; the same seed gives the same."""
    tokens, build = FAMILIES[family]
    tokenizer = _learn_tokenizer(texts, tokens)
    torch.manual_seed(seed)
    model, processor = build(tokenizer)
    model.generation_config.update(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _learn_tokenizer(texts: Iterable[str], tokens: Mapping[str, str]) -> Any:
    """A byte-level BPE tokenizer; `tokens` are the family's special tokens by the name that its processor uses."""
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learnt.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*_ROLES, *tokens.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learnt.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=learnt, pad_token="<|pad|>", eos_token=END, extra_special_tokens=dict(tokens)
    )


def _qwen(tokenizer: Any) -> tuple[Any, Any]:
    place = "<|vision_start|><|image_pad|><|vision_end|>"
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad")}
    edges = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    config = hf.Qwen2_5_VLConfig(
        text_config={**_TEXT, **_ends(tokenizer), "vocab_size": len(tokenizer), "rope_parameters": rope},
        vision_config={
            "depth": 2,
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=edges["vision_start"],
        vision_end_token_id=edges["vision_end"],
        tie_word_embeddings=False,
    )
    processor = hf.Qwen2_5_VLProcessor(
        image_processor=hf.Qwen2VLImageProcessor(min_pixels=SIDE * SIDE, max_pixels=4 * SIDE * SIDE),
        video_processor=hf.Qwen2VLVideoProcessor(),
        tokenizer=tokenizer,
        chat_template=_TEMPLATE.replace("PICTURE", place),
    )
    return hf.Qwen2_5_VLForConditionalGeneration(config), processor


def _llava(tokenizer: Any) -> tuple[Any, Any]:
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**_VISION, projection_dim=WIDTH),
        text_config=hf.LlamaConfig(**_TEXT, **_ends(tokenizer), vocab_size=len(tokenizer)),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=(SIDE // PATCH) ** 2,
    )
    pictures = hf.CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor = hf.LlavaProcessor(
        image_processor=pictures,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        image_token="<image>",
        num_additional_image_tokens=1,
        chat_template=_TEMPLATE.replace("PICTURE", "<image>"),
    )
    return hf.LlavaForConditionalGeneration(config), processor


def _internvl(tokenizer: Any) -> tuple[Any, Any]:
    config = hf.InternVLConfig(
        vision_config=hf.InternVLVisionConfig(**_VISION),
        text_config=hf.Qwen2Config(**_TEXT, **_ends(tokenizer), vocab_size=len(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=(SIDE // PATCH // 2) ** 2,
    )
    pictures = hf.GotOcr2ImageProcessor(size={"height": SIDE, "width": SIDE}, crop_to_patches=False)
    processor = hf.InternVLProcessor(
        image_processor=pictures,
        tokenizer=tokenizer,
        video_processor=hf.InternVLVideoProcessor(size={"height": SIDE, "width": SIDE}),
        image_seq_length=config.image_seq_length,
        chat_template=_TEMPLATE.replace("PICTURE", "<IMG_CONTEXT>"),
    )
    return hf.InternVLForConditionalGeneration(config), processor


def _ends(tokenizer: Any) -> dict[str, int]:
    return {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}


FAMILIES: Final[Mapping[str, tuple[Mapping[str, str], Callable[[Any], tuple[Any, Any]]]]] = {
    "qwen2_5_vl": (
        {
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
        },
        _qwen,
    ),
    "llava": ({"image_token": "<image>"}, _llava),
    "internvl": (
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
        _internvl,
    ),
}
"""Family -> its special tokens, by the names that its processor asks the tokenizer for, and its builder."""
