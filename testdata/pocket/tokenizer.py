"""The pocket model's tokenizer: one token for each byte, and a few special ones.

Ids 0..255 are the bytes themselves, then come the specials of the DeepSeek-R1
chat format, then unused specials up to a vocabulary that is a multiple of 32.
"""

from __future__ import annotations

import json
from pathlib import Path

BOS, EOS, USER, ASSISTANT, THINK, END_THINK = range(256, 262)
VOCAB_SIZE = 288
SPECIALS = [
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<think>",
    "</think>",
]

# The R1 conversation: no space or newline between the parts, past reasoning
# dropped, and the answer made to begin with "<think>\n".
CHAT_TEMPLATE = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}"
    "{% set content = message['content'] %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{ '<｜Assistant｜>' + content + eos_token }}"
    "{% else %}{{ message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"
)


def special_text(token: int) -> str:
    """The text of a token from 256 on."""
    known = token - 256
    return SPECIALS[known] if known < len(SPECIALS) else f"<｜unused{token}｜>"


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in a byte-level BPE vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(spare)) for b in range(256)]


def encode(text: str) -> list[int]:
    """Token ids of plain text: its UTF-8 bytes. Specials are ids of their own, never text here."""
    return list(text.encode())


def decode(tokens: list[int]) -> str:
    """Text of token ids, specials spelled out."""
    out = bytearray()
    for token in tokens:
        out += bytes([token]) if token < 256 else special_text(token).encode()
    return out.decode(errors="replace")


def write(folder: Path, context: int) -> None:
    """Writes tokenizer.json and tokenizer_config.json."""
    added = [
        {"id": token, "content": special_text(token), "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False, "special": True}
        for token in range(256, VOCAB_SIZE)
    ]
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
        "vocab": {char: byte for byte, char in enumerate(byte_alphabet())}, "merges": [],
    }
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": model,
    }
    config = {
        "bos_token": SPECIALS[0], "eos_token": SPECIALS[1], "add_bos_token": True, "add_eos_token": False,
        "clean_up_tokenization_spaces": False, "model_max_length": context,
        "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": CHAT_TEMPLATE,
    }
    for name, content in (("tokenizer.json", tokenizer), ("tokenizer_config.json", config)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
