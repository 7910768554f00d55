"""What guarding costs: each row is timed with and without a guard by turns, in the same process.

``guards.py decorator`` times ``hotsplice.wrap``, else ``hotsplice guard``. Prints a JSON object a row.
"""

import json
import sys
import time

import hotsplice

ROUNDS, CALLS = 21, 10_000


class Failed(Exception):
    pass


def succeeds(a, b):
    total = a + b
    return total * 2


def rebinds(a, b):
    a = a + b
    return a * 2


def fails():
    raise Failed


def raised_here():
    try:
        raise Failed
    except Failed:
        pass


def raised_below():
    try:
        fails()
    except Failed:
        pass


def raised_two_below():
    try:
        middle()
    except Failed:
        pass


def middle():
    return fails()


def timed(function, *arguments):
    """Nanoseconds a call, the loop included."""
    rounds = range(CALLS)
    started = time.perf_counter_ns()
    for _ in rounds:
        function(*arguments)
    return (time.perf_counter_ns() - started) / CALLS


def row(name, with_guard, without):
    ours, others = [], []
    for _ in range(ROUNDS):
        others.append(without())
        ours.append(with_guard())
    # Whatever else the machine does only ever adds.
    guarded, plain = min(ours), min(others)
    print(json.dumps({"what": name, "guarded": guarded, "plain": plain}), flush=True)


def decorator():
    guarded = hotsplice.wrap(succeeds)
    row("a call that does not fail", lambda: timed(guarded, 1, 2), lambda: timed(succeeds, 1, 2))


def from_outside():
    from hotsplice._failed import guarding

    def with_guard(function, *arguments):
        def measure():
            guarding.guard(["__main__.*"])
            timed(function, *arguments)
            return timed(function, *arguments)

        return measure

    def without(function, *arguments):
        def measure():
            guarding.let_go(["__main__.*"])
            timed(function, *arguments)
            return timed(function, *arguments)

        return measure

    guarding.set_hold_for(300)
    rows = {
        "a call that does not fail": (succeeds, 1, 2),
        "one that rebinds an argument": (rebinds, 1, 2),
        "raised and caught in place": (raised_here,),
        "raised in a helper": (raised_below,),
        "raised in a helper's helper": (raised_two_below,),
    }
    for name, call in rows.items():
        row(name, with_guard(*call), without(*call))


decorator() if sys.argv[1:] == ["decorator"] else from_outside()
