"""Time that moves when a test says so."""


class Clock:
    """Called, it tells the Unix time in seconds, as `time.time` does."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = float(now)

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
