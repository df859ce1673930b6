"""Answers made of a crowd of tiny elements, which take twenty times their size in memory once they are read.

A list of ten million zeros is one of fifteen megabytes. The longest real answer has some ten thousand elements, and a
comma of its text for every few words; only what is larger than most answers is counted at all.
"""

from typing import Final

from api.wires import BadReply

LARGE_BYTES: Final = 256 * 1024
MOST: Final = 300_000


def check_crowd(answer: bytes, mark: bytes = b",") -> None:
    """`mark` stands once for each element at least. Raises BadReply."""
    if len(answer) > LARGE_BYTES and answer.count(mark) > MOST:
        raise BadReply(f"more than {MOST} elements")
