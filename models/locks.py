"""Advisory locks on files, which order the processes that share one SQLite file.

SQLite up to 3.51.2 can corrupt a write-ahead log when two connections write or checkpoint at the same moment;
holding `<file>.writer` around every write rules that out, and replaces SQLite's own waiting, which gives up
without asking the busy timeout when a reader turns into a writer. The kernel drops the locks of the dead.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockTimeout(Exception):
    """Somebody else held the lock for the whole time."""


class WriterLock:
    """One writer among all threads of all processes. Not reentrant."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self._file = open_private(path)
        self._threads = threading.Lock()
        self._timeout_s = timeout_s

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises `LockTimeout`. The thread lock comes first: threads of one process share the file's lock."""
        deadline = time.monotonic() + self._timeout_s
        if not self._threads.acquire(timeout=self._timeout_s):
            raise LockTimeout
        try:
            while not try_lock(self._file):
                if time.monotonic() > deadline:
                    raise LockTimeout
                # A file lock with a time limit can only be asked for again; this runs in a thread, not in the loop.
                time.sleep(0.001)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        os.close(self._file)


def open_private(path: Path) -> int:
    """A descriptor of that file, created for its owner alone. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(file: int) -> bool:
    """Whether the lock of that open file is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
