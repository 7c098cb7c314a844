"""Words: those of a Debian word list, where one is installed, and made-up ones.

The list (package wamerican-huge) is read when text is made and is no part of this
project. One word in eight is reserved: it comes in held-out problems alone.
"""

from __future__ import annotations

import random
import re
from functools import lru_cache
from pathlib import Path
from zlib import crc32

LIST = Path("/usr/share/dict/american-english-huge")
PACKAGE = "wamerican-huge"
RESERVED = 8  # one word in so many
STARTS = ["b", "bl", "br", "c", "ch", "cr", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r", "s", "sh", "sl", "st", "t", "tr", "v", "w", "z", ""]
VOWELS = ["a", "e", "i", "o", "u", "ee", "oo", "ai", "y"]
ENDS = ["", "", "n", "r", "l", "s", "t", "ll", "ss", "rr", "tt", "nd", "x", "m", "p", "ck"]


@lru_cache(maxsize=None)
def listed() -> tuple[str, ...]:
    """The list's words of 3 to 12 plain small letters; none where the package is missing."""
    if not LIST.exists():
        return ()
    return tuple(word for word in LIST.read_text().split("\n") if re.fullmatch(r"[a-z]{3,12}", word))


def reserved(word: str) -> bool:
    """Whether the word is for held-out problems alone."""
    return crc32(word.lower().encode()) % RESERVED == 0


def made_up(rng: random.Random) -> str:
    """A word that sounds like one, or letters at random."""
    if rng.random() < 0.3:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(3, 11)))
    word = "".join(rng.choice(STARTS) + rng.choice(VOWELS) + rng.choice(ENDS) for _ in range(rng.randrange(1, 4)))
    return word[:12] if len(word) > 2 else word + "ng"


def random_word(rng: random.Random, held_out: bool = False) -> str:
    """A word of the list, two times of three, or a made-up one; from the reserved ones or from the others."""
    while True:
        word = rng.choice(listed()) if listed() and rng.random() < 0.67 else made_up(rng)
        if reserved(word) == held_out:
            return word
