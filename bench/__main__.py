"""python -m bench compare | quick | durability | gate | curve"""

import argparse
import sys
from functools import partial
from pathlib import Path

from bench import comparison
from bench.programs import Missing

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What Starscoo costs, measured.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words, count in (
        ("compare", "against nginx, LiteLLM and Portkey", 5),
        ("quick", "without the peers, under two minutes", 3),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--rounds", type=int, default=count)
        command.add_argument("--out", type=Path, default=RESULTS, help="where the JSON and the picture go")
    chosen = parser.parse_args()
    say = partial(print, flush=True)
    try:
        comparison.compare(is_quick=chosen.command == "quick", count=chosen.rounds, out=chosen.out, say=say)
    except Missing as missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
