"""Random functions, moved to other code at a random point by the engine itself: what they give is compared with the rules.

``python moves.py FIRST COUNT``: the seeds. The rules are a third function, which asks at each change whether it has been moved.
Some go on behind two patches, of which the second takes the first one back: they give what they would without any.
"""

import random, sys, threading, weakref
from hotsplice import _loading
from hotsplice._native import load

load()
engine = _loading.engine()
from hotsplice._engine.after import moving as moves, onward
from hotsplice._engine.live import calls
from hotsplice._engine.after.bytecode import Bytecode
from hotsplice._engine.native import native


class Manager:
    def __init__(self, emit, n):
        self.emit, self.n = emit, n

    def __enter__(self):
        self.emit(("enter", self.n))
        return self.n

    def __exit__(self, *e):
        self.emit(("exit", self.n, e[0] is None))
        return False

    async def __aenter__(self):
        self.emit(("enter", self.n))
        return self.n

    async def __aexit__(self, *e):
        self.emit(("exit", self.n, e[0] is None))
        return False


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.kind = self.r.choice(["plain", "plain", "generator", "coroutine", "async generator"])
        self.a, self.b, self.o = [], [], []  # lines of the versions, and of the rules
        self.places = []
        self.loops = 0
        self.vars = 0
        self.budget = self.r.randint(3, 14)
        self.depth = 0
        self.waits = 0
        # How far the statement is indented that comes behind a hook.
        self.behind = None

    def is_async(self):
        return self.kind in ("coroutine", "async generator")

    def line(self, indent, a=None, b=None, o=None):
        if self.behind is not None:
            is_there, self.behind = self.behind == indent, None
            if is_there:
                at = lambda lines: [len(lines) + 1, 4 * indent, len(lines) + 1, 4 * indent + 1]
                self.places.append(dict(what="statement", old=at(self.a), new=at(self.b)))
                self.o.append("    " * indent + f"arrived('behind', {len(self.a) + 1})")
        for lines, text in ((self.a, a), (self.b, b), (self.o, o)):
            if text is not None:
                lines.append("    " * indent + text)

    def same(self, indent, text):
        self.line(indent, text, text, text)
        if text == "hook()":
            self.behind = indent

    def expr(self, names):
        r = self.r
        pick = lambda: r.choice(names)
        return r.choice(
            [
                lambda: f"{pick()}",
                lambda: f"({pick()}, {r.randint(0, 9)})",
                lambda: f"[{pick()} for _ in range({r.randint(0, 3)})]",
                lambda: f"len(str({pick()})) + {r.randint(0, 99)}",
                lambda: f"{{'k': {pick()}, 'l': ({r.randint(0, 9)}, 'x')}}",
                lambda: f"str({pick()})[:6]",
                lambda: f"list({pick()} for _ in range({r.randint(0, 3)}))",
                lambda: f"(lambda: {pick()})()",
                lambda: f"(lambda q: (q, {r.randint(0, 9)}))({r.randint(0, 5)})",
                lambda: f"({r.randint(0, 9)}, 'const', (1, {r.randint(0, 9)}))",
                lambda: f"sum(k for k in range({r.randint(0, 4)}))",
            ]
        )()

    def change(self, indent, names):
        """What the two versions do differently; in the rules it depends on whether the call has been moved."""
        r = self.r

        def stmts(tag):
            out, known = [], list(names)
            for _ in range(r.randint(1, 4)):
                if r.random() < 0.6:
                    v = f"v{tag}{r.randint(0, 30)}"
                    out.append(f"{v} = {self.expr(known)}")
                    known.append(v)
                else:
                    out.append(f"emit(('{tag}', {r.randint(0, 999)}, {self.expr(known)}))")
            return out

        A, B = stmts("a"), stmts("b")
        for s in A:
            self.line(indent, a=s)
        for s in B:
            self.line(indent, b=s)
        self.line(indent, o="if not moved():")
        for s in A:
            self.line(indent + 1, o=s)
        self.line(indent, o="else:")
        for s in B:
            self.line(indent + 1, o=s)

    def wait(self, indent, names):
        self.waits += 1
        n = self.r.randint(0, 99)
        texts = [f"w = yield ('y', {n})"] if "generator" in self.kind else []
        texts += [f"w = await pause({n})"] if self.kind != "generator" else []
        text = self.r.choice(texts)
        self.same(indent, f"hook()")
        col = 4 * indent + 4
        span = lambda lines: [len(lines) + 1, col, len(lines) + 1, 4 * indent + len(text)]
        self.places.append(dict(what="wait", old=span(self.a), new=span(self.b)))
        self.line(indent, text, text, text)
        self.line(indent, o="arrived('wait')")

    def block(self, indent, names, in_loop):
        r = self.r
        first = True
        for _ in range(r.randint(1, 4)):
            if self.budget <= 0:
                break
            self.budget -= 1
            c = r.random()
            if c < 0.35:
                self.change(indent, names)
            elif c < 0.45:
                self.same(indent, "hook()")
            elif c < 0.55 and self.kind != "plain":
                self.wait(indent, names)
            elif c < 0.72 and self.depth < 4:
                self.loop(indent, names)
            elif c < 0.82 and self.depth < 4:
                n = r.randint(0, 9)
                a = "async " if self.is_async() and r.random() < 0.5 else ""
                self.same(indent, f"{a}with Manager(emit, {n}) as m{n}:")
                self.depth += 1
                self.same(indent + 1, "emit('in')")
                self.block(indent + 1, names, in_loop)
                self.depth -= 1
            elif c < 0.86 and self.depth < 4:
                self.same(indent, f"match tick() % {r.randint(2, 3)}:")
                self.depth += 2
                for case in ("0", "_"):
                    self.same(indent + 1, f"case {case}:")
                    self.same(indent + 2, f"emit('case {case}')")
                    self.block(indent + 2, names, in_loop)
                self.depth -= 2
            elif c < 0.92 and self.depth < 4:
                self.same(indent, "try:")
                self.depth += 1
                self.same(indent + 1, "emit('try')")
                self.block(indent + 1, names, in_loop)
                self.depth -= 1
                if r.random() < 0.5:
                    self.same(indent, "finally:")
                    self.same(indent + 1, "emit('finally')")
                else:
                    self.same(indent, "except KeyError:")
                    self.same(indent + 1, "emit('never')")
            else:
                self.same(indent, f"if tick() % {r.randint(2, 3)}:")
                self.same(indent + 1, "emit('if')")
                self.depth += 1
                self.block(indent + 1, names, in_loop)
                self.depth -= 1
            if in_loop and r.random() < 0.06:
                self.same(indent, f"if tick() % 7 == 0: {r.choice(['break', 'continue'])}")
        self.same(indent, "hook()")

    def loop(self, indent, names):
        r = self.r
        n = self.loops = self.loops + 1
        k = r.randint(1, 4)
        how = r.choice(["range", "list", "tuple", "while", "iter"] + ["async"] * 2 * self.is_async())
        head = {
            "range": f"for i{n} in range({k}):",
            "list": f"for i{n} in [{', '.join(map(str, range(k)))}]:",
            "tuple": f"for i{n} in ({', '.join(map(str, range(k)))},):",
            "iter": f"for i{n} in iter('{'abcd'[:k]}'):",
            "while": f"while i{n} < {k}:",
            "async": f"async for i{n} in pause.all({k}):",
        }[how]
        self.same(indent, f"i{n} = 0")
        self.same(indent, head)
        first = f"i{n} = i{n} + 1" if how == "while" else f"emit(('loop', {n}))"
        place = lambda lines: [len(lines) + 1, 4 * indent + 4, len(lines) + 1, 4 * indent + 4 + len(first)]
        self.places.append(dict(what="loop", old=place(self.a), new=place(self.b)))
        self.line(indent + 1, o="arrived('loop')")
        self.same(indent + 1, first)
        self.depth += 1
        self.block(indent + 1, names + [f"i{n}"], True)
        self.depth -= 1

    def build(self):
        head = {
            "plain": "def f(emit, hook, tick, pause, Manager, moved, arrived, p):",
            "generator": "def f(emit, hook, tick, pause, Manager, moved, arrived, p):",
            "coroutine": "async def f(emit, hook, tick, pause, Manager, moved, arrived, p):",
            "async generator": "async def f(emit, hook, tick, pause, Manager, moved, arrived, p):",
        }[self.kind]
        self.same(0, head)
        self.same(1, "base = p")
        # Closures: variables that are cells.
        if self.r.random() < 0.3:
            self.same(1, "g = lambda: (base, p)")
            self.same(1, "emit(g())")
        if self.r.random() < 0.5:
            self.change(1, ["base", "p"])
        self.loop(1, ["base", "p"])
        self.block(1, ["base", "p"], False)
        if self.kind != "plain":
            self.wait(1, ["base"])
            if self.kind == "async generator":
                # Without one it would be a coroutine.
                self.same(1, "yield 'last'")
            self.change(1, ["base"])
        self.same(1, "emit('end')" if "generator" in self.kind else "return ('end', base)")
        return tuple("\n".join(lines) + "\n" for lines in (self.a, self.b, self.o))


