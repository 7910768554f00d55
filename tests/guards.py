"""Guarded calls that fail, are mended and go on: frames of many kinds, in random ways, compared with what must come.

``python guards.py ROUNDS [SEED]``: each kind that many times. What a call must give is found out without a guard, by functions
that do in plain Python what the answer says; a difference ends the run, as does a crash.
"""

import asyncio, contextlib, functools, gc, itertools, operator, pathlib, random, sys, threading
import hotsplice
from hotsplice._failed import answers, around, asking, guarding, watched

log = []
KINDS = "\n" + (pathlib.Path(__file__).parent / "guarded_kinds.txt").read_text()
# What a mended function may need more room for.
MENDED = [
    "def divide(x): return 1",
    "def divide(x):\n a = b = c = d = e = f = g = h = [x]\n return len(a + b + c + d + e + f + g + h) - 7",
    "def divide(x):\n def inner(): return x\n try: return 1 + inner() * 0\n finally: del inner",
    "def divide(x, *, more=1):\n for _ in range(3):\n  with contextlib.nullcontext(): x = more\n return x",
]
SUSPENDING = 0x20 | 0x80 | 0x200


class Situation:
    """One function, one answer, so many times until it is mended."""

    def __init__(self, chance):
        self.answer = chance.choice(["retry", "retry", "above", "above", "value", "raise"])
        self.times = chance.randint(1, 3) if self.answer in ("retry", "above") else 1
        self.mended = chance.choice(MENDED)
        self.depth = chance.choice([0, 0, 1, 7, 60])
        self.value = chance.choice([1, 2, 2.5])

    def __repr__(self):
        return f"{self.answer} x{self.times} depth {self.depth} {self.mended!r} {self.value}"


def namespace(outer):
    names = {name: globals()[name] for name in ("asyncio", "contextlib", "functools", "threading", "log")}
    names.update(__name__="program", outer=outer)
    exec(compile(KINDS, "program.py", "exec"), names)
    return names


def mended_code(text):
    names = {"contextlib": contextlib}
    exec(compile(text, "program.py", "exec"), names)
    return names["divide"]


def simulated(situation):
    """What the answer says, done by decorators."""
    left = [situation.times]

    def is_failing(error):
        if type(error) is not ZeroDivisionError or situation.answer != "above":
            return False
        left[0] -= 1
        if not left[0]:
            mend(divide, situation)
        return True

    def outer(function):
        flags = function.__code__.co_flags & SUSPENDING

        @functools.wraps(function)
        def plain(*arguments, **named):
            while True:
                try:
                    return function(*arguments, **named)
                except Exception as error:
                    if not is_failing(error):
                        raise

        @functools.wraps(function)
        def generator(*arguments, **named):
            past = [("send", None)]
            while True:
                made = function(*arguments, **named)
                try:
                    for method, value in past:
                        item = getattr(made, method)(value)
                    while True:
                        try:
                            past.append(("send", (yield item)))
                        except BaseException as error:
                            past.append(("throw", error))
                        item = getattr(made, past[-1][0])(past[-1][1])
                except StopIteration as end:
                    return end.value
                except Exception as error:
                    if not is_failing(error):
                        raise

        @functools.wraps(function)
        async def coroutine(*arguments, **named):
            while True:
                try:
                    return await function(*arguments, **named)
                except Exception as error:
                    if not is_failing(error):
                        raise

        @functools.wraps(function)
        async def async_generator(*arguments, **named):
            past = [("asend", None)]
            while True:
                made = function(*arguments, **named)
                try:
                    for method, value in past:
                        item = await getattr(made, method)(value)
                    while True:
                        try:
                            past.append(("asend", (yield item)))
                        except BaseException as error:
                            past.append(("athrow", error))
                        item = await getattr(made, past[-1][0])(past[-1][1])
                except StopAsyncIteration:
                    return
                except Exception as error:
                    if not is_failing(error):
                        raise

        return {0: plain, 0x20: generator, 0x80: coroutine, 0x200: async_generator}[flags]

    names = namespace(outer)
    divide = names["divide"]

    def answered(x):
        try:
            return divide(x)
        except ZeroDivisionError:
            if situation.answer == "value":
                return situation.value
            mend(divide, situation)
            return divide(x)

    if situation.answer in ("retry", "value"):
        names["divide"] = answered
    return names


