"""A loop with a progress bar around what it goes over."""

import sys

import work
from tqdm import tqdm


def say(*words):
    print(*words, flush=True)


say("ready")
for line in tqdm(iter(sys.stdin.readline, "quit\n"), mininterval=0):
    if line == "go\n":
        work.called(say)
    else:
        work.counted(tqdm(iter(sys.stdin.readline, "end\n"), mininterval=0), say)
