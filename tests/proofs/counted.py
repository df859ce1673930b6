"""What each proof has counted: for the eyes of whoever runs it, and in tests/artifacts/proofs.json."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ARTIFACT = Path(__file__).parent.parent / "artifacts" / "proofs.json"


@dataclass(frozen=True, slots=True)
class Line:
    """Of one test. `counts` are figures by what they are of."""

    promise: str
    test: str
    where: str
    trials: int
    counts: dict[str, Any]

    def shown(self) -> str:
        figures = ", ".join(
            f"{name.replace('_', ' ')} {figure:,}"
            if isinstance(figure, int)
            else f"{name.replace('_', ' ')} {figure}"
            for name, figure in self.counts.items()
        )
        return f"{self.promise:5} {self.test} [{self.where}] trials {self.trials:,}: {figures}"


@dataclass
class Counted:
    seed: int
    is_long: bool
    lines: list[Line] = field(default_factory=list)

    def note(self, promise: str, test: str, where: str, trials: int, **counts: Any) -> None:
        self.lines.append(Line(promise, test, where, trials, counts))

    def write(self) -> None:
        """Lines of tests that did not run stay as they were written before."""
        ARTIFACT.parent.mkdir(exist_ok=True)
        kept = json.loads(ARTIFACT.read_text())["proofs"] if ARTIFACT.is_file() else []
        by_place = {(one["promise"], one["test"], one["where"]): one for one in kept}
        for line in self.lines:
            by_place[line.promise, line.test, line.where] = {
                "promise": line.promise,
                "test": line.test,
                "where": line.where,
                "trials": line.trials,
                "counted": line.counts,
                "seed": self.seed,
                "form": "long" if self.is_long else "short",
            }
        found = {"proofs": [by_place[place] for place in sorted(by_place)]}
        ARTIFACT.write_text(json.dumps(found, indent=2) + "\n")


def percentile(times: list[float], share: float) -> int:
    """In whole milliseconds; 0 of nothing."""
    ordered = sorted(times)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else 0
