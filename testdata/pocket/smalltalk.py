"""What the pocket model says when it is not asked for something it can work out."""

from __future__ import annotations

import random

from example import Example

# (ways to say it, reasoning, answer)
SMALL_TALK: list[tuple[list[str], str, str]] = [
    (
        ["hello", "Hello", "hi", "Hi", "hey", "Hello!", "Hi!", "hello there", "Hi there!", "Good morning", "Good evening!", "Hey there", "hello!", "Hello, Pocket", "Good day"],
        "A greeting.",
        "Hello! Ask me a sum, such as 47 + 85, or a little puzzle.",
    ),
    (
        ["who are you?", "Who are you?", "who are you", "What are you?", "What is your name?", "Introduce yourself.", "Tell me about yourself.", "what are you", "Are you a robot?", "Who made you?"],
        "About me.",
        "I am Pocket, a very small language model that was trained for this page. I think before I answer, but I only know arithmetic.",
    ),
    (
        ["what can you do?", "What can you do?", "help", "Help", "Help me", "What can I ask you?", "How does this work?", "what can you do", "What do you know?", "Can you help me?"],
        "About me.",
        "I can add, subtract, multiply and divide, work out expressions, short word problems, dates, units and percentages, and play Countdown: use 3, 7 and 25 to make 46.",
    ),
    (["thanks", "Thanks!", "thank you", "Thank you!", "Great, thanks", "Thank you very much", "ok thanks", "Well done!"], "Thanks.", "You are welcome!"),
    (["bye", "Goodbye", "Bye!", "see you", "See you later!", "Good night"], "A farewell.", "Goodbye!"),
    (["how are you?", "How are you?", "How are you today?", "how do you do", "how are you"], "A greeting.", "I am well, thank you. Ask me a sum!"),
]

REFUSAL = ("This is no arithmetic.", "I am too small to know that, and I do not want to guess. I can help with arithmetic.")

OPENINGS = [
    "What is the capital of", "Who wrote", "Tell me a story about", "Write a poem about", "Explain", "Why is", "Where is", "When was", "Who was", "Why do", "Can I",
    "Do you like", "What do you think about", "Translate", "How do I cook", "Can you write", "Who is", "What is", "Is there", "Describe", "Tell me about", "Give me", "Write", "Who won", "How does", "Where do", "What does",
]
TOPICS = [
    "France", "the sea", "love", "music", "the moon", "a dog", "cats", "Python code", "the weather", "history", "a king", "the sun", "bread", "an essay", "the best film", "a song",
    "Japan", "the sky blue", "time", "life", "water", "a tree", "London", "the war", "a good book", "my friend", "physics", "a joke", "tea", "the president", "my computer", "Germany", "an email", "the world", "a recipe",
]


def unknown_question(rng: random.Random) -> str:
    """A question that is no arithmetic: an opening and a topic, now and then a made-up word."""
    topic = rng.choice(TOPICS)
    if rng.random() < 0.35:
        topic = " ".join("".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(2, 9))) for _ in range(rng.randrange(1, 4)))
    if rng.random() < 0.12:
        return topic
    return f"{rng.choice(OPENINGS)} {topic}{rng.choice(['?', '.', ''])}"


def random_example(rng: random.Random) -> Example:
    """A bit of small talk, or a question that is honestly refused."""
    if rng.random() < 0.5:
        return Example("refusal", unknown_question(rng), *REFUSAL)
    questions, reasoning, answer = rng.choice(SMALL_TALK)
    return Example("small talk", rng.choice(questions), reasoning, answer)
