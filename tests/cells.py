"""Cells that define something again, run as a prompt runs them: what was made of the former definition follows.

Prints a line for each case that does not hold, and how many there were.
"""

import ast
import contextlib
import io
import sys
import traceback

from hotsplice import _cells

_cells.settings.patches = True
NAMESPACE = sys.modules["__main__"].__dict__
count = 0


def run(cell):
    """A text, or what a client calls the cell and its text."""
    global count
    count += 1
    named, text = cell if isinstance(cell, tuple) else (None, cell)
    name = f"<cell-{count}>"
    tree = ast.parse(text)
    _cells.weave(_cells.begin(text, name, NAMESPACE, named), tree.body)
    exec(compile(tree, name, "exec"), NAMESPACE)


CASES = []


def case(title, cells, check):
    CASES.append((title, cells, check))


case(
    "dataclass field added, old objects",
    [
        "import dataclasses\n@dataclasses.dataclass\nclass D1:\n    x: int = 1\n",
        "d=D1()",
        "@dataclasses.dataclass\nclass D1:\n    x: int = 1\n    y: int = 2\n    def s(self): return self.x+self.y\n",
    ],
    "type(d) is D1 and D1(3,4).s()==7 and d.s()==3",
)
case(
    "enum member added",
    [
        "import enum\nclass E1(enum.Enum):\n    A=1\n",
        "e=E1.A",
        "class E1(enum.Enum):\n    A=1\n    B=2\n",
    ],
    "e is E1.A and E1.B.value==2",
)
case(
    "subclass follows base",
    [
        ("class B2:\n    def m(self): return 1\n"),
        ("class C2(B2): pass\nc2=C2()"),
        ("class B2:\n    def m(self): return 2\n"),
    ],
    "c2.m()==2 and isinstance(c2,B2)",
)
case(
    "closure factory",
    [
        "def mk(k):\n    def inner(): return k\n    return inner\n",
        "i=mk(5)",
        "def mk(k):\n    def inner(): return k*2\n    return inner\n",
    ],
    "i()==10 and mk(1)()==2",
)
case(
    "generator running",
    [
        "def g3():\n    for i in range(3):\n        yield i\n",
        "it=g3(); next(it)",
        "def g3():\n    for i in range(3):\n        yield i*10\n",
    ],
    "list(g3())==[0,10,20] and list(it) in ([1,2],[10,20])",
)
case(
    "lru_cache",
    [
        "import functools\n@functools.lru_cache\ndef f4(x): return x\n",
        "h4=f4; f4(1)",
        "@functools.lru_cache\ndef f4(x): return x+1\n",
    ],
    "h4(1)==2 and f4(1)==2",
)
case(
    "property",
    [
        "class P5:\n    @property\n    def v(self): return 1\n",
        "p5=P5()",
        "class P5:\n    @property\n    def v(self): return 2\n",
    ],
    "p5.v==2",
)
case(
    "super",
    [
        "class B6:\n    def m(self): return 1\nclass C6(B6):\n    def m(self): return super().m()+1\n",
        "c6=C6()",
        "class C6(B6):\n    def m(self): return super().m()+10\n",
    ],
    "c6.m()==11",
)
case(
    "method removed",
    [
        "class R7:\n    def a(self): return 1\n    def b(self): return 2\n",
        "r7=R7()",
        "class R7:\n    def a(self): return 3\n",
    ],
    "r7.a()==3 and not hasattr(r7,'b')",
)
case("class to function", ["class K8: pass", "k8=K8", "def K8(): return 7"], "K8()==7")
case(
    "function to class",
    ["def K9(): return 7", "k9=K9", "class K9: pass"],
    "isinstance(K9(),K9)",
)
case(
    "what a class attribute holds",
    ["class S10:\n    n=0\n", "S10.n=5", "class S10:\n    n=0\n"],
    "S10.n==5",
)
case(
    "two defs one name in a cell",
    [
        "def f11(): return 1\ndef f11(): return 2\n",
        "h11=f11",
        "def f11(): return 3\ndef f11(): return 4\n",
    ],
    "f11()==4 and h11()==4",
)
case(
    "async",
    ["async def f12(): return 1", "h12=f12", "async def f12(): return 2"],
    "__import__('asyncio').run(h12())==2",
)
case(
    "raises in decorator",
    [
        "def ok(f): return f\n@ok\ndef f13(): return 1",
        "h13=f13",
        "try:\n    pass\nfinally:\n    pass\ndef bad(f): raise RuntimeError('x')",
        "import sys\n@bad\ndef f13(): return 2",
    ],
    "RAISES RuntimeError",
)
case(
    "bound method held",
    [
        "class M14:\n    def go(self): return 1\n",
        "b14=M14().go",
        "class M14:\n    def go(self): return 2\n",
    ],
    "b14()==2",
)
case(
    "default changed by state",
    [
        "S15=1\ndef f15(x=S15): return x\n",
        "h15=f15;S15=9",
        "def f15(x=S15): return x\n",
    ],
    "h15()==9",
)
case(
    "rebound name",
    ["def f16(): return 1\n", "f16=lambda: 5", "def f16(): return 2"],
    "f16()==2",
)
case(
    "deleted name",
    ["def f17(): return 1\n", "h17=f17\ndel f17", "def f17(): return 2"],
    "f17()==2 and h17()==1",
)
case(
    "decorated callback dict",
    [
        (
            "reg18={}\ndef on18(n):\n    def d(f):\n        reg18[n]=f\n        return f\n    return d\n"
            "@on18('a')\ndef cb18(): return 1\n"
        ),
        "@on18('b')\ndef cb18(): return 2\n",
    ],
    "reg18['b']()==2 and len(reg18)==1",
)
case(
    "metaclass registry",
    [
        (
            "regs19=[]\nclass Meta19(type):\n    def __init__(c,n,b,d):\n        regs19.append(c)\n"
            "class T19(metaclass=Meta19):\n    v=1\n"
        ),
        "o19=T19()",
        "class T19(metaclass=Meta19):\n    v=2\n",
    ],
    "o19.v==2 and regs19==[T19]",
)
case(
    "wraps",
    [
        (
            "import functools\ndef tw(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)*2\n"
            "    return w\n@tw\ndef f20(x): return x\n"
        ),
        "h20=f20",
        "@tw\ndef f20(x): return x+1\n",
    ],
    "h20(1)==4 and f20(1)==4",
)
case(
    "decorator redefined, then the function",
    [
        "def tw21(f):\n    def w(*a): return f(*a)*2\n    return w\n@tw21\ndef f21(x): return x\n",
        "h21=f21",
        "def tw21(f):\n    def w(*a): return f(*a)*3\n    return w\n",
        "@tw21\ndef f21(x): return x\n",
    ],
    "h21(1)==3 and f21(1)==3",
)
case(
    "namedtuple-like",
    [
        "from typing import NamedTuple\nclass N22(NamedTuple):\n    a: int\n",
        "o22=N22(1)",
        "class N22(NamedTuple):\n    a: int\n    def d(self): return self.a*2\n",
    ],
    "o22.d()==2",
)
case(
    "recursion",
    [
        "def f23(n): return 0 if n==0 else 1+f23(n-1)",
        "h23=f23",
        "def f23(n): return 0 if n==0 else 2+f23(n-1)",
    ],
    "h23(3)==6",
)
case(
    "global counter state",
    [
        "c24=0\ndef inc24():\n    global c24\n    c24+=1\n",
        "inc24()",
        "def inc24():\n    global c24\n    c24+=2\n",
        "inc24()",
    ],
    "c24==3",
)
case(
    "class attr computed",
    [
        "K25=1\nclass A25:\n    v=K25*2\n",
        "a25=A25();K25=5",
        "class A25:\n    v=K25*2\n",
    ],
    "a25.v==10",
)
case(
    "abstract",
    [
        (
            "import abc\nclass B26(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...\n"
            "class I26(B26):\n    def m(self): return 1\n"
        ),
        "i26=I26()",
        "class B26(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...\n    def k(self): return self.m()+1\n",
    ],
    "i26.k()==2",
)
case(
    "base changes",
    [
        "class X27:\n    def x(self): return 1\nclass Y27:\n    def x(self): return 2\nclass Z27(X27): pass\n",
        "z27=Z27()",
        "class Z27(Y27): pass",
    ],
    "z27.x()==2",
)
case(
    "instance attr in init added",
    [
        "class Q28:\n    def __init__(self): self.a=1\n",
        "q28=Q28()",
        (
            "class Q28:\n    def __init__(self):\n        self.a=1\n        self.b=2\n"
            "    def t(self): return self.a+self.b\n"
        ),
    ],
    "q28.t()==3",
)
case(
    "nested class",
    [
        "class O29:\n    class In:\n        def m(self): return 1\n",
        "o29=O29.In()",
        "class O29:\n    class In:\n        def m(self): return 2\n",
    ],
    "o29.m()==2",
)
case(
    "singledispatch",
    [
        (
            "import functools\n@functools.singledispatch\ndef f30(x): return 'o'\n@f30.register\n"
            "def _i30(x: int): return 'i'\n"
        ),
        "h30=f30",
        "@f30.register\ndef _i30(x: int): return 'I'\n",
    ],
    "h30(1)=='I' and h30('')=='o'",
)
case(
    "docs and annotations",
    ["def f31(x: int)->int:\n    'a'\n", "h31=f31", "def f31(x: str)->str:\n    'b'\n"],
    "h31.__doc__=='b' and h31.__annotations__['x'] in (str,'str')",
)
case(
    "third time",
    [
        "def f32(): return 1",
        "h32=f32",
        "def f32(): return 2",
        "def f32(): return 3",
        "class W32: pass\ndef f32():\n\n    return 4",
    ],
    "h32()==4 and h32.__code__.co_firstlineno==2",
)
case(
    "thread target",
    [
        (
            "import threading,time\nev33=threading.Event()\nout33=[]\ndef w33():\n"
            "    while not ev33.wait(0.01):\n        step33()\ndef step33(): out33.append(1)\n"
        ),
        "t33=threading.Thread(target=w33);t33.start()",
        "def step33(): out33.append(2)\n",
        "import time\nwhile 2 not in out33: time.sleep(.01)\nev33.set();t33.join()",
    ],
    "2 in out33",
)
case(
    "global name only in new",
    [
        "def f34(): return 1",
        "h34=f34",
        "import math as m34\ndef f34(): return m34.floor(2.5)",
    ],
    "h34()==2",
)
case(
    "call in the same cell",
    ["def f35(): return 1\nr35=f35()\n", "def f35(): return 2\nr35=f35()\n"],
    "r35==2",
)
case(
    "pickle",
    [
        "class P36:\n    x=1\n",
        "import pickle\ns36=pickle.dumps(P36())",
        "class P36:\n    x=2\n",
    ],
    "pickle.loads(s36).x==2",
)
case(
    "type params/generic",
    [
        (
            "from typing import Generic,TypeVar\nT37=TypeVar('T37')\nclass G37(Generic[T37]):\n"
            "    def m(self): return 1\n"
        ),
        "g37=G37()",
        "class G37(Generic[T37]):\n    def m(self): return 2\n",
    ],
    "g37.m()==2",
)

