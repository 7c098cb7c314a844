"""What the pocket model says when it is not asked for a sum."""

from __future__ import annotations

import random

# (ways to say it, reasoning, answer)
SMALL_TALK: list[tuple[list[str], str, str]] = [
    (
        ["hello", "Hello", "hi", "Hi", "hey", "Hello!", "Hi!", "hello there", "Hi there!", "Good morning", "Good evening!", "Hey there"],
        "A greeting.",
        "Hello! Ask me a sum, such as 47 + 85.",
    ),
    (
        ["who are you?", "Who are you?", "who are you", "What are you?", "What is your name?", "Introduce yourself.", "Tell me about yourself."],
        "About me.",
        "I am Pocket, a very small language model. I can add, subtract and multiply.",
    ),
    (
        ["what can you do?", "What can you do?", "help", "Help", "Help me", "What can I ask you?", "How does this work?"],
        "About me.",
        "Ask me for a sum, a difference or a product, such as 23 * 7.",
    ),
    (["thanks", "Thanks!", "thank you", "Thank you!", "Great, thanks", "Thank you very much"], "Thanks.", "You are welcome!"),
    (["bye", "Goodbye", "Bye!", "see you", "See you later!"], "A farewell.", "Goodbye!"),
    (["how are you?", "How are you?", "How are you today?", "how do you do"], "A greeting.", "I am well, thank you. Ask me a sum!"),
]

REFUSAL = ("Not a sum.", "I am too small to know that. I can add, subtract and multiply.")

OPENINGS = [
    "What is the capital of", "Who wrote", "Tell me a story about", "Write a poem about", "Explain", "Why is", "Where is", "When was",
    "Do you like", "What do you think about", "Translate", "How do I cook", "Can you write", "Who is", "What is", "Is there", "Describe", "Tell me about",
]
TOPICS = [
    "France", "the sea", "love", "music", "the moon", "a dog", "cats", "Python code", "the weather", "history", "a king", "the sun", "bread",
    "Japan", "the sky blue", "time", "life", "water", "a tree", "London", "the war", "a good book", "my friend", "physics", "a joke", "tea",
]


def unknown_question(rng: random.Random) -> str:
    """A question that is no sum: an opening and a topic, now and then a made-up word."""
    topic = rng.choice(TOPICS)
    if rng.random() < 0.3:
        topic = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(3, 9)))
    if rng.random() < 0.1:
        return topic
    return f"{rng.choice(OPENINGS)} {topic}{rng.choice(['?', '.', ''])}"
