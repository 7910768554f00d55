"""A pool of threads: a task, and a task that goes on."""

import concurrent.futures
import sys

import work


def say(*words):
    print(*words, flush=True)


with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
    say("ready")
    for line in iter(sys.stdin.readline, "quit\n"):
        if line == "go\n":
            pool.submit(work.called, say).result()
        else:
            pool.submit(work.running, sys.stdin.readline, say).result()
