"""Frames that pdb has stopped, restarted by the engine: what each call gives is compared with what it must give.

``python restarts.py``: prints a line a situation.
"""

import asyncio, contextlib, gc, io, pdb, sys, textwrap, threading
from hotsplice import _loading
from hotsplice._native import load

load()
engine = _loading.engine()
from hotsplice._engine.after import restarting
from hotsplice._engine.errors import EngineError

log = []
answers = []


def emit(value):
    log.append(value)
    return value


class Freed:
    """Says when it has gone."""

    def __init__(self, name):
        self.name = name

    def __del__(self):
        log.append(f"freed {self.name}")


def functions(text):
    """What a text defines, in names of its own."""
    names = {"emit": emit, "Freed": Freed, "asyncio": asyncio, "contextlib": contextlib, "log": log}
    file = f"<text {len(functions.texts)}>"
    functions.texts[file] = text
    import linecache

    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"), names)
    return names


functions.texts = {}


def again(new=None, **params):
    """Typed at the debugger: gives functions new code, and asks in another thread, as a client does."""

    def ask():
        try:
            answers.append(restarting.restart(params))
        except EngineError as error:
            answers.append(error.code)

    for name, function in (new or {}).items():
        if type(function) is type(again) and name in again.names:
            again.names[name].__code__ = function.__code__
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()


