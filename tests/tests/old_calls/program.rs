//! A program of workers, each in a thread of its own, and the module that they run before and after the patch.

use hotsplice_tests::program::Program;

/// Each worker runs in a thread of its own and answers once for every line that the program is sent.
pub const PROGRAM: &str = "import builtins, queue, sys, threading, worker, helpers
def serve(work, jobs, answers):
    try:
        work(jobs.get, answers.put)
        answers.put('left')
    except BaseException as error:
        answers.put(repr(error))
def start():
    found = {}
    for name, work in list(vars(worker).items()):
        if name.startswith('work_'):
            jobs, answers = queue.Queue(), queue.Queue()
            threading.Thread(target=serve, args=(work, jobs, answers), daemon=True).start()
            found[name] = jobs, answers
    return found
workers = start()
print('ready', flush=True)
for line in sys.stdin:
    if line.strip() == 'start':
        workers = start()
    elif line.strip() == 'traces':
        names = [name for name in dir(builtins) if 'before patch' in name]
        kinds = [type(value).__name__ for value in vars(worker.Shop).values() if type(value).__module__.startswith('hotsplice')]
        print(names, kinds, type(helpers).__name__, type(helpers).__mro__[1].__name__, hasattr(worker.Shop, 'name'), flush=True)
    else:
        for name, (jobs, answers) in workers.items():
            jobs.put(line.strip() == 'go')
            print(name, answers.get(timeout=20), flush=True)
";

pub fn text(version: usize) -> String {
    let mut text = DEFINITIONS[version].to_owned();
    for (name, old, _, new, _) in WORKERS {
        let call = if version == 0 { old } else { new };
        // A loop that ends otherwise is a loop that no call can be moved to.
        let condition = if version == 0 { "while get():" } else { "for _ in iter(get, False):" };
        text.push_str(&format!("def work_{name}(get, put):\n    {condition}\n        put(({call}))\n"));
    }
    text
}

pub fn expect(program: &mut Program, version: usize, context: &str) {
    for (name, _, old, _, new) in WORKERS {
        let wanted = if version == 0 { old } else { new };
        let wanted = format!("work_{name} {}", wanted.trim_matches('\''));
        assert_eq!(program.line(), wanted, "{context}: {}", program_errors(program));
    }
}

pub fn program_errors(program: &Program) -> String {
    format!("process {}", program.pid())
}

