"""The pocket model's tokenizer: byte-level BPE, learnt from the recipe's own text.

Ids 0..255 are the bytes, then come merged tokens, then the specials of the
DeepSeek-R1 chat format, then unused specials up to VOCAB_SIZE. Every digit is
a token of its own; what stands between digits is one piece, so that a token may
span words ("; have "). `tokenizer.py` learns the merges anew and writes merges.json.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

VOCAB_SIZE = 640
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
MERGES_FILE = Path(__file__).with_name("merges.json")
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

Merge = tuple[bytes, bytes]


def pieces(text: str) -> list[str]:
    """Text cut so that each digit is a piece and merges never touch one."""
    return re.findall(r"[0-9]|[^0-9]+", text)


def merge_pair(symbols: list[bytes], pair: Merge) -> list[bytes]:
    """Symbols with every occurrence of the pair joined, from the left."""
    out: list[bytes] = []
    i = 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def learn(texts: list[str], count: int) -> list[Merge]:
    """`count` merges, each the most frequent pair of neighbours (the smaller bytes among equals)."""
    words = Counter(piece for text in texts for piece in pieces(text) if not piece.isdigit())
    split = {word: [bytes([b]) for b in word.encode()] for word in words}
    merges: list[Merge] = []
    while len(merges) < count:
        pairs: Counter[Merge] = Counter()
        for word, symbols in split.items():
            for pair in zip(symbols, symbols[1:]):
                if len(pair[0]) + len(pair[1]) <= LONGEST:
                    pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, symbols in split.items():
            split[word] = merge_pair(symbols, best)
    return merges


def read_merges() -> list[Merge]:
    """The learnt merges, in order."""
    if not MERGES_FILE.exists():
        return []
    return [(bytes.fromhex(a), bytes.fromhex(b)) for a, b in json.loads(MERGES_FILE.read_text())]


MERGES = read_merges()
RANKS = {pair: rank for rank, pair in enumerate(MERGES)}
TOKENS = [bytes([b]) for b in range(256)] + [a + b for a, b in MERGES]
IDS = {token: i for i, token in enumerate(TOKENS)}


@lru_cache(maxsize=1 << 16)
def encode_piece(piece: str) -> tuple[int, ...]:
    """Ids of one piece: the earliest learnt merge first, leftmost among equals."""
    symbols = [bytes([b]) for b in piece.encode()]
    while len(symbols) > 1:
        best = min(zip(symbols, symbols[1:]), key=lambda pair: RANKS.get(pair, len(RANKS)))
        if best not in RANKS:
            break
        symbols = merge_pair(symbols, best)
    return tuple(IDS[symbol] for symbol in symbols)


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
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
        "vocab": {spelled(token): i for i, token in enumerate(TOKENS)},
        "merges": [[spelled(a), spelled(b)] for a, b in MERGES],
    }
    split = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "[0-9]"}, "behavior": "Isolated", "invert": False},
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
    examples = [data.random_example(rng) for _ in range(6000)]
    texts = [part for e in examples for part in (e.question, e.plain_reasoning() + "\n", "\n\n" + e.answer)]
    merges = learn(texts, FIRST_SPECIAL - 256)
    MERGES_FILE.write_text("[\n" + ",\n".join(json.dumps([a.hex(), b.hex()]) for a, b in merges) + "\n]\n")
    print(f"{len(merges)} merges; the last: {[(a + b).decode(errors='replace') for a, b in merges[-10:]]}")


if __name__ == "__main__":
    main()