class Pause:
    def __init__(self, n):
        self.n = n

    def __await__(self):
        return (yield self.n)

    @classmethod
    async def all(cls, count):
        for n in range(count):
            await cls(n)
            yield n


def drive(code, kind, trigger, at, rules, suspended=False, lines=()):
    """Runs a version; at the hook numbered `at` the edit comes, or where the call is suspended after that."""
    trace = []
    count = [0]
    ticks = [0]
    state = {"wanted": False, "moved": False}

    def emit(x):
        trace.append(x)

    def tick():
        ticks[0] += 1
        return ticks[0]

    def moved():
        return state["moved"]

    def arrived(where, line=None):
        if state["wanted"] == where or (state["wanted"] and line in lines):
            state["moved"] = True

    def comes(item):
        if trigger is None:
            state["wanted"] = rules
        else:
            trigger(item)

    def hook():
        count[0] += 1
        if count[0] == at and at and suspended:
            state["comes"] = True
        elif count[0] == at and at:
            comes(None)

    names = {}
    exec(code, names)
    item = names["f"](emit, hook, tick, Pause, Manager, moved, arrived, ("p", 7))
    if kind == "plain":
        trace.append(item)
        return trace, count[0]
    for given in (steps_of_all if kind == "async generator" else steps)(item, lambda: ("sent", len(trace))):
        trace.append(given)
        if state.pop("comes", False):
            comes(item)
    return trace, count[0]