/// A name, what the old code does at each iteration and what it gives, what the new code does and what that gives.
pub const WORKERS: &[(&str, &str, &str, &str, &str)] = &[
    ("a_renamed_function", "word()", "1", "phrase()", "101"),
    ("a_renamed_constant", "LIMIT", "2", "MAXIMUM", "102"),
    ("a_constant_of_another_type", "COUNT + 1", "4", "COUNT + '1'", "'31'"),
    ("a_dropped_import", "math.floor(2.5)", "2", "2.5", "2.5"),
    ("a_dropped_from_import", "floor(3.5)", "3", "3.5", "3.5"),
    ("a_required_parameter", "total(1)", "1", "total(1, tax=2)", "3"),
    ("swapped_parameters", "minus(5, 1)", "4", "minus(1, 5)", "4"),
    ("a_decorated_function", "wrapped(1)", "1", "wrapped(1, 2)", "3"),
    ("a_cached_function", "cached(1)", "1", "cached(1, 2)", "3"),
    ("a_recursive_function", "depth(3)", "3", "depth(3, 2)", "6"),
    ("a_function_that_calls_renamed_ones", "chain()", "7", "chain_of(1)", "8"),
    ("a_function_handed_on", "list(map(handed, [4]))", "[4]", "list(map(handed_on, [4]))", "[104]"),
    ("a_closure", "(lambda: word())()", "1", "(lambda: phrase())()", "101"),
    ("a_comprehension", "[one + word() for one in [1]]", "[2]", "[one + phrase() for one in [1]]", "[102]"),
    ("a_renamed_method", "shop.name()", "'shop'", "shop.title()", "'title'"),
    ("a_method_with_a_parameter", "shop.price(1)", "1", "shop.price(1, 2)", "3"),
    ("a_method_of_methods", "shop.sum(1)", "6", "shop.sum(1, 1)", "52"),
    ("a_renamed_property", "shop.size", "8", "shop.extent", "9"),
    ("a_property_made_a_method", "shop.depth + 1", "3", "shop.depth() + 1", "4"),
    ("a_class_method", "Shop.make(1)", "1", "Shop.make(1, 2)", "3"),
    ("a_class_attribute", "shop.rate, Shop.rate", "(5, 5)", "shop.quota", "6"),
    ("an_override_that_goes", "shop.area()", "'shop area'", "shop.area()", "'base area'"),
    ("a_constructor", "Box(1).x", "1", "Box(1, 2).x", "3"),
    ("a_renamed_class", "Crate().x", "7", "Chest().x", "8"),
    ("an_attribute_and_a_global_of_one_name", "(word(), shop.word)", "(1, 'attribute')", "phrase()", "101"),
    ("a_module_s_attribute", "helpers.word(), helpers.LIMIT", "(1, 3)", "helpers.phrase(1), helpers.MAXIMUM", "(1, 3)"),
    (
        "a_module_s_attribute_that_it_stores",
        "[helpers.ROUND for helpers.ROUND in [helpers.ROUND + 1, 6]]",
        "[7, 6]",
        "6",
        "6",
    ),
    ("a_module_s_function", "helpers.scale(2)", "2", "helpers.scale(2, 3)", "6"),
    ("a_method_that_gives_something_else", "sum(shop.pair())", "3", "shop.pair()['x']", "1"),
    ("a_class_method_that_gives_something_else", "sum(Shop.two())", "5", "Shop.two()['x']", "4"),
    ("a_property_that_gives_something_else", "sum(shop.both)", "7", "shop.both['x']", "6"),
    ("a_method_called_with_a_list", "shop.of(*(1, 2))", "3", "shop.of(all=(1, 2))", "13"),
    ("a_property_without_its_setter", "setattr(shop, 'held', 4) or shop.held", "4", "shop.held", "0"),
    ("special_methods", "(Desk()() + 1, Desk()[0] + 1, [*Desk()])", "(2, 3, [3])", "Desk()() + Desk()[0]", "12"),
    ("an_attribute_looked_up_by_a_text", "getattr(shop, 'by_text')()", "1", "getattr(shop, 'by_word')()", "2"),
    ("a_global_looked_up_by_a_text", "globals()['BY_TEXT']", "1", "globals()['BY_WORD']", "2"),
    ("a_method_that_goes_with_what_it_calls", "shop.outer()", "9", "shop.whole()", "10"),
    ("a_module_s_function_that_goes_with_what_it_calls", "helpers.top()", "4", "helpers.summit()", "5"),
    ("a_module_under_the_name_of_another", "codec.dumps([1])", "[1]", "codec.floor(1.5)", "1"),
    ("a_constructor_that_sets_other_attributes", "Tray().total", "1", "Tray().sum", "2"),
    ("a_function_in_a_registry", "handlers['add'](1)", "1", "handlers['add'](1, 2)", "3"),
    ("a_renamed_key", "routes['one'](1)", "1", "routes['two'](1)", "1"),
    ("a_renamed_attribute_of_an_object", "held.rate", "2", "held.speed", "2"),
    ("a_function_that_another_calls", "bus.fire(1)", "[1]", "bus.fire(1, 2)", "[3]"),
    ("a_method_that_an_object_holds", "till.pay(1)", "1", "till.pay(1, 2)", "3"),
    ("a_function_that_sorts", "sorted([2, 1], key=by)", "[1, 2]", "sorted([2, 1], key=lambda x: by(x, -1))", "[2, 1]"),
    ("a_function_for_another_thread", "pool.submit(task, 1).result()", "1", "pool.submit(task, 1, 2).result()", "3"),
    ("a_named_tuple", "sum(Point(1, 2))", "3", "sum(Point(1, 2, 3))", "6"),
    ("a_coroutine_made_a_function", "finish(later())", "1", "later() + 1", "2"),
];

