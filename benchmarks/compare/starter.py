"""A small process that starts programs one after the other and says what each took; a request and an answer a line, in JSON.

The kernel counts the memory of whoever starts a program as the program's own until it runs, so what starts programs has to be
smaller than they are. It is run by its path, with nothing imported but this.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

LONGEST = 600  # seconds that one run may take


def run(words: list[str], environment: dict[str, str], said: str) -> dict[str, float]:
    """Run a program to its end. What it says goes to the file `said`; seconds, and megabytes of memory at most."""
    output = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    errors = (os.POSIX_SPAWN_OPEN, 2, said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    started = time.perf_counter()
    process = os.posix_spawn(words[0], words, environment, file_actions=[nothing, output, errors])
    signal.signal(signal.SIGALRM, lambda *_: os.kill(process, signal.SIGKILL))
    signal.alarm(LONGEST)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    signal.alarm(0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "wall": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1000,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)
