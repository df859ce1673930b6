"""The OpenAI Responses wire, as an upstream.

What a canonical request means here:
- nothing is stored upstream, so items carry no ids of ours and reasoning travels encrypted with the
  conversation; system messages become developer items in their place
- `strict` is always said, a bound on output below 16 is raised to 16: upstream's least
- accepted where it is the default and not forwarded: temperature, top_p; refused: stop sequences, other
  efforts than the model's
- dropped without a word: empty texts, reasoning of other vendors, marks for caching (this vendor caches by
  himself)
Usage: upstream's `input_tokens` includes what the cache gave and took, which is subtracted for the fresh
class; `output_tokens` includes reasoning, whose share is named.
"""

from api.wires.openai_responses.errors import parse_error
from api.wires.openai_responses.reply import parse_reply
from api.wires.openai_responses.request import render_request
from api.wires.openai_responses.stream import Reader

__all__ = ["Reader", "parse_error", "parse_reply", "reader", "render_request"]


def reader() -> Reader:
    """For one stream."""
    return Reader()
