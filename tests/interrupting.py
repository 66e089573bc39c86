"""Interrupting a job as Ctrl-C does, and how soon it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass

# A background job ignores interruptions, and so would what it starts.
_LISTEN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


@dataclass(frozen=True)
class Ended:
    """How a job ended: seconds after it was interrupted, and what it left."""

    seconds: float
    returncode: int
    out: str
    err: str


def interrupt(script: str, *arguments: str, ready: str = "ready", wait: float = 0.0) -> Ended:
    """Run a script in a Python of its own, and interrupt it `wait` seconds after a line that begins so."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LISTEN + script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(ready):
            assert process.poll() is None, f"it never said {ready!r}"
        time.sleep(wait)
        assert process.poll() is None, "the job was not long"
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        return Ended(time.monotonic() - sent, process.returncode, out, err)
    finally:
        process.kill()
