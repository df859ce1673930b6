"""The root of everything that `models` refuses."""


class Refused(Exception):
    """Something that people asked for cannot be done; the text says what, why, and what to do."""
