"""Where it is defined once more: several times in a cell, in blocks, in another cell; and undo."""

from cases import case

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
