"""`make bench` and `make bench-quick`: Starscoo, and what it is compared with, in one run."""

import contextlib
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from bench import contenders, machine, peers, picture, programs, report, rounds
from bench.contenders import ROOT, Contender
from bench.programs import Ask, Missing
from bench.rounds import Load

OWN = frozenset({"Starscoo"})
LEAN = frozenset({"direct", "nginx", "Starscoo", "Portkey"})
"""LiteLLM is saturated by 50 streams already."""

Start = Callable[[int, Path], AbstractContextManager[Contender]]
OURS: dict[str, Start] = {
    "direct": contenders.direct,
    "nginx": contenders.nginx,
    "Starscoo": contenders.starscoo,
}
PEERS: dict[str, Start] = {"Portkey": contenders.portkey, "LiteLLM": contenders.litellm}


def loads(seconds: float, *, is_quick: bool) -> list[Load]:
    """What everybody is asked; translated answers only come from who translates."""
    streamed = 1.3 if is_quick else 2.6
    made = [
        Load("c=1", Ask("gpt-5-mini", 1, seconds)),
        Load("c=32", Ask("gpt-5-mini", 32, seconds)),
        Load("c=128", Ask("gpt-5-mini", 128, seconds)),
        Load("c=32 translated", Ask("claude-sonnet-4-6", 32, seconds), OWN),
        Load("200 streams", Ask("gpt-5-mini", 200, streamed, is_stream=True), LEAN),
        Load("200 translated streams", Ask("claude-sonnet-4-6", 200, streamed, is_stream=True), OWN),
    ]
    if not is_quick:
        made.insert(4, Load("50 streams", Ask("gpt-5-mini", 50, streamed, is_stream=True)))
    return made


def compare(*, is_quick: bool, count: int, out: Path | None, say: Callable[[str], None]) -> None:
    """Measure, print, and write `bench.json` and `bench.svg` into `out`."""
    about = machine.described()
    absent: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="starscoo-bench-") as place, ExitStack() as stack:
        directory = Path(place)
        made = programs.compile_programs(directory)
        port, pid = stack.enter_context(programs.upstream(made))
        started: list[Contender] = []
        for name, start in {**OURS, **({} if is_quick else PEERS)}.items():
            say(f"starting {name}")
            try:
                started.append(stack.enter_context(start(port, directory)))
            except (Missing, RuntimeError) as error:
                absent[name] = str(error).splitlines()[0]
                say(f"{name}: {error}")
        results = rounds.run(
            made, pid, started, loads(0.7 if is_quick else 1.0, is_quick=is_quick), rounds=count, say=say
        )
        own = next(contender for contender in started if contender.name == "Starscoo")
        mb_after = machine.memory_mb(own.pids())
    names = [*OURS, *([] if is_quick else PEERS)]
    held = report.aims(results, own, mb_after)
    doubts = rounds.noise(results)
    say("")
    say(report.plain_table(results, names, absent))
    for load in ("50 streams", "200 streams", "200 translated streams"):
        if shown := report.stream_table(results, names, load):
            say(f"\n{shown}")
    say(f"\n{report.aims_table(held)}\n")
    say(_verdict(doubts))
    if out is not None:
        report.write_json(
            out / "bench.json",
            {
                "machine": about,
                "versions": {} if is_quick else peers.versions(),
                "absent": absent,
                "figures": report.figures(results),
                "aims": [vars(aim) for aim in held],
                "doubts": doubts,
            },
        )
        footnote = f"{about['processor']}, one core for each gateway; medians of {count} interleaved rounds."
        picture.write(out / "bench.svg", _panels(results, names), footnote)
        with contextlib.suppress(ValueError):
            out = out.relative_to(ROOT)
        say(f"Written: {out}/bench.json, {out}/bench.svg")


def _panels(results: rounds.Results, names: list[str]) -> list[picture.Panel]:
    def values(load: str, figure: str, scale: float = 1) -> list[tuple[str, float]]:
        return [
            (name, results[name, load].median(figure) * scale)
            for name in names
            if (name, load) in results and name != "direct"
        ]

    return [
        picture.Panel(
            "Plain requests per second on one core, 32 connections", "req/s", values("c=32", "per_second")
        ),
        picture.Panel("CPU per plain request", "us", values("c=32", "cpu_us")),
        picture.Panel(
            "99th percentile of the delay of a streamed chunk, 200 streams",
            "ms",
            values("200 streams", "delay_p99", 0.001),
        ),
    ]


def _verdict(doubts: list[str]) -> str:
    if not doubts:
        return "The machine was quiet enough to believe this."
    return "The machine was too noisy to believe all of this:\n" + "\n".join(f"  {doubt}" for doubt in doubts)
