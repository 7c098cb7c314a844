"""What Pocket cannot do, asked in ten kinds, and the honest sentences that answer.

The topics are words of lexicon.py, so that the model meets thousands of them and not a list it could learn by heart.
"""

from __future__ import annotations

import random
from typing import Callable

import lexicon
from example import Example
from words import NAMES

ANSWERS = [
    "I cannot help with that. I am a very small model and work with numbers and letters.",
    "That is beyond me, and I do not want to guess. Ask me a sum or a puzzle.",
    "I do not know that. I am too small a model for more than numbers, letters and short puzzles.",
    "Sorry, I cannot do that. I can work out sums, compare numbers and count letters.",
]
# The working names the kind in a word or two; the answer may be any of the sentences.
KINDS = ["facts", "opinions", "writing", "code", "languages", "markup", "garbage", "long text", "advice", "news"]

PLACES = ["France", "Japan", "Peru", "Egypt", "Canada", "London", "Rome", "Asia", "India", "Berlin", "Kenya", "Norway", "Chile", "Texas", "Spain", "Greece"]
LANGUAGES = ["French", "German", "Spanish", "Latin", "Italian", "Japanese", "Russian", "Dutch", "Polish", "Greek", "Chinese", "Arabic"]
CODES = ["Python", "C", "JavaScript", "Go", "Rust", "SQL", "HTML", "Java", "bash"]
FOREIGN = (
    "wie was wo ist das der die ein und nicht ich du bist heute morgen wetter schön haus gut kannst mir bitte sagen warum "
    "où est le la les un une je tu nous pourquoi comment bonjour merci temps maison livre aujourd'hui quel quelle "
    "qué es el los una yo tú cómo hola gracias tiempo casa libro hoy dónde por para cuando "
    "che cosa sono io sei oggi come stai perché grazie casa tempo libro dove hoe gaat het met jou waarom vandaag"
).split()
SCRIPTS = ["こんにちは", "元気ですか", "你好", "今天天气怎么样", "привет", "как дела", "что это", "γεια σου", "مرحبا", "안녕하세요", "שלום", "नमस्ते"]
FACTS = [
    "What is the capital of {p}?", "Who wrote {w}?", "Where is {p}?", "When was {n} born?", "Who invented the {w}?", "What is a {w}?", "What does {w} mean?", "Why is the {w} {v}?", "How does a {w} work?", "Who is {n}?",
    "Tell me about the {w}", "Who discovered {w}?", "What is the history of {p}?", "How old is the {w}?", "Explain {w}", "Describe the {w} of {p}.", "What is the population of {p}?", "In which year did {w} begin?",
    "What colour is a {w}?", "How many people live in {p}?", "What is the tallest {w} in the world?", "How far is {p} from {q}?", "Define {w}.", "what is {w}", "who was the king of {p}",
]
OPINIONS = ["What do you think about {w}?", "Do you like {w}?", "Is {w} better than {v}?", "What is your favourite {w}?", "What is the best {w}?", "Do you believe in {w}?", "Which {w} should win?", "Are you happy?", "Do you love {n}?", "Is {p} nice?", "What is the meaning of {w}?", "Do you have feelings about {w}?"]
WRITING = ["Write a poem", "Write a poem about {w}.", "Write a story about a {w}.", "Tell me a story", "Tell me a joke", "Tell me a joke about {w}.", "Write a song about {w} and {v}.", "Write an essay on {w}.", "Give me a haiku about {w}", "Write a letter to {n}.", "Make up a tale of a {w} in {p}.", "write a short poem for {n}", "Compose a limerick about {w}.", "Finish this sentence: the {w} was {v}", "Write an email to {n} about the {w}."]
CODE = ["Write a {c} function that {w}s a {v}.", "How do I sort a list in {c}?", "def {w}({v}): return {v}", "print('{w}')", "for i in range(10): {w}(i)", "SELECT {w} FROM {v};", "What is wrong with my {c} code?", "function {w}() {{ return {v}; }}", "Write {c} code for a {w}", "import {w}", "int main() {{ {w}(); }}", "const {w} = {v};", "Fix this {c} bug: {w} is not defined", "How do I install {w} in {c}?", "sudo apt install {w}", "git commit -m '{w} {v}'"]
MARKUP = ["<{w}>{v}</{w}>", "<div class=\"{w}\">{v}</div>", "<html><body>{w} {v}</body></html>", "<p>{w}</p>", "# {w}\n\n{v}", "**{w}** _{v}_", "[{w}](http://{v}.com)", "{{\"{w}\": \"{v}\"}}", "<a href=\"{w}.html\">{v}</a>", "| {w} | {v} |", "<script>{w}('{v}')</script>", "{w}: {v}\n{v}: {w}", "\\section{{{w}}}", "<img src='{w}.png'>", "<b>{w}</b>", "<!-- {w} -->"]
ADVICE = ["How do I cook {w}?", "Should I {w} my {v}?", "I feel {w} today", "My {w} hurts, what should I do?", "How can I learn {w}?", "What should I wear to the {w}?", "Can you recommend a {w}?", "How do I repair a {w}?", "Help me with my {w}", "Is {w} healthy?", "What should I tell {n}?", "Plan a trip to {p}.", "I am sad", "How do I get a {w} job in {p}?", "Give me a recipe for {w}", "How do I lose {w}?"]
NEWS = ["What is the weather in {p}?", "Who won the {w}?", "Who is the president of {p}?", "What happened in {p} today?", "What is the news?", "How is the {w} market?", "What is the price of {w} now?", "Is it raining in {p}?", "What day is it today?", "What time is it now?", "Who will win the {w} in {p}?", "When is the next {w}?", "Is {n} still alive?", "What is the score of the {w}?", "Who won the {w} in {y}?", "What happened in {y}?"]
TRANSLATE = ["Translate {w} to {l}.", "How do you say {w} in {l}?", "What is {w} in {l}?", "Speak {l}", "Do you speak {l}?", "Translate this into {l}: {w} {v}"]