def mend(divide, situation):
    new = mended_code(situation.mended)
    divide.__code__, divide.__kwdefaults__ = new.__code__, new.__kwdefaults__
    # What a patch does to a function's names.
    divide.__globals__["contextlib"] = contextlib


class Guarded:
    """A module that is guarded, and who answers."""

    def __init__(self):
        self.callers = {}
        self.names = namespace(self.outer)
        self.broken = self.names["divide"].__code__

    def outer(self, function):
        self.callers[function.__code__] = function
        return function

    def begin(self, kind, situation, chance):
        self.situation, self.left, self.held = situation, situation.times, []
        divide = self.names["divide"]
        divide.__code__, divide.__kwdefaults__ = self.broken, None
        # Where what is called is not guarded the caller is.
        is_left_out = situation.answer == "above" and chance.random() < 0.5
        divide.__dict__.pop(guarding._MARK, None)
        if is_left_out:
            hotsplice.no_wrap(divide)
        guarding._patched(None)

    def ask(self, function, error, frame=None, guarded=None, note="", caller=None):
        self.held.append(function.__qualname__)
        answer = self.situation.answer
        if answer == "raise":
            answers.decide_to_raise(error)
            return None
        if answer == "value":
            return answers.Answer(True, self.situation.value)
        self.left -= 1
        if not self.left:
            mend(self.names["divide"], self.situation)
            guarding._patched(None)
        if answer == "retry" or frame is None or function.__name__ != "divide":
            return answers.Answer(False)
        called = around.calls(error, frame, guarded)
        return answers.Answer(False, None, next(call.frame for call in called if call.frame.f_code in self.callers))

    async def ask_in_loop(self, function, error, note="", caller=None):
        return self.ask(function, error)


def run(names, kind, depth):
    """What a call gives, and has done: in a thread, where nobody would handle anything."""
    log.clear()
    result = []

    def deep(count):
        return names[kind](0) if count == 0 else deep(count - 1)

    def call():
        try:
            result.append(deep(depth))
        except BaseException as error:
            result.append(type(error).__name__)
            raise

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return result, list(log)


# What is called by a name of its own is guarded by it.
PATTERNS = ["divide", "*caller", "*Base.__init__", "*.__call__", "*.__missing__", "*.__lt__", "*.__aenter__"]


def main():
    rounds, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    sys.setrecursionlimit(3000)
    threading.excepthook = lambda _: None
    guarded = Guarded()
    asking.ask, asking.ask_in_loop = guarded.ask, guarded.ask_in_loop
    watched.is_watched = lambda: True
    guarding.set_hold_for(300)
    guarding.guard(["program." + pattern for pattern in PATTERNS])
    kinds = [name for name, value in guarded.names.items() if getattr(value, "__module__", "") == "program" and name != "divide"]
    wrong = 0
    for number, kind in itertools.product(range(rounds), kinds):
        chance = random.Random(f"{first + number} {kind}")
        situation = Situation(chance)
        expected = run(simulated(situation), kind, situation.depth)
        guarded.begin(kind, situation, chance)
        got = run(guarded.names, kind, situation.depth)
        if chance.random() < 0.1:
            gc.collect()
        if got != expected or not guarded.held:
            wrong += 1
            print(f"{kind}: {situation}: gives {got}, not {expected}; held {guarded.held}", flush=True)
    print("done" if not wrong else "wrong", f"{len(kinds)} kinds, {rounds} times each, {wrong} wrong", flush=True)


main()