# What only has the name of another: it registers beside that one.
case(
    "underscores of two cells",
    [
        "import functools\n@functools.singledispatch\ndef f38(x): return 'o'\n",
        "@f38.register\ndef _(x: int): return 'i'\n",
        "@f38.register\ndef _(x: str): return 's'\n",
    ],
    "(f38(1),f38(''),f38(1.0))==('i','s','o')",
)
case(
    "underscores of one cell that is run again",
    [
        "import functools\n@functools.singledispatch\ndef f39(x): return 'o'\n",
        "@f39.register\ndef _(x: int): return 'i'\n@f39.register\ndef _(x: str): return 's'\n",
        "@f39.register\ndef _(x: int): return 'I'\n@f39.register\ndef _(x: str): return 'S'\n",
    ],
    "(f39(1),f39(''))==('I','S')",
)
DISPATCH = (
    "class Dispatch40:\n    def __init__(self): self.by={}\n    def __call__(self,x): return self.by[type(x)](x)\n"
    "all40={}\ndef on40(kind):\n    def d(f):\n        made=all40.setdefault(f.__name__,Dispatch40())\n"
    "        made.by[kind]=f\n        return made\n    return d\n"
)
case(
    "one name for several in a cell",
    [
        DISPATCH,
        "@on40(int)\ndef f40(x): return 'i'\n@on40(str)\ndef f40(x): return 's'\nh40=f40\n",
        "@on40(int)\ndef f40(x): return 'I'\n@on40(str)\ndef f40(x): return 'S'\n",
    ],
    "(f40(1),f40(''),h40 is f40)==('I','S',True)",
)
case(
    "overloads",
    [
        (
            "from typing import overload\n@overload\ndef f41(x: int)->int: ...\n@overload\ndef f41(x: str)->str: ...\n"
            "def f41(x): return x\n"
        ),
        "h41=f41",
        "@overload\ndef f41(x: int)->int: ...\n@overload\ndef f41(x: str)->str: ...\ndef f41(x): return [x]\n",
    ],
    "h41 is f41 and h41(1)==[1]",
)
# Where definitions stand.
case(
    "branches",
    [
        "if True:\n    def f42(): return 1\nelse:\n    def f42(): return 2\n",
        "h42=f42",
        "if False:\n    def f42(): return 1\nelse:\n    def f42(): return 4\n",
        "if True:\n    def f42(): return 5\nelse:\n    def f42(): return 6\n",
    ],
    "h42 is f42 and h42()==5",
)
WITH_AND_TRY = (
    "import contextlib\nwith contextlib.suppress(OSError):\n    def f43(): return 1\n"
    "try:\n    import absent43\nexcept ImportError:\n    class C43:\n        def m(self): return '''a\n b'''\n"
)
case(
    "with and try",
    [
        WITH_AND_TRY,
        "h43,o43=f43,C43()",
        WITH_AND_TRY.replace("return 1", "return 2").replace("'a", "'c"),
    ],
    "h43()==2 and f43 is h43 and type(o43) is C43 and o43.m()=='c\\n b'",
)
case(
    "from a block to the module, and back",
    [
        "if True:\n    def f44(): return 1\n",
        "h44=f44",
        "def f44(): return 2\n",
        "if 1:\n  with open('/dev/null'):\n        def f44(): return f'''{3}\n x'''\n",
    ],
    "h44 is f44 and h44()=='3\\n x'",
)
case(
    "in a loop each is another one",
    ["made45=[]\nfor i45 in range(3):\n    def f45(i=i45): return i\n    made45.append(f45)\n"] * 2,
    "[f() for f in made45]==[0,1,2]",
)
case(
    "in a function",
    [
        "def mk46():\n    def f46(): return 1\n    return f46\ng46=mk46()\n",
        "def f46(): return 2\n",
    ],
    "g46()==1 and f46()==2",
)
# As notebooks call their cells.
case(
    "an edit of the cell that registers",
    [("a", DISPATCH.replace("40", "47")), ("b", "@on47(int)\ndef f47(x): return 'i'\n")]
    + [("b", "@on47(int)\ndef f47(x): return 'I'\n")],
    "f47(1)=='I'",
)
case(
    "a decorated function of one name moves to another cell",
    [
        "import functools",
        ("a", "@functools.lru_cache\ndef f48(x): return 1\n"),
        "h48=f48",
    ]
    + [("b", "@functools.lru_cache\ndef f48(x): return 2\n")],
    "h48 is f48 and h48(1)==2",
)
UNDONE = [
    "def f49(): return 1\nclass C49:\n    def m(self): return 1\n",
    "h49,o49=f49,C49()\nimport hotsplice\ndef seen49(): return h49(), f49 is h49, o49.m(), type(o49) is C49\n",
    "def f49(): return 2\nif True:\n    class C49:\n        def m(self): return '''a\n b'''\n",
    "def f49(): return 3\n",
    "s49=[seen49()]\nfor _ in range(3): hotsplice.undo().check(); s49.append(seen49())\n",
    "class C49:\n    def m(self): return 7\n",
]
case(
    "once more in a branch",
    [
        "d51=False\ndef f51(): return 1\n",
        "h51=f51",
        "def f51(): return 2\nif d51:\n    def f51(): return 1\n",
        "s51=[h51(),f51 is h51];d51=True",
        "def f51(): return 2\nif d51:\n    def f51(): return 1\n",
        "s51+=[h51(),f51 is h51]",
        "if d51:\n    def f51(): return 5\nelse:\n    def f51(): return 6\ndef f51(): return 7\n",
    ],
    "s51==[2,True,1,True] and h51()==7 and f51 is h51",
)
case(
    "edited after it was run as it was, in other lines",
    [
        "def f52(): return 1\nclass C52:\n    def m(self): return 1\n",
        "h52,o52=f52,C52()",
        "def f52(): return 1\nclass C52:\n    def m(self): return 1\n",
        "\n\nx52=1\ndef f52(): return 1\nclass C52:\n\n    def m(self): return 1\n",
        "def f52(): return 1\nclass C52:\n    def m(self): return 1\n",
        "def f52(): return 2\nclass C52:\n    def m(self): return 2\n",
    ],
    "h52() == 2 and h52 is f52 and o52.m() == 2 and type(o52) is C52",
)
case(
    "undo leaves what the cell has left",
    [
        "def f53(): return 1\ndef g53(a=1): return a\n",
        "import hotsplice\nh53=f53,g53\ns53=[]\ndef seen53(): s53.append([f() for f in h53]+[h53==(f53,g53)])\n",
        "def f53(): return 2\ndef g53(a=1): return a\n",
        "def f53(): return 2\ndef g53(a=1): return a+1\nseen53()\n",
        "for _ in range(2): hotsplice.undo().check(); seen53()\n",
    ],
    "s53==[[2,2,True],[2,1,True],[1,1,True]]",
)
case(
    "undo of a cell that defines several",
    [
        "def f50(): return 1\ndef g50(): return 1\n",
        "import hotsplice\nh50=f50,g50",
        "def f50(): return 2\ndef g50(): return 2\n",
        "hotsplice.undo().check()",
    ],
    "[f() for f in h50]==[1,1] and h50==(f50,g50)",
)
case(
    "undo",
    UNDONE,
    "s49==[(3,True,'a\\n b',True),(2,True,'a\\n b',True),(2,True,1,True),(1,True,1,True)] and o49.m()==7",
)

for title, cells, check in CASES:
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            for text in cells:
                run(text)
        held = eval(check, NAMESPACE) if not check.startswith("RAISES") else "it did not raise"
    except BaseException as error:
        held = True if check == f"RAISES {type(error).__name__}" else traceback.format_exc()
    if held is not True:
        print(f"{title}: {held!r} {errors.getvalue()}")
    elif "HS0650" in errors.getvalue():
        print(f"{title}: {errors.getvalue()}")
print(f"{len(CASES)} cases", flush=True)
