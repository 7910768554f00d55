"""What is defined once more: functions, classes and what was made of them, one after the other in cells."""

from cases import case

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
