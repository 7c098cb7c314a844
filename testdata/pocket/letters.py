"""Letters of a word: counted, numbered, turned round and sorted, each time by spelling the word out."""

from __future__ import annotations

import random
from typing import Callable

import lexicon
from example import Example, boxed
from tokenizer import TOKENS

# Words that are one token: how they are spelt can only be learnt by heart, so they come often.
WHOLE = sorted({word for token in TOKENS if (word := token.decode(errors="ignore").strip().lower()).isascii() and word.isalpha() and 3 <= len(word) <= 12})
QUOTES = ["{w}", "{w}", '"{w}"', "'{w}'"]

COUNT = [
    "How many {l} are in {w}?", "How many {l}'s are in {w}?", "How many {l}s are in {w}?", "How many {l} are there in {w}?", "how many {l} in {w}", "How many times does {l} appear in {w}?",
    "How often does the letter {l} appear in {w}?", "Count the letter {l} in {w}.", "How many {l} are in the word {w}?", "How many letters {l} does {w} have?", "how many {l}'s are there in the word {w}?",
]
LENGTH = ["How many letters are in {w}?", "How many letters does {w} have?", "How long is the word {w}?", "Count the letters of {w}.", "How many letters are there in the word {w}?"]
REVERSE = ["Reverse {w}.", "Spell {w} backwards.", "Write {w} backwards.", "reverse {w}", "What is {w} backwards?", "Reverse the word {w}.", "Reverse the letters of {w}."]
SORT = ["Sort the letters of {w}.", "Put the letters of {w} in alphabetical order.", "Sort the letters in {w}.", "sort the letters of {w} alphabetically"]
SPELL = ["Spell {w}.", "How do you spell {w}?", "spell {w}", "Spell the word {w}."]
PLACE = ["What is letter {n} of {w}?", "Which letter is number {n} in {w}?", "What is letter number {n} in the word {w}?"]
ENDS = ["What is the {n} letter of {w}?", "Which is the {n} letter in {w}?"]


def pick(rng: random.Random, held_out: bool, most: int = 12) -> str:
    """A word of at most so many letters; in training now and then one that is a single token, which is never held out."""
    while True:
        whole = not held_out and bool(WHOLE) and rng.random() < 0.2
        word = rng.choice(WHOLE) if whole else lexicon.random_word(rng, held_out)
        if len(word) <= most and (whole or word not in WHOLE):
            return word


def asked(rng: random.Random, phrases: list[str], word: str, **more: object) -> str:
    """A question about the word, which may stand in quotes or begin with a capital."""
    shown = word.capitalize() if rng.random() < 0.1 else word
    return rng.choice(phrases).format(w=rng.choice(QUOTES).format(w=shown), **more)


def numbered(word: str) -> str:
    """Each letter with its place."""
    return " ".join(f"{letter}{place}" for place, letter in enumerate(word, 1))


def finish(question: str, word: str, reasoning: str, text: str, value: object) -> Example:
    """An example; its key is the word, so that nothing is asked in training of one that is held out."""
    return Example("letters", question, reasoning, boxed(text, value), str(value), ("letters", word))


def count(rng: random.Random, held_out: bool = False) -> Example:
    """How often a letter comes in a word: the tally stands beside each letter."""
    word = pick(rng, held_out)
    letter = rng.choice(word) if rng.random() < 0.85 else rng.choice("abcdefghijklmnopqrstuvwxyz")
    tally, parts = 0, []
    for each in word:
        tally += each == letter
        parts.append(f"{each}{tally}")
    shown = letter.upper() if rng.random() < 0.1 else letter
    return finish(asked(rng, COUNT, word, l=shown), word, f"count {letter}: {' '.join(parts)}", f"{letter} in {word}: {tally}", tally)


def length(rng: random.Random, held_out: bool = False) -> Example:
    """How many letters a word has."""
    word = pick(rng, held_out)
    return finish(asked(rng, LENGTH, word), word, numbered(word), f"Letters in {word}: {len(word)}", len(word))


def reverse(rng: random.Random, held_out: bool = False) -> Example:
    """A word from its last letter to its first."""
    word = pick(rng, held_out, 10)
    back = " ".join(f"{letter}{place}" for place, letter in reversed(list(enumerate(word, 1))))
    return finish(asked(rng, REVERSE, word), word, f"{numbered(word)}\n{back}", f"{word} backwards: {word[::-1]}", word[::-1])


def sort(rng: random.Random, held_out: bool = False) -> Example:
    """The letters in order: each is put in its place among those before it."""
    word = pick(rng, held_out, 8)
    lines = [numbered(word), *(f"{word[i]}: {'-'.join(sorted(word[: i + 1]))}" for i in range(len(word)))]
    value = "".join(sorted(word))
    return finish(asked(rng, SORT, word), word, "\n".join(lines), f"{word} sorted: {value}", value)


def spell(rng: random.Random, held_out: bool = False) -> Example:
    """A word letter by letter."""
    word = pick(rng, held_out)
    return finish(asked(rng, SPELL, word), word, numbered(word), f"{word}: {'-'.join(word)}", "-".join(word))


def place(rng: random.Random, held_out: bool = False) -> Example:
    """The letter at a place."""
    word = pick(rng, held_out)
    if rng.random() < 0.4:
        at, question = rng.choice([(1, asked(rng, ENDS, word, n="first")), (len(word), asked(rng, ENDS, word, n="last"))])
    else:
        at = rng.randrange(1, len(word) + 1)
        question = asked(rng, PLACE, word, n=at)
    return finish(question, word, numbered(word), f"Letter {at} of {word}: {word[at - 1]}", word[at - 1])


MAKERS: list[Callable[[random.Random, bool], Example]] = [count, count, count, length, reverse, reverse, sort, spell, place]


def random_example(rng: random.Random, held_out: bool = False) -> Example:
    """A question about the letters of a word."""
    return rng.choice(MAKERS)(rng, held_out)
