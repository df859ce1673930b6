"""What was measured, for people and for programs: a table with ratios, the aims beside it, one JSON file."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import Contender
from bench.rounds import Results, Samples


@dataclass(frozen=True)
class Aim:
    """One line of what Starscoo is held to. `measured` is None where this run could not tell."""

    figure: str
    first: str
    aim: str
    measured: float | None
    shown: str
    is_first: bool = False
    is_aim: bool = False


def table(rows: Iterable[Sequence[str]]) -> str:
    """In columns; the first row names them."""
    lines = [tuple(row) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = [
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([shown[0], "-" * len(shown[0]), *shown[1:]])


def plain_table(results: Results, names: Sequence[str], absent: dict[str, str]) -> str:
    """Plain answers: throughput, latency, CPU and the ratios."""
    rows: list[Sequence[str]] = [
        (
            *("plain answers", "c=1 req/s", "p50/p99 ms", "c=32 req/s", "p50/p99 ms", "CPU us/req"),
            *("c=128 req/s", "x nginx", "x LiteLLM", "x Portkey"),
        )
    ]
    for name in names:
        if name in absent:
            rows.append((f"{name}: {absent[name][:60]}", *("",) * 9))
            continue
        one, many, most = (results.get((name, load)) for load in ("c=1", "c=32", "c=128"))
        rows.append(
            (
                name,
                _rate(one),
                _times(one, "total"),
                _rate(many),
                _times(many, "total"),
                "-" if name == "direct" or many is None else f"{many.median('cpu_us'):,.0f}",
                _rate(most),
                *(ratio(results, name, other) for other in ("nginx", "LiteLLM", "Portkey")),
            )
        )
    return table(rows)


def stream_table(results: Results, names: Sequence[str], load: str) -> str:
    """Streams under one load."""
    rows: list[Sequence[str]] = [
        (load, "kept", "CPU us/chunk", "chunks/s", "first token p50/p99 ms", "chunk delay p50/p99 ms")
    ]
    for name in names:
        samples = results.get((name, load))
        if samples is not None:
            rows.append(
                (
                    name,
                    f"{samples.median('kept'):.1%}",
                    "-" if name == "direct" else f"{samples.median('chunk_us'):,.1f}",
                    f"{samples.median('chunks_per_second'):,.0f}",
                    _times(samples, "first"),
                    _times(samples, "delay"),
                )
            )
    return table(rows) if len(rows) > 1 else ""


def aims_table(aims: Sequence[Aim]) -> str:
    rows: list[Sequence[str]] = [("figure", "first", "aim", "measured", "")]
    for aim in aims:
        verdict = "aim" if aim.is_aim else "first" if aim.is_first else "missed"
        rows.append((aim.figure, aim.first, aim.aim, aim.shown, verdict if aim.measured is not None else ""))
    return table(rows)


def aims(results: Results, gateway: Contender, mb_after: float) -> list[Aim]:
    """The aims that this run can judge. Times added are over nginx in the same run."""
    made: list[Aim] = []

    def hold(
        figure: str, first: float, aim: float, measured: float | None, unit: str, *, is_least: bool
    ) -> None:
        sign = ">=" if is_least else "<="

        def holds(bound: float) -> bool:
            return measured is not None and (measured >= bound if is_least else measured <= bound)

        shown = "-" if measured is None else f"{measured:,.3g}{unit}"
        made.append(
            Aim(
                figure,
                f"{sign} {first:g}{unit}",
                f"{sign} {aim:g}{unit}",
                measured,
                shown,
                holds(first),
                holds(aim),
            )
        )

    own = {load: samples for (name, load), samples in results.items() if name == "Starscoo"}
    nginx = {load: samples for (name, load), samples in results.items() if name == "nginx"}
    plain, one, streams = own["c=32"], own["c=1"], own.get("200 streams")
    hold("CPU per plain request, 32 connections", 400, 220, plain.median("cpu_us"), " us", is_least=False)
    for other, first, aim in (("nginx", 0.08, 0.15), ("LiteLLM", 40, 100), ("Portkey", 4, 10)):
        hold(
            f"throughput against {other}, 32 connections",
            first,
            aim,
            _share(results, "Starscoo", other),
            "x",
            is_least=True,
        )
    if nginx:
        for name, first, aim in (("total_p50", 0.8, 0.4), ("total_p99", 3, 1.5)):
            added = (one.median(name) - nginx["c=1"].median(name)) / 1000
            hold(f"added {name[-3:]} over nginx, 1 connection", first, aim, added, " ms", is_least=False)
    if streams is not None:
        hold("200 streams: chunks kept", 0.99, 1, round(streams.median("kept"), 2), "", is_least=True)
        hold("200 streams: CPU per chunk", 110, 75, streams.median("chunk_us"), " us", is_least=False)
        hold(
            "200 streams: chunk delay p50", 1, 0.5, streams.median("delay_p50") / 1000, " ms", is_least=False
        )
        hold("200 streams: chunk delay p99", 12, 6, streams.median("delay_p99") / 1000, " ms", is_least=False)
    translated = own.get("200 translated streams")
    if streams is not None and translated is not None:
        more = translated.median("chunk_us") - streams.median("chunk_us")
        hold("translated stream: CPU per chunk over pass-through", 25, 10, more, " us", is_least=False)
    hold("memory at start", 160, 130, gateway.mb_at_start, " MB", is_least=False)
    hold("memory after this run", 190, 140, mb_after, " MB", is_least=False)
    hold("command to first 200", 4, 2, gateway.seconds_to_ready, " s", is_least=False)
    return made


def write_json(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def figures(results: Results) -> dict[str, dict[str, dict[str, float]]]:
    """By contender and load: the medians, and how much the rounds differ."""
    told: dict[str, dict[str, dict[str, float]]] = {}
    for (name, load), samples in results.items():
        medians = {figure: round(samples.median(figure), 4) for figure in samples.figures}
        medians["cpu_us_spread"] = round(samples.spread("cpu_us"), 3)
        medians["foreign_cores"] = round(max(samples.foreign), 3)
        told.setdefault(name, {})[load] = medians
    return told


def ratio(results: Results, name: str, other: str) -> str:
    share = _share(results, name, other)
    if share is None:
        return "-"
    return f"{share:,.0f}" if share >= 10 else f"{share:.2g}"


def _share(results: Results, name: str, other: str) -> float | None:
    """Throughput at 32 connections, against another."""
    own, others = results.get((name, "c=32")), results.get((other, "c=32"))
    if own is None or others is None:
        return None
    return own.median("per_second") / others.median("per_second")


def _rate(samples: Samples | None) -> str:
    return "-" if samples is None else f"{samples.median('per_second'):,.0f}"


def _times(samples: Samples | None, name: str) -> str:
    if samples is None:
        return "-"
    return f"{samples.median(f'{name}_p50') / 1000:.2f}/{samples.median(f'{name}_p99') / 1000:.1f}"
