"""The pocket model's tokenizer: whole words and single bytes, learnt from the recipe's own text.

Ids 0..255 are the bytes, then come whole words (with the space after them) and
what stands between words and digits, then the specials of the DeepSeek-R1 chat
format, then unused specials up to VOCAB_SIZE. Every digit is a token of its own,
and a word that was not learnt is one token a letter, so that any word can be
spelt. As a Hugging Face file it is a byte-level BPE without merges whose pieces
are looked up whole (ignore_merges). `tokenizer.py` learns the words anew and
writes pieces.json.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

VOCAB_SIZE = 1024
SPECIALS = [
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<think>",
    "</think>",
]
FIRST_SPECIAL = VOCAB_SIZE - 16
BOS, EOS, USER, ASSISTANT, THINK, END_THINK = range(FIRST_SPECIAL, FIRST_SPECIAL + 6)
PIECES_FILE = Path(__file__).with_name("pieces.json")
LONGEST = 16  # bytes of a token

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

PIECE = r"[A-Za-z]+ ?|[0-9]|[^0-9A-Za-z]+"  # a word and the space after it, a digit, or what stands between


def pieces(text: str) -> list[str]:
    """Text cut into what can be a token of its own."""
    return re.findall(PIECE, text)


def learn(texts: list[str], count: int) -> list[bytes]:
    """The `count` pieces that spare most bytes (the smaller ones among equals), in order of their bytes. No letter is one together with a space: letters that are spelt out stay alike."""
    seen = Counter(piece for text in texts for piece in pieces(text))
    spared = {piece.encode(): times * (len(piece.encode()) - 1) for piece, times in seen.items() if not re.fullmatch("[A-Za-z] ?", piece) and 1 < len(piece.encode()) <= LONGEST}
    return sorted(sorted(spared, key=lambda piece: (-spared[piece], piece))[:count])


def read_learnt() -> list[bytes]:
    """The learnt pieces, in order."""
    return [piece.encode() for piece in json.loads(PIECES_FILE.read_text())] if PIECES_FILE.exists() else []


LEARNT = read_learnt()
TOKENS = [bytes([b]) for b in range(256)] + LEARNT
IDS = {token: i for i, token in enumerate(TOKENS)}


@lru_cache(maxsize=1 << 16)
def encode_piece(piece: str) -> tuple[int, ...]:
    """Ids of one piece: one if it was learnt, else its bytes."""
    raw = piece.encode()
    return (IDS[raw],) if raw in IDS else tuple(raw)


def encode(text: str) -> list[int]:
    """Token ids of plain text. Specials are ids of their own, never text here."""
    return [token for piece in pieces(text) for token in encode_piece(piece)]


def special_text(token: int) -> str:
    """The text of a special token."""
    known = token - FIRST_SPECIAL
    return SPECIALS[known] if known < len(SPECIALS) else f"<｜unused{token}｜>"


def decode(tokens: list[int]) -> str:
    """Text of token ids, specials spelled out."""
    return b"".join(TOKENS[t] if t < FIRST_SPECIAL else special_text(t).encode() for t in tokens).decode(errors="replace")


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in a byte-level BPE vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(spare)) for b in range(256)]


def write(folder: Path, context: int) -> None:
    """Writes tokenizer.json and tokenizer_config.json."""
    alphabet = byte_alphabet()

    def spelled(token: bytes) -> str:
        return "".join(alphabet[b] for b in token)

    added = [
        {"id": token, "content": special_text(token), "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False, "special": True}
        for token in range(FIRST_SPECIAL, VOCAB_SIZE)
    ]
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
        "vocab": {spelled(token): i for i, token in enumerate(TOKENS)},
        "merges": [],
    }
    split = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": PIECE}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ]}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": split, "post_processor": None,
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


def main() -> None:
    import random

    import data

    rng = random.Random(7)
    examples = [data.random_example(rng) for _ in range(40000)]
    # Of what is to be refused and of words that are spelt out, the questions' words are of every kind: they stay letters.
    texts = [part for e in examples if e.task != "letters" for part in (e.question * (not e.task.startswith("outside")), e.plain_reasoning() + "\n", "\n\n" + e.answer)]
    learnt = learn(texts, FIRST_SPECIAL - 256)
    PIECES_FILE.write_text(json.dumps([piece.decode() for piece in learnt], ensure_ascii=False, indent=0) + "\n")
    print(f"{len(learnt)} pieces")


if __name__ == "__main__":
    main()
