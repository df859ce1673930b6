"""python -m bench compare | quick | durability | gate | curve"""

import argparse
import sys
from functools import partial
from pathlib import Path

from bench import comparison, curve, durability, gate
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
    command = commands.add_parser("durability", help="the ledger full, normal and off")
    command.add_argument("--rounds", type=int, default=7)
    command.add_argument("--out", type=Path, default=RESULTS)
    command = commands.add_parser("curve", help="how cost grows")
    command.add_argument("--rows", type=int, default=1_000_000, help="of the filled ledger")
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--out", type=Path, default=RESULTS)
    command = commands.add_parser("gate", help="counts that may not grow")
    command.add_argument("--update", action="store_true", help="commit to the counts as they are now")
    chosen = parser.parse_args()
    say = partial(print, flush=True)
    try:
        if chosen.command == "gate":
            return 0 if gate.check(is_update=chosen.update, say=say) else 1
        if chosen.command == "curve":
            curve.draw(rows=chosen.rows, count=chosen.rounds, out=chosen.out, say=say)
        elif chosen.command == "durability":
            durability.compare(count=chosen.rounds, out=chosen.out, say=say)
        else:
            comparison.compare(
                is_quick=chosen.command == "quick", count=chosen.rounds, out=chosen.out, say=say
            )
    except Missing as missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
