"""A program with an overlay over a module that it uses; run beside ``shop.py`` and ``patches.py``, which it writes."""

import asyncio
import inspect
import sys
import time
from pathlib import Path

import hotsplice
from hotsplice._api import live_text

SHOP = '''\
import functools


class Base:
    def greet(self):
        return "base"


class Order(Base):
    def member(self):
        return "member"

    def total(self, amount):
        """What is to be paid."""
        return ("old", amount)  # without tax

    @staticmethod
    def scaled(amount, *, by=1): return amount * by

    @classmethod
    def make(cls, amount):
        return cls()

    @property
    def paid(self):
        """Only this."""

    def greet(self):
        return super().greet()

    async def fetch(self, amount):
        return amount

    def steps(self):
        yield 1

    async def pages(self):
        yield 1


def price(
    amount,
):
    amount += 0
    return amount


@functools.lru_cache
def cached(number):
    return number
'''

PATCHES = """\
import functools

SUFFIX = "!"


def total(self, amount):
    return self.member(), amount, SUFFIX


def price(amount, tax=None):
    return amount, tax, SUFFIX


def later(amount):
    return amount, SUFFIX


@functools.lru_cache
def cached(number):
    return [number]


class Order:
    @staticmethod
    def scaled(amount, *, by=2):
        return amount, by

    @classmethod
    def make(cls, amount):
        return cls, amount

    @property
    def paid(self):
        return self.member()

    def greet(self):
        return super().greet() + SUFFIX

    async def fetch(self, amount):
        return amount + 1

    def steps(self):
        return (yield 5)

    async def pages(self):
        yield 2
"""


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, (made.names, made.waiting, made.error)
        time.sleep(0.005)


def write(name, text):
    Path(name).write_text(text)


async def collect(pages):
    return [page async for page in pages]


def refusal(action):
    try:
        action()
    except hotsplice.PatchError as error:
        return error.code
    raise AssertionError("it was not refused")


write("shop.py", SHOP)
write("patches.py", PATCHES)
sys.path.insert(0, "")
import patches
import shop
from shop import price

order, held = shop.Order(), shop.Order.total

with hotsplice.overlay(shop, patches) as made:
    assert made.waiting == ("total", "later"), made.waiting
    assert price(1) == (1, None, "!") and price(1, tax=2) == (1, 2, "!")
    assert order.scaled(2) == (2, 2) and order.scaled(2, by=5) == (2, 5)
    assert shop.Order.make(3) == (shop.Order, 3)
    assert order.paid == "member" and shop.Order.paid.__doc__ == "Only this."
    assert order.greet() == "base!"
    assert inspect.iscoroutinefunction(shop.Order.fetch) and asyncio.run(order.fetch(1)) == 2
    assert inspect.isgeneratorfunction(shop.Order.steps) and next(order.steps()) == 5
    assert asyncio.run(collect(order.pages())) == [2]
    assert shop.cached(1) == [1] and shop.cached.cache_info().currsize == 1

    # It follows its own file, saved with nobody else at hand ...
    write("patches.py", PATCHES.replace("return amount, tax, SUFFIX", "return 'edited'"))
    wait_for(lambda: price(1) == "edited")
    write("patches.py", PATCHES.replace("def later", "def helper(): return SUFFIX\n\n\ndef later"))
    wait_for(lambda: price(1) == (1, None, "!") and "helper" in made.waiting)

    # ... and edits of the module: what comes is stood in for, and what is edited stays below.
    grown = SHOP.replace('"member"', '"MEMBER"') + "\n\ndef later(amount):\n    return amount\n"
    assert hotsplice.patch(shop, grown)
    wait_for(lambda: "later" in made.names)
    assert shop.later(1) == (1, "!") and order.paid == "MEMBER" and price(1) == (1, None, "!")
    assert refusal(lambda: hotsplice.overlay(shop, patches)) == "HS0661"
    assert price(1) == (1, None, "!")

assert price(1) == 1 and order.scaled(2) == 2 and order.paid is None and shop.later(1) == 1 and order.greet() == "base"
assert live_text(shop) == grown
write("patches.py", PATCHES)

# As one says, for those who hold the function, with its documentation.
with hotsplice.overlay(shop, "patches.py", names={"Order.total": "total"}) as made:
    assert made.names == ("Order.total",)
    assert held(order, 1) == ("MEMBER", 1, "!") and held.__doc__ == "What is to be paid."
assert held(order, 1) == ("old", 1)

# A module that does not exist yet, nor its file.
with hotsplice.overlay("late", patches, wait=True) as made:
    assert made.names == () and "price" in made.waiting
    write("late.py", "def price(amount):\n    return amount\n")
    import late

    wait_for(lambda: late.price(1) == (1, None, "!"))
assert late.price(1) == 1
assert not [item for item in hotsplice.status().patched if item["path"] == late.__file__]

# One that is imported before anybody has looked for it again.
for number in range(8):
    write(f"soon{number}.py", "def price(amount):\n    return amount\n")
    with hotsplice.overlay(f"soon{number}", patches, wait=True):
        soon = __import__(f"soon{number}")
        wait_for(lambda soon=soon: soon.price(1) == (1, None, "!"))

write("empty.py", "VALUE = 1\n")
write("broken.py", "def price(:\n")
assert refusal(lambda: hotsplice.overlay("absent_module", patches)) == "HS0660"
assert refusal(lambda: hotsplice.overlay(late, "empty.py")) == "HS0660"
assert refusal(lambda: hotsplice.overlay(late, patches, names={"price": "absent"})) == "HS0661"
assert refusal(lambda: hotsplice.overlay(late, patches, names={"absent": "price"})) == "HS0660"
assert refusal(lambda: hotsplice.overlay(late, "missing.py")) == "HS0011"
assert refusal(lambda: hotsplice.overlay(time, patches)) == "HS0010"
assert refusal(lambda: hotsplice.overlay(3, patches)) == "HS0660"
try:
    hotsplice.overlay(late, "broken.py")
except SyntaxError:
    assert "broken" not in sys.modules
assert late.price(1) == 1 and live_text(shop) == grown
print("all hold", flush=True)