def filled(rng: random.Random, phrases: list[str], held_out: bool) -> str:
    """One of the phrases with words in its gaps; carelessly typed now and then."""
    words = {name: lexicon.random_word(rng, held_out) for name in "wv"}
    p, q = rng.sample(PLACES, 2)
    text = rng.choice(phrases).format(**words, p=p, q=q, n=rng.choice(NAMES), l=rng.choice(LANGUAGES), c=rng.choice(CODES), y=rng.randrange(1500, 2030))
    return text.lower() if rng.random() < 0.15 else text.rstrip("?.") if rng.random() < 0.15 else text


def foreign(rng: random.Random, held_out: bool) -> str:
    """Another language, or a wish for a translation. Its words are few, so some of lexicon.py are among them."""
    if rng.random() < 0.35:
        return filled(rng, TRANSLATE, held_out)
    if rng.random() < 0.3:
        return " ".join(rng.choice(SCRIPTS) for _ in range(rng.randrange(1, 4))) + rng.choice([" ", "? "]) + lexicon.random_word(rng, held_out)
    words = [rng.choice(FOREIGN) for _ in range(rng.randrange(3, 8))]
    words.insert(rng.randrange(len(words) + 1), lexicon.random_word(rng, held_out))
    return " ".join(words).capitalize() + rng.choice(["", "?", "."])


def garbage(rng: random.Random, held_out: bool) -> str:
    """Keys struck at random, pasted codes, a word or signs alone."""
    word = lexicon.random_word(rng, held_out)
    kind = rng.random()
    if kind < 0.3:
        signs = "".join(rng.choice("!@#$%&*()[]{}<>/\\|;:~^_=+-.,'`\"") for _ in range(rng.randrange(3, 20)))
        return signs[: len(signs) // 2] + word + signs[len(signs) // 2 :]
    if kind < 0.5:
        return word + " " + "".join(rng.choice("0123456789abcdef") for _ in range(rng.randrange(8, 33)))
    if kind < 0.75:
        return " ".join("".join(rng.choice("asdfghjklqwertyuiopzxcvbnm") for _ in range(rng.randrange(3, 10))) for _ in range(rng.randrange(1, 5))) + " " + word
    return rng.choice([word, word.upper(), f"{word} {word}", f"{word}?", f"{word}!!!", f"http://{word}.org/{rng.randrange(1000)}"])


def long_text(rng: random.Random, held_out: bool) -> str:
    """A pasted passage without a question that Pocket could answer."""
    small = ["the", "a", "of", "and", "in", "to", "was", "with", "for", "it", "had", "on", "his", "her", "that"]
    sentences = []
    for _ in range(rng.randrange(3, 9)):
        words = [rng.choice(small) if i % 2 else lexicon.random_word(rng, held_out) for i in range(rng.randrange(5, 12))]
        if rng.random() < 0.2:
            words.insert(rng.randrange(len(words)), str(rng.randrange(2000)))
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences)


MAKERS: dict[str, Callable[[random.Random, bool], str]] = {
    "languages": foreign, "garbage": garbage, "long text": long_text,
    **{kind: lambda rng, held_out, phrases=phrases: filled(rng, phrases, held_out) for kind, phrases in (
        ("facts", FACTS), ("opinions", OPINIONS), ("writing", WRITING), ("code", CODE), ("markup", MARKUP), ("advice", ADVICE), ("news", NEWS))},
}


def example(rng: random.Random, kind: str, held_out: bool = False) -> Example:
    """A question of this kind, and one of the sentences."""
    question = MAKERS[kind](rng, held_out)
    return Example(f"outside, {kind}", question, f"This is {kind}, not for me.", rng.choice(ANSWERS), key=("outside", question.strip().lower()))


def random_example(rng: random.Random) -> Example:
    """A question of any kind."""
    return example(rng, rng.choices(KINDS, weights=[14, 6, 6, 6, 6, 6, 5, 1, 6, 7])[0])
