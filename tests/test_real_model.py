"""A real vision-language model class of lmms-eval answers `cross_demo`: tiny, with random weights, on the CPU."""

import sys
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.runs import read_results, read_samples

pytest.importorskip("decord", reason="decord is not installed: lmms-eval's llava_hf needs it (extra `models`)")

SAVE_TINY_LLAVA = """
import sys, torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (CLIPImageProcessor, CLIPVisionConfig, LlamaConfig, LlavaConfig,
                          LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast)

torch.manual_seed(0)
TEMPLATE = ("{% for message in messages %}{% for part in message['content'] %}"
            "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %} {% endfor %}{% endfor %}")
words = ["<pad>", "<s>", "</s>", "<unk>", "<image>", *(f"word{n}" for n in range(59))]
tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
                               unk_token="<unk>", additional_special_tokens=["<image>"])
vision = CLIPVisionConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                          image_size=28, patch_size=14, projection_dim=32)
text = LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                   num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2)
model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=4))
model.save_pretrained(sys.argv[1])
images = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
LlavaProcessor(images, fast, patch_size=14, vision_feature_select_strategy="default", image_token="<image>",
               num_additional_image_tokens=1, chat_template=TEMPLATE).save_pretrained(sys.argv[1])
"""


def test_llava_answers_the_demo_with_its_pictures(
    run: Run, lmms_eval: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    weights = tmp_path / "tiny-llava"
    saved = run(sys.executable, "-c", SAVE_TINY_LLAVA, str(weights))
    assert saved.returncode == 0, saved.stderr
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    model = ["--model", "llava_hf", "--model_args", f"pretrained={weights},device=cpu,device_map=cpu,dtype=float32"]
    options = ["--tasks", "cross_demo", "--gen_kwargs", "max_new_tokens=6", "--batch_size", "1"]
    done = lmms_eval(*model, *options, "--output_path", str(tmp_path / "out"), "--log_samples")
    assert done.returncode == 0, done.stderr
    samples = read_samples(tmp_path / "out")
    assert len(samples) == 12
    assert all("word" in sample["cross"]["response"] for sample in samples), "the model itself spoke"
    (values,) = read_results(tmp_path / "out")["results"].values()
    assert values["coverage,none"] == 100
    assert "OFFLINE JUDGE: not a measurement" in values["alias"]