def debug(old, new, stop, commands, call="call"):
    """Runs ``call`` of a text to the line that ends with a comment ``# stop``; the debugger is told what to do there."""
    del log[:], answers[:]
    names = functions(textwrap.dedent(old))
    again.names = names
    again.new = None if new is None else functions(textwrap.dedent(new))
    code = names[call].__code__
    line = next(n for n, line in enumerate(functions.texts[code.co_filename].splitlines(), 1) if line.endswith("# " + stop))
    out = io.StringIO()
    # A call that a debugger makes stops at its first line.
    debugger = pdb.Pdb(stdin=io.StringIO("\n".join(["c", *commands]) + "\n"), stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    debugger.set_break(code.co_filename, line)
    try:
        result = debugger.runcall(names[call], 3, 4)
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    finally:
        sys.settrace(None)
        debugger.clear_all_breaks()
    return result, list(log), answers and answers[0], out.getvalue()


def check(name, got, wanted):
    result, seen, answer, out = got
    code = answer if type(answer) is str else answer and {key: answer[key] for key in ("at_once", "is_new", "changed")}
    if (result, seen, code) != wanted:
        print(f"{name}: gives {(result, seen, code)}, not {wanted}\n{out}")
        sys.exit(1)
    print(name)


NOW = {"at_once": True, "is_new": True, "changed": []}
GO = "!again(again.new)"
BIGGER = """
    def call(a, b):
        total = max(a, b, 1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, a, b, a, b, a, b, a * b)
        return "new", a * b, total
"""

__builtins__.again = again


def plain():
    old = """
        def call(a, b):
            t = a + b
            emit(t)
            u = t * 2  # stop
            emit(u)
            return "old", u
    """
    check("plain", debug(old, BIGGER, "stop", [GO, "c"]), (("new", 12, 12), [7], NOW))
    check("twice", debug(old, BIGGER, "stop", [GO, GO, "c"]), (("new", 12, 12), [7], NOW))
    got = debug(old, None, "stop", ["!again()", "c", "c"])
    check("same code", got, (("old", 14), [7, 7, 14], {**NOW, "is_new": False}))
    got = debug(old, BIGGER, "stop", [GO, "q"])
    check("quit", got, (None, [7], NOW))
    got = debug(old, BIGGER, "stop", ["n", GO, "n", "n", "n", "c"])
    check("stepped", got, (("new", 12, 12), [7], NOW))
    inside = "    def call(a, b):\n        t = a * b\n        return t\n"
    for _ in range(200):
        got = debug(old, inside, "stop", [GO, "c"])
        assert got[:2] == (12, [7]), got


def blocks():
    old = """
        def call(a, b):
            held = Freed("held")
            for i in range(3):
                try:
                    for k in (1, 2):
                        emit((i, k))  # stop
                except ValueError as error:
                    emit(error)
                except (KeyError, TypeError):
                    raise
            return "old"
    """
    # Sent elsewhere by the debugger since: it executes that line, and begins again at the next one.
    got = debug(old, BIGGER, "stop", ["c", GO, "j 3", "c"])
    check("jump", got, (("new", 12, 12), [(0, 1), "freed held", "freed held"], NOW))
    check("loops", debug(old, BIGGER, "stop", ["c", GO, "c"]), (("new", 12, 12), [(0, 1), "freed held"], NOW))
    old = """
        def call(a, b):
            for i in (1, 2):
                for k in (3, 4):
                    emit((i, k))  # stop
            emit(max(a, b, 1, 2, 3, 4, 5, 6, 7, 8, 9))
            with noted():
                emit("inside")
            return "old"
        @contextlib.contextmanager
        def noted():
            emit("entered")
            yield
            emit("left")
    """
    # What was on the stack is not on it any more: a debugger does not go into a loop, and what is entered there is left.
    for line, seen in ((5, []), (6, [9]), (7, ["entered", "inside", "left"])):
        got = debug(old, BIGGER, "stop", [GO, f"j {line}", "c"])
        check(f"jump to line {line}", got, (("new", 12, 12), seen, NOW))
    old = """
        def call(a, b):
            with contextlib.ExitStack() as stack:
                stack.callback(emit, "left")
                emit(a)  # inside
            try:
                emit(b)  # in finally
            finally:
                emit("finally")
            try:
                {}[a]
            except KeyError:
                emit("handled")  # handled
                try:
                    emit("nested")  # nested
                except ValueError:
                    pass
            emit("end")  # end
            return "old"
    """
    inside = """
        def call(a, b):
            try:
                emit(a)
            finally:
                emit("first")
                emit("second")  # in finally
            with noted():
                emit("inside")  # in with
            return "old"
        @contextlib.contextmanager
        def noted():
            emit("entered")
            yield
            emit("left")
    """
    seen = [3, "first", "second", "entered", "inside", "left"]
    check("refused in finally", debug(inside, BIGGER, "in finally", [GO, "c"]), ("old", seen, "HS0624"))
    check("refused at the end of with", debug(inside, BIGGER, "in with", ["n", GO, "c"]), ("old", seen, "HS0624"))
    steps = [3, "left", 4, "finally", "handled", "nested", "end"]
    for stop in ("inside", "in finally", "handled", "nested"):
        check(f"refused {stop}", debug(old, BIGGER, stop, [GO, "c"]), ("old", steps, "HS0624"))
    check("behind blocks", debug(old, BIGGER, "end", [GO, "c"]), (("new", 12, 12), steps[:-1], NOW))


def arguments():
    old = """
        def call(a, b, *rest, key=1, **named):
            a = a + 100
            inner = lambda: (a, key)
            emit(inner())
            return "old"  # stop
    """
    new = """
        def call(a, b, *rest, key=1, **named):
            other = lambda: (a, b, key)
            return "new", other(), rest, named
    """
    got = debug(old, new, "stop", [GO, "c"])
    check("cells", got, (("new", (103, 4, 1), (), {}), [(103, 1)], {**NOW, "changed": ["a"]}))
    got = debug(old, "def call(a): return a", "stop", [GO, "c"])
    check("other arguments", got, ("old", [(103, 1)], "HS0623"))
    got = debug("def call(a, b):\n    del b\n    return a  # stop\n", BIGGER, "stop", [GO, "c"])
    check("deleted argument", got, (3, [], "HS0623"))


def closures():
    old = """
        def make():
            count = 0
            def call(a, b):
                nonlocal count
                count += 1
                emit(count)
                return "old", count  # stop
            return call
        call = make()
    """
    new = """
        def make():
            count = 0
            def call(a, b):
                nonlocal count
                count += 10
                return "new", count, [a + b for k in range(2)]
            return call
        call = make()
    """
    check("closure", debug(old, new, "stop", [GO, "c"]), (("new", 11, [7, 7]), [1], NOW))


def callers():
    old = """
        def inner(x):
            emit(x)  # stop
            return x
        def call(a, b):
            t = inner(a)
            emit("rest")
            return "old"
    """
    later = {**NOW, "at_once": False}
    got = debug(old + "", BIGGER, "stop", ["!again(again.new, frame=1)", "c"], "call")
    check("caller", got, (("new", 12, 12), [3], later))
    got = debug(old.replace("t = inner(a)", "return inner(a)"), BIGGER, "stop", ["!again(again.new, frame=1)", "c"])
    check("caller that ends", got, (3, [3], later))
    got = debug(old, BIGGER, "stop", ["!again(again.new, function='call')", "c"])
    check("by name", got, (("new", 12, 12), [3], later))
    got = debug(old, BIGGER, "stop", ["!again(again.new, frame=40)", "c"])
    check("no such frame", got, ("old", [3, "rest"], "HS0620"))


def suspended():
    old = """
        async def work(a, b):
            await asyncio.sleep(0)
            kept = lambda: a
            emit("old")
            return kept()  # stop
        def call(a, b):
            return asyncio.run(work(a, b))
    """
    new = """
        async def work(a, b):
            await asyncio.sleep(0)
            kept = lambda: a * b
            return "new", kept()
    """
    check("coroutine", debug(old, new, "stop", [GO, "c"]), (("new", 12), ["old"], NOW))
    old = """
        def numbers(a):
            yield 1
            emit("old")
            yield 2  # stop
        def call(a, b):
            return list(numbers(a))
    """
    new = """
        def numbers(a):
            yield 10
            yield a
    """
    check("generator", debug(old, new, "stop", [GO, "c"]), ([1, 10, 3], ["old"], NOW))


def breakpoint_call():
    old = """
        def call(a, b):
            emit(a)
            hold()
            return "old"  # stop
    """
    names = functions(textwrap.dedent(old))
    again.names, again.new = names, functions(textwrap.dedent(BIGGER))
    del log[:], answers[:]
    out = io.StringIO()

    def hold():
        debugger = pdb.Pdb(stdin=io.StringIO(GO + "\nc\n"), stdout=out, nosigint=True, readrc=False)
        debugger.use_rawinput = False
        debugger.set_trace(sys._getframe(1))

    names["hold"] = hold
    result = names["call"](3, 4)
    sys.settrace(None)
    assert result == ("new", 12, 12) and log == [3], (result, log, answers, out.getvalue())
    print("breakpoint")


def threads():
    """The thread of the debugger's is found among others that run."""
    stop = threading.Event()
    others = [threading.Thread(target=stop.wait) for _ in range(5)]
    for thread in others:
        thread.start()
    plain()
    stop.set()
    for thread in others:
        thread.join()


def watched():
    """What was watched costs nothing once nothing is to be restarted."""
    plain()
    codes = list(restarting._watched)
    restarting._look()
    tool = restarting.first_run._tool
    assert codes and not restarting._watched
    assert not any(sys.monitoring.get_local_events(tool, code) & sys.monitoring.events.LINE for code in codes)
    print("watched")


def nothing_stopped():
    del answers[:]
    again()
    assert answers == ["HS0620"], answers
    print("nothing stopped")


for situation in (plain, blocks, arguments, closures, callers, suspended, breakpoint_call, threads, watched, nothing_stopped):
    situation()
    gc.collect()
print("done")