pub const DEFINITIONS: [&str; 2] = [
    "import math, functools, helpers, collections, concurrent.futures
import json as codec
from math import floor
def passed(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper
def finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
BY_TEXT = 1
LIMIT = 2
COUNT = 3
STEP = 7
def word(): return 1
def total(x): return x
def minus(a, b): return a - b
@passed
def wrapped(x): return x
@functools.lru_cache
def cached(x): return x
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
def step(): return STEP
def chain(): return step()
def handed(x): return x
async def later(): return 1
class Base:
    def area(self): return 'base area'
class Shop(Base):
    rate = 5
    word = 'attribute'
    def name(self): return 'shop'
    def price(self, x): return x
    def five(self): return 5
    def sum(self, x): return x + self.five()
    @property
    def size(self): return 8
    @property
    def depth(self): return 2
    @classmethod
    def make(cls, x): return x
    def area(self): return 'shop area'
    def pair(self): return 1, 2
    @classmethod
    def two(cls): return 2, 3
    @property
    def both(self): return 3, 4
    def of(self, *all): return sum(all)
    @property
    def held(self): return self.__dict__.get('_held', 0)
    @held.setter
    def held(self, value): self._held = value
    def by_text(self): return 1
    span = 9
    def inner(self): return self.span
    def outer(self): return self.inner()
class Desk:
    def __call__(self): return 1
    def __getitem__(self, key): return 2
    def __iter__(self): return iter([3])
class Tray:
    def __init__(self): self.total = 1
class Box:
    def __init__(self, x): self.x = x
class Crate:
    x = 7
shop = Shop()
class Bus:
    def __init__(self): self.all = []
    def on(self, function):
        self.all.append(function)
        return function
    def fire(self, *arguments): return [function(*arguments) for function in self.all]
bus = Bus()
pool = concurrent.futures.ThreadPoolExecutor(1)
@bus.on
def heard(x): return x
def on_add(x): return x
handlers = {'add': on_add}
def on_one(x): return x
routes = {'one': on_one}
class Held: pass
held = Held()
held.rate = 2
class Till:
    def __init__(self): self.pay = self.take
    def take(self, x): return x
till = Till()
def by(x): return x
def task(x): return x
Point = collections.namedtuple('Point', 'x y')
",
    "import functools, helpers, collections, concurrent.futures
import math as codec
def passed(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper
def finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
BY_WORD = 2
MAXIMUM = 102
COUNT = '3'
PACE = 7
def phrase(): return 101
def total(x, *, tax): return x + tax
def minus(b, a): return a - b
@passed
def wrapped(x, y): return x + y
@functools.lru_cache
def cached(x, y): return x + y
def depth(n, by): return 0 if n == 0 else by + depth(n - 1, by)
def pace(): return PACE
def chain_of(x): return x + pace()
def handed_on(x): return x + 100
def later(): return 1
class Base:
    def area(self): return 'base area'
class Shop(Base):
    quota = 6
    word = 'attribute'
    def title(self): return 'title'
    def price(self, x, y): return x + y
    def fifty(self): return 50
    def sum(self, x, y): return x + y + self.fifty()
    @property
    def extent(self): return 9
    def depth(self): return 3
    @classmethod
    def make(cls, x, y): return x + y
    def pair(self): return {'x': 1}
    @classmethod
    def two(cls): return {'x': 4}
    @property
    def both(self): return {'x': 6}
    def of(self, *, all): return 10 + sum(all)
    @property
    def held(self): return 0
    def by_word(self): return 2
    width = 10
    def core(self): return self.width
    def whole(self): return self.core()
class Desk:
    def __call__(self): return '1'
    def __getitem__(self, key): return '2'
    def __iter__(self): return iter(['3'])
class Tray:
    def __init__(self): self.sum = 2
class Box:
    def __init__(self, x, y): self.x = x + y
class Chest:
    x = 8
shop = Shop()
class Bus:
    def __init__(self): self.all = []
    def on(self, function):
        self.all.append(function)
        return function
    def fire(self, *arguments): return [function(*arguments) for function in self.all]
bus = Bus()
pool = concurrent.futures.ThreadPoolExecutor(1)
@bus.on
def heard(x, y): return x + y
def on_add(x, y): return x + y
handlers = {'add': on_add}
def on_one(x): return x
routes = {'two': on_one}
class Held: pass
held = Held()
held.speed = 2
class Till:
    def __init__(self): self.pay = self.take
    def take(self, x, y): return x + y
till = Till()
def by(x, sign): return x * sign
def task(x, y): return x + y
Point = collections.namedtuple('Point', 'x y z')
",
];
