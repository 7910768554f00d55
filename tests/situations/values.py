"""Units that are names and what they hold, in statements of every shape."""

from __future__ import annotations

from grammar import Choices, Kind, Side
from shapes import ASSIGNMENTS, PLACES, placed

# Literals in three versions, and how a program changes what they are: `{}` is the name.
VALUES = {
    "number": (("0", "1", "2"), "{} += 5"),
    "text": (('"a"', '"b"', '"c"'), '{} += "t"'),
    "nothing": (("None", "0", '""'), "{} = 9"),
    "list": (("[]", "[1]", "[2, 3]"), '{}.append("t")'),
    "list call": (("list()", "[]", "list((1,))"), '{}.append("t")'),
    "dict": (("{{}}", '{{"x": 1}}', '{{"y": 2}}'), '{}["t"] = 1'),
    "dict call": (("dict()", "{{}}", "dict(x=1)"), '{}["t"] = 1'),
    "set": (("set()", "{{1}}", "{{2, 3}}"), '{}.add("t")'),
    "deque": (("collections.deque()", "collections.deque([1])", "collections.deque(maxlen=9)"), '{}.append("t")'),
    "defaultdict": (
        ("collections.defaultdict(list)", "collections.defaultdict(list, a=[1])", "collections.defaultdict(set)"),
        '{}["t"]',
    ),
    "counter": (("collections.Counter()", 'collections.Counter("a")', 'collections.Counter("b")'), '{}["t"] += 1'),
    "lock": (("threading.Lock()", "threading.RLock()", "threading.Semaphore()"), "{}.acquire()"),
    "count": (("itertools.count()", "itertools.count(1)", "itertools.count(step=2)"), "next({})"),
    "box": (("Box(1)", "Box(2)", "Box([])"), "{}.value = 9"),
    "namespace": (("App()", "App( )", "App(*())"), '{}.routes["t"] = len'),
    "event": (("threading.Event()", "threading.Event( )", "threading.Event(*())"), "{}.set()"),
    "constant": (("K", "K + 1", "(K, 1)"), "pass"),
    "tuple": (("(1,)", "(1, 2)", "()"), "pass"),
}


def shown(kind: str, where: str) -> str:
    return {
        "lock": f"type({where}).__name__",
        "count": f"repr({where})",
        "box": f"{where}.value",
        "namespace": f"sorted({where}.routes)",
        "event": f"{where}.is_set()",
    }.get(kind, where)


def value(n: int, c: Choices, side: Side) -> None:
    one, two = (
        VALUES[c[key]][0][c[f"{key} version"]].replace("{{", "{").replace("}}", "}") for key in ("first", "second")
    )
    v, w = c["name"].format(n=n), f"w{n}"
    text = ASSIGNMENTS[c["assignment"]].format(v=v, w=w, a=one, b=two)
    side.define(c["file"], placed(text, c["place"]), v, w)
    for name, kind, touched in ((v, c["first"], c["touched"]), (w, c["second"], c["also touched"])):
        side.drive.append(f'H["{name[0]}{n}"] = m.{name}')
        if touched:
            side.drive.append(VALUES[kind][1].format(f"m.{name}"))
        side.probes.append(shown(kind, f"m.{name}"))
        if kind not in ("number", "text", "nothing", "constant", "tuple"):
            side.probes.append(f'H["{name[0]}{n}"] is m.{name}')
    for holder in c["holders"]:
        match holder:
            case "alias":
                side.texts["main"].append(f"alias{n} = {v}")
                side.probes.append(shown(c["first"], f"m.alias{n}"))
            case "user":
                side.texts["user"].append(f"from MODULE import {v}")
                side.probes.append(shown(c["first"], f"u.{v}"))
            case "default":
                side.texts["main"].append(f"def by{n}(f={v}):\n    return f")
                side.probes.append(shown(c["first"], f"m.by{n}()"))
            case "class":
                side.texts["main"].append(f"class Holder{n}:\n    kept = {v}")
                side.probes.append(shown(c["first"], f"m.Holder{n}.kept"))
            case "global":
                side.texts["main"].append(f"def get{n}():\n    return {v}, {w}")
                side.probes.append(f"m.get{n}()[0] is m.{v}")
            case "derived":
                side.texts["main"].append(f"size{n} = [{v}, 1]")
                side.probes.append(shown(c["first"], f"m.size{n}[0]"))


VALUE = Kind(
    {
        "name": ("v{n}", "v{n}", "v{n}", "x{n}"),
        "first": tuple(VALUES),
        "first version": (0, 1, 2),
        "second": tuple(VALUES),
        "second version": (0, 1, 2),
        "assignment": tuple(ASSIGNMENTS),
        "place": ("plain", "plain", *PLACES),
        "file": ("main", "main", "main", "helper"),
        "touched": (True, True, False),
        "also touched": (True, False),
    },
    value,
    ("alias", "user", "default", "class", "global", "derived"),
    frozenset(("name", "touched", "also touched", "first", "second")),
)
