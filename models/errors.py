"""The root of everything that `models` refuses."""


class Refused(Exception):
    """Something that people asked for cannot be done; the text says what, why, and what to do. `limit_name` is the
    limit it is about, where several were asked for at once."""

    limit_name: str | None = None