def steps(item, sent):
    """What a generator or coroutine gives each time that it is suspended, and in the end."""
    value = None
    try:
        while True:
            yield "out", item.send(value)
            value = sent()
    except StopIteration as end:
        yield "stop", end.value


def steps_of_all(items, sent):
    """What an async generator awaits and gives."""
    value = None
    while True:
        try:
            for kind, given in steps(items.asend(value), sent):
                yield kind, given
        except StopAsyncIteration:
            yield "end", None
            return
        value = sent()


def frame_of(item):
    return next(getattr(item, name) for name in ("gi_frame", "cr_frame", "ag_frame") if hasattr(item, name))


def planned_for(seed, old, new, places):
    """The moves of one patch; of some seeds those of a second one, to the former text."""
    native.match_room(old, new)
    planned = moves.Moves()
    if seed % 5:
        planned.add(old, new, places)
        return planned
    again = old.replace()
    onward.remember(Bytecode(old), Bytecode(new), places, False)
    planned.add(new, again, [{**place, "old": place["new"], "new": place["old"]} for place in places])
    assert planned.add_earlier(old) is new
    return planned


def one(seed):
    g = Generator(seed)
    a, b, o = g.build()
    A, B, O = (compile(t, n, "exec") for t, n in ((a, "<a>"), (b, "<b>"), (o, "<rules>")))
    native.reserve_room(A)
    plain, hooks = drive(A, g.kind, None, 0, "none")
    at = g.r.randint(1, max(hooks, 1))
    suspended = g.kind != "plain" and g.r.random() < 0.5
    new = next(c for c in B.co_consts if hasattr(c, "co_code"))
    result = {}

    def trigger(item):
        frame = sys._getframe(3) if item is None else frame_of(item)
        if frame is None:
            return
        kind = calls._KINDS[type(item)] if item is not None else None
        call = calls.Call(frame, ["test"], kind, None if item is None else [weakref.ref(item)])
        planned = planned_for(seed, frame.f_code, new, g.places)
        (call,) = planned.move([call])
        planned.begin()
        _, targets = planned._waiting.get(id(frame.f_code), (None, {}))
        at_lines = moves.Bytecode(frame.f_code).lines
        result["lines"] = {at_lines[unit] for unit, target in targets.items() if not target.is_loop}
        result["moved"], result["reason"] = call.moved, call.reason

    got, _ = drive(A, g.kind, trigger, at, "", suspended)
    # A suspended call that is moved at once goes on in the new code as soon as it goes on.
    rules = {"now": "wait", "next": "loop", "behind": "behind"}.get(result.get("moved")) if seed % 5 else None
    want = plain if rules is None else drive(O, g.kind, None, at, rules, suspended, result["lines"])[0]
    if got != want:
        print("WRONG", seed, g.kind, at, suspended, result)
        print(a)
        print(b)
        print("got ", got)
        print("want", want)
        sys.exit(1)
    return result.get("moved"), result.get("reason")


if __name__ == "__main__":
    first, count = int(sys.argv[1]), int(sys.argv[2])
    tally = {}
    for seed in range(first, first + count):
        m, why = one(seed)
        key = m or ("stays: " + str(why))
        tally[key] = tally.get(key, 0) + 1
    for key, n in sorted(tally.items(), key=lambda x: -x[1])[:12]:
        print(n, key)
    print("without room", sum(n for key, n in tally.items() if "room" in key))
    print("done", count)
