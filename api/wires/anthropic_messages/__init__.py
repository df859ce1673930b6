"""The Anthropic Messages wire, as an upstream.

What a canonical request means here:
- system messages: `turns` says where they go; `request` bounds and samples, `thinking`, `tools`, `schemas` and
  `caching` are what their names say
- a custom tool is a function of one text here; a JSON object of any shape can only be asked for
- dropped without a word, because nothing is lost: an image's `detail`, `verbosity` (a hint of style without
  counterpart), empty texts, reasoning of other vendors
- refused by the client's parameter name: what `rules` and `request` refuse, and a last message of the
  assistant
Usage: upstream's `input_tokens` leaves out what the cache gave or took, so it is the fresh class as it is;
`output_tokens` includes thinking, whose share is named where upstream names it.
"""

from api.wires.anthropic_messages.errors import parse_error
from api.wires.anthropic_messages.reply import parse_reply
from api.wires.anthropic_messages.request import render_request
from api.wires.anthropic_messages.stream import Reader

__all__ = ["Reader", "parse_error", "parse_reply", "reader", "render_request"]


def reader() -> Reader:
    """For one stream."""
    return Reader()
