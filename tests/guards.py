"""Guarded calls that fail, are mended and go on: frames of many kinds, in random ways, compared with what must come.

``python guards.py ROUNDS [SEED]``: each kind that many times. What a call must give is found out without a guard, by functions
that do in plain Python what the answer says; a difference ends the run, as does a crash.
"""

import asyncio, contextlib, functools, gc, itertools, operator, random, sys, threading
import hotsplice
from hotsplice._failed import answers, around, guarding, holds

log = []
KINDS = """
def divide(x): return 1 / x
def plain(x):
    @outer
    def caller(a): log.append('in'); return divide(a) + 1
    return caller(x)
def method(x):
    class Thing:
        @outer
        def caller(self, a): log.append(type(self).__name__); return divide(a) + 1
    return Thing().caller(x)
def class_method(x):
    class Thing:
        @classmethod
        @outer
        def caller(cls, a): log.append(cls.__name__); return divide(a) + 1
    return Thing.caller(x)
def static_method(x):
    class Thing:
        @staticmethod
        @outer
        def caller(a): return divide(a) + 1
    return Thing().caller(x)
def property_(x):
    class Thing:
        @property
        @outer
        def caller(self): log.append('get'); return divide(x)
    return Thing().caller
def setter(x):
    class Thing:
        @property
        def value(self): return self.kept
        @value.setter
        @outer
        def caller(self, given): self.kept = divide(given)
    thing = Thing()
    thing.caller = x
    return thing.value
def constructor(x):
    class Base:
        @outer
        def __init__(self, a): self.a = divide(a)
    class Thing(Base):
        def __init__(self, a): super().__init__(a); self.b = 2
    return Thing(x).a, Thing(1).b
def with_super(x):
    class Base:
        def other(self, a): return divide(a)
    class Thing(Base):
        @outer
        def caller(self, a): log.append('own'); return super().other(a) + 1
    return Thing().caller(x)
def called(x):
    class Thing:
        @outer
        def __call__(self, a, *rest, key=1): log.append(rest); return divide(a) + key
    return Thing()(x, 2, 3, key=4)
def item(x):
    class Thing(dict):
        @outer
        def __missing__(self, key): return divide(key)
    return Thing()[x]
def comparison(x):
    class Thing:
        def __init__(self, n): self.n = n
        @outer
        def __lt__(self, other): divide(x); return self.n < other.n
    return [thing.n for thing in sorted(map(Thing, [3, 1, 2]))]
def closure(x):
    outside = [10]
    @outer
    def caller(a):
        inner = outside
        inner.append(a)
        return (lambda: divide(a) + inner[0])()
    return caller(x), len(outside)
def counting(x):
    count = 0
    @outer
    def caller(a):
        nonlocal count
        count += 1
        return divide(a)
    return caller(x), count
def star(x):
    @outer
    def caller(a, /, b, *rest, c, d=5, **more): log.append((b, rest, c, d, more)); return divide(a)
    return caller(x, 1, 2, 3, c=4, e=6)
def defaults(x):
    @outer
    def caller(a, b=[], *, c=(1,)): b.append(c); return divide(a), list(b)
    return caller(x)
def rebinding(x):
    @outer
    def caller(a, b=2):
        log.append((a, b))
        a = a + 100
        b += 1
        return divide(a - 100)
    return caller(x)
def rebinding_in_a_loop(x):
    @outer
    def caller(values, total=0):
        for values in values:
            total += 1
            divide(values)
        return total
    return caller([1, 2, x])
def deleting(x):
    @outer
    def caller(a, b): c = a; log.append(b); b = 0; del a; return divide(c)
    return caller(x, 'b')
def sorting(x):
    @outer
    def caller(a): log.append(a); return divide(a)
    return sorted([2, x, 1], key=caller)
def mapping(x):
    @outer
    def caller(a): log.append(a); return divide(a)
    return list(map(caller, [2, x, 1]))
def filtering(x):
    @outer
    def caller(a): log.append(a); return divide(a)
    return list(filter(caller, [2, x, 1]))
def reducing(x):
    @outer
    def caller(a, b): log.append(b); return a + divide(b)
    return functools.reduce(caller, [1, x, 2])
def minimum(x):
    @outer
    def caller(a): return divide(a)
    return max([1, x], key=caller), min([x, 2], key=caller)
def iterating(x):
    left = [3]
    @outer
    def caller(): left[0] -= 1; return left[0] and divide(x)
    return len(list(iter(caller, 0)))
def partially(x):
    @outer
    def caller(a, b, c=0): return divide(a) + b + c
    return functools.partial(caller, x, c=3)(2)
def cached(x):
    @functools.lru_cache
    @outer
    def caller(a): log.append('once'); return divide(a)
    return caller(x), caller(x)
def recursion(x):
    def caller(n): return divide(x) if n == 0 else caller(n - 1) + 1
    caller = outer(caller)
    return caller(6)
def mutual(x):
    @outer
    def caller(n): log.append(n); return odd(n - 1) if n else divide(x)
    def odd(n): return caller(n - 1)
    return caller(4)
def blocks(x):
    @contextlib.contextmanager
    def leaving(name):
        log.append('enter ' + name)
        try: yield
        finally: log.append('leave ' + name)
    @outer
    def caller(a):
        try:
            with leaving('one'), leaving('two'):
                try: return divide(a)
                except KeyError: log.append('never')
                finally: log.append('inner')
        finally: log.append('outer')
    return caller(x)
def raised_again(x):
    @outer
    def caller(a):
        try: return divide(a)
        except ZeroDivisionError: log.append('seen'); raise
    return caller(x)
def in_handler(x):
    @outer
    def caller(a):
        try: {}['missing']
        except KeyError as error: kept = error; return divide(a), str(kept)
    return caller(x)
def in_loops(x):
    @outer
    def caller(a):
        found = []
        for one in (1, 2):
            for two in iter([3, a]):
                found.append(divide(two))
        return found
    return caller(x)
def matching(x):
    @outer
    def caller(a):
        match (a, [1, 2]):
            case (y, [1, *rest]) if divide(y): return y, rest
            case _: return 'other'
    return caller(x)
def in_expressions(x):
    @outer
    def caller(a): return [1, 2, (3, {'k': f'{divide(a)!r:>5}'}), *range(2)]
    return caller(x)
def comprehensions(x):
    @outer
    def caller(a): return [divide(y) for y in (1, a)], {y: divide(y) for y in (1, a)}, sum(divide(y) for y in (1, a))
    return caller(x)
def large(x):
    @outer
    def caller(a):
        b = c = d = e = f = g = h = i = j = k = l = [a]
        return divide(a) + len(b + c + d + e + f + g + h + i + j + k + l)
    return caller(x)
def decorated(x):
    def twice(function):
        @functools.wraps(function)
        def inner(*arguments, **named): return function(*arguments, **named), function(*arguments, **named)
        return inner
    @twice
    @outer
    def caller(a): log.append(a); return divide(a)
    return caller(x)
def in_thread(x):
    found = []
    @outer
    def caller(a): found.append(divide(a))
    thread = threading.Thread(target=caller, args=(x,))
    thread.start()
    thread.join()
    return found
def generating(x):
    @outer
    def caller(a):
        log.append('from the beginning')
        yield 1
        yield divide(a)
        yield 3
    return list(caller(x))
def delegating(x):
    def inner(a): yield 1; yield divide(a); return 5
    @outer
    def caller(a): got = yield from inner(a); yield got
    return list(caller(x))
def sending(x):
    @outer
    def caller(a):
        got = yield 'first'
        log.append(got)
        yield divide(a)
    made = caller(x)
    return next(made), made.send('sent')
def throwing(x):
    @outer
    def caller(a):
        try: yield 'first'
        except KeyError as error: log.append(error.args)
        log.append((yield 'second'))
        yield divide(a)
    made = caller(x)
    return next(made), made.throw(KeyError(3)), made.send(4), caller(1).close(), next(caller(2))
def throwing_late(x):
    @outer
    def caller(a):
        try: yield 'first'
        except KeyError as error: yield error.args[0] + divide(a)
        yield 'last'
    made = caller(x)
    return next(made), made.throw(KeyError(3)), list(made)
def closing_late(x):
    @outer
    def caller(a):
        try: yield 'first'
        finally: log.append(divide(a))
    made = caller(x)
    return next(made), made.close()
def async_sending(x):
    @outer
    async def caller(a):
        got = yield 'first'
        log.append(got)
        try: await asyncio.sleep(0); yield 'second'
        except KeyError: yield divide(a)
        await asyncio.sleep(0)
        yield divide(a)
    async def main():
        made = caller(x)
        return await made.__anext__(), await made.asend('sent'), await made.athrow(KeyError()), [one async for one in made]
    return asyncio.run(main())
def managing(x):
    @contextlib.contextmanager
    @outer
    def caller(a):
        log.append('enter')
        yield divide(a)
        log.append('leave')
    with caller(x) as value: return value
def awaiting(x):
    @outer
    async def caller(a): log.append('in'); await asyncio.sleep(0); return divide(a)
    return asyncio.run(caller(x))
def tasks(x):
    @outer
    async def caller(a): await asyncio.sleep(0); return divide(a)
    async def main(): return await asyncio.gather(*(asyncio.create_task(caller(a)) for a in (1, x, 2)))
    return asyncio.run(main())
def async_generating(x):
    @outer
    async def caller(a):
        yield 1
        await asyncio.sleep(0)
        yield divide(a)
    async def main(): return [one async for one in caller(x)]
    return asyncio.run(main())
def async_managing(x):
    class Thing:
        @outer
        async def __aenter__(self): await asyncio.sleep(0); return divide(x)
        async def __aexit__(self, *error): log.append('left')
    async def main():
        async with Thing() as value: return value
    return asyncio.run(main())
def below_a_loop(x):
    @outer
    def caller(a): return divide(a)
    async def main(): await asyncio.sleep(0); return caller(x)
    return asyncio.run(main())
def called_later(x):
    found = []
    @outer
    def caller(a, done): found.append(divide(a)); done.set_result(1)
    async def main():
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: done.set_exception(context["exception"]))
        asyncio.get_running_loop().call_soon(caller, x, done)
        return await done
    return asyncio.run(main()), found
"""
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
    holds.ask, holds.ask_in_loop = guarded.ask, guarded.ask_in_loop
    holds.is_watched = lambda: True
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
