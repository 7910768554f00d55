//! A call that began before a patch goes on in the world that it began in, until it has ended.

use hotsplice_tests::program::{Program, Workspace, wait_for};
use hotsplice_tests::pythons;
use serde_json::Value;

/// Each worker runs in a thread of its own and answers once for every line that the program is sent.
const PROGRAM: &str = "import builtins, queue, sys, threading, worker, helpers
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

const HELPERS: [&str; 2] = [
    "LIMIT = 3\nBASE = 4\nROUND = 6\ndef word():\n    return 1\ndef scale(x):\n    return x\ndef low():\n    return BASE\ndef top():\n    return low()\n",
    "MAXIMUM = 3\nROOT = 5\ndef phrase(x):\n    return x\ndef scale(x, factor):\n    return x * factor\ndef deep():\n    return ROOT\ndef summit():\n    return deep()\n",
];

/// A name, what the old code does at each iteration and what it gives, what the new code does and what that gives.
const WORKERS: &[(&str, &str, &str, &str, &str)] = &[
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

const DEFINITIONS: [&str; 2] = [
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

fn text(version: usize) -> String {
    let mut text = DEFINITIONS[version].to_owned();
    for (name, old, _, new, _) in WORKERS {
        let call = if version == 0 { old } else { new };
        // A loop that ends otherwise is a loop that no call can be moved to.
        let condition = if version == 0 { "while get():" } else { "for _ in iter(get, False):" };
        text.push_str(&format!("def work_{name}(get, put):\n    {condition}\n        put(({call}))\n"));
    }
    text
}

fn expect(program: &mut Program, version: usize, context: &str) {
    for (name, _, old, _, new) in WORKERS {
        let wanted = if version == 0 { old } else { new };
        let wanted = format!("work_{name} {}", wanted.trim_matches('\''));
        assert_eq!(program.line(), wanted, "{context}: {}", program_errors(program));
    }
}

fn program_errors(program: &Program) -> String {
    format!("process {}", program.pid())
}

#[test]
fn calls_that_began_before_a_patch_keep_the_names_that_they_began_with() {
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", HELPERS[0]);
        workspace.write("worker.py", &text(0));
        let script = workspace.write("main.py", PROGRAM);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        program.send("go");
        expect(&mut program, 0, &context);
        workspace.write("helpers.py", HELPERS[1]);
        workspace.write("worker.py", &text(1));
        let answer = workspace.call(&["patch", "--json", "helpers.py", "worker.py"]).json();
        // The program's own file may be told of, too.
        let committed = committed(&answer);
        assert!(committed.len() >= 2 && !committed.contains(&false), "{context}: {answer:#}");
        for _ in 0..3 {
            program.send("go");
            expect(&mut program, 0, &context);
        }
        // Whoever is not an old call sees what a fresh process has.
        program.send("traces");
        let line = program.line();
        assert!(line.ends_with("False"), "{context}: the former name of a method is seen: {line}");
        program.send("stop");
        for (name, ..) in WORKERS {
            assert_eq!(program.line(), format!("work_{name} left"), "{context}");
        }
        wait_for("the end of the world", || {
            program.send("traces");
            (program.line() == "[] [] module object False").then_some(())
        });
        program.send("start");
        program.send("go");
        expect(&mut program, 1, &context);
        let status = workspace.call(&["status", "--json"]).json();
        assert!(!status.to_string().contains("\"place\""), "{context}: {status:#}");
    }
}

/// What a method gives in each version, and under which name.
const VERSIONS: [(&str, &str); 5] = [("a", "1, 2"), ("a", "{'k': 3}"), ("b", "4"), ("a", "'five'"), ("c", "6")];

#[test]
fn a_call_keeps_what_it_began_with_through_several_patches_and_undos() {
    let version = |number: usize| {
        let (name, gives) = VERSIONS[number];
        let condition = if number == 0 { "while get():" } else { "for _ in iter(get, False):" };
        let used = if number == 0 { format!("sum(shop.{name}())") } else { format!("[shop.{name}()]") };
        format!(
            "class Shop:\n    def {name}(self): return {gives}\n\
             def work_on(get, put):\n    shop = Shop()\n    {condition}\n        put({used})\n"
        )
    };
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", "");
        workspace.write("worker.py", &(version(0)));
        let program_text = PROGRAM.replace("elif line.strip() == 'traces'", "elif line.strip() == 'never'");
        let script = workspace.write("main.py", &program_text);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        let expect = |program: &mut Program, when: &str| {
            program.send("go");
            assert_eq!(program.line(), "work_on 3", "{context}, {when}");
        };
        expect(&mut program, "before");
        for number in 1..VERSIONS.len() {
            workspace.write("worker.py", &version(number));
            let answer = workspace.call(&["patch", "--json", "worker.py"]).json();
            // The program's own file may be told of, too.
            let committed = committed(&answer);
            assert!(!committed.is_empty() && !committed.contains(&false), "{context}: {answer:#}");
            // It is reported each time.
            assert!(answer.to_string().contains("HS0306"), "{context}, patch {number}: {answer:#}");
            expect(&mut program, &format!("after patch {number}"));
        }
        for number in 0..2 {
            workspace.call(&["undo", "--json", "worker.py"]).json();
            expect(&mut program, &format!("after undo {number}"));
        }
        program.send("stop");
        assert_eq!(program.line(), "work_on left", "{context}");
        program.send("start");
        program.send("go");
        assert_eq!(program.line(), "work_on [4]", "{context}");
    }
}

/// A module in which such calls find something else is another one's again when the last of them has ended, whichever began first.
#[test]
fn a_module_that_several_patches_took_names_from_gives_each_call_what_it_began_with() {
    let work = |first: &str, second: &str, number: usize| {
        let condition = if number == 0 { "while get():" } else { "for _ in iter(get, False):" };
        format!(
            "import helpers\nclass Shop: pass\ndef work_on(get, put):\n    {condition}\n        put(helpers.{first}() + helpers.{second}())\n"
        )
    };
    let help = |first: &str, second: &str| {
        format!(
            "def {first}():\n    return 1\ndef {second}():\n    return 2\ndef third():\n    return {first}() + {second}()\n"
        )
    };
    for python in pythons::all() {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", &help("one", "two"));
        workspace.write("worker.py", &work("one", "two", 0));
        let script = workspace.write("main.py", PROGRAM);
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        for (number, (first, second)) in [("uno", "two"), ("uno", "dos"), ("one", "two")].into_iter().enumerate() {
            workspace.write("helpers.py", &help(first, second));
            workspace.write("worker.py", &work(first, second, 1 + number));
            let answer = workspace.call(&["patch", "--json", "helpers.py", "worker.py"]).json();
            assert!(!committed(&answer).contains(&false), "{context}: {answer:#}");
            program.send("go");
            assert_eq!(program.line(), "work_on 3", "{context}, patch {number}");
        }
        program.send("stop");
        assert_eq!(program.line(), "work_on left", "{context}");
        wait_for("the end of the worlds", || {
            program.send("traces");
            (program.line() == "[] [] module object False").then_some(())
        });
    }
}

/// A call by a Python function takes nothing of a thread's own stack: as deep as a function could call itself, it still can.
#[test]
fn a_function_that_asks_who_calls_it_calls_itself_as_deeply_as_before() {
    const OLD: &str = "def deep(n):\n    return 0 if n == 0 else 1 + deep(n - 1)\nheld = [deep]\n\
        def work_on(get, put):\n    while get():\n        put(held[0](3))\n";
    const NEW: &str = "def deep(n, k):\n    return 0 if n == 0 else k + deep(n - 1, k)\nheld = [deep]\n\
        def work_on(get, put):\n    for _ in iter(get, False):\n        put(held[0](3, 1))\n";
    for python in pythons::all().iter().filter(|python| python.minor >= 11) {
        let context = format!("Python {}", python.name());
        let workspace = Workspace::new();
        workspace.write("helpers.py", "");
        workspace.write("worker.py", OLD);
        let deeply = "        sys.setrecursionlimit(200000)\n        print(worker.deep(100000, 1), worker.deep(3, 1), flush=True)\n";
        let asked = "        names = [name for name in dir(builtins) if 'before patch' in name]\n";
        let (begin, end) =
            (PROGRAM.find(asked).expect("it is there"), PROGRAM.find("    else:\n        for").expect("it is there"));
        let script = workspace.write("main.py", &format!("{}{deeply}{}", &PROGRAM[..begin], &PROGRAM[end..]));
        let mut program = workspace.run(python, &[&script.display().to_string()]);
        program.wait_line("ready");
        workspace.write("worker.py", NEW);
        assert_eq!(committed(&workspace.call(&["patch", "--json", "worker.py"]).json()), vec![true], "{context}");
        for _ in 0..2 {
            program.send("traces");
            assert_eq!(program.line(), "100000 3", "{context}: {}", program_errors(&program));
            program.send("go");
            assert_eq!(program.line(), "work_on 3", "{context}");
        }
    }
}

fn committed(answer: &Value) -> Vec<bool> {
    match answer {
        Value::Array(items) => items.iter().filter_map(|item| item["committed"].as_bool()).collect(),
        Value::Object(fields) => fields.values().flat_map(committed).collect(),
        _ => Vec::new(),
    }
}

const PROMPT: &str =
    "import sys, m\nprint('ready', flush=True)\nfor line in sys.stdin:\n    print(repr(eval(line)), flush=True)\n";

#[test]
fn calls_that_were_prepared_for_the_former_parameters_are_reported() {
    let module = "import atexit, contextlib, functools, signal, threading, weakref, concurrent.futures
pool, gate = concurrent.futures.ThreadPoolExecutor(1), threading.Semaphore(0)
class Holder: pass
def job(n): return n
class Beat:
    def fire(self, n): return n
WAITING, LATER, HOLDER, NAMES = [], None, Holder(), {}
";
    let prepared = [
        "m.WAITING.append((m.job, (1,)))",
        "m.WAITING.append([1.5, 0, m.Beat().fire, [1], {}])",
        "m.HOLDER.__dict__.update(call=m.Beat().fire, args=(1,), kwargs={})",
        "setattr(m.HOLDER, 'call', m.functools.partial(m.job, 1))",
        "m.WAITING.append(m.functools.partial(m.job))",
        "m.WAITING.append(m.functools.partial(print, m.job, 1))",
        "m.WAITING.append(m.weakref.finalize(m.HOLDER, m.job, 1))",
        "m.WAITING.append(m.pool.submit(m.gate.acquire)) or m.WAITING.append(m.pool.submit(m.job, 1))",
        "m.WAITING.append(m.threading.Timer(600, m.job, [1]))",
        "m.WAITING.append(m.threading.Thread(target=m.job, args=[1]))",
        "m.atexit.register(m.job, 1)",
        "m.signal.signal(m.signal.SIGUSR1, m.job)",
        "m.WAITING.append(m.concurrent.futures.Future()) or m.WAITING[0].add_done_callback(m.job)",
        "m.WAITING.append(m.contextlib.ExitStack()) or m.WAITING[0].callback(m.job, 1)",
        "m.HOLDER.__dict__.update(on_click=m.Beat().fire)",
    ];
    let others = [
        "m.NAMES.update(job=m.job, args=(1, 2))",
        "m.WAITING.append(('job', m.job, 1))",
        "m.WAITING.append((m.job, (1, 2)))",
        "m.WAITING.append(m.functools.partial(m.job, 1, 2))",
        "m.WAITING.append(m.functools.partial(print, m.job, 1, 2))",
    ];
    for python in pythons::all() {
        for (statement, is_reported) in
            prepared.iter().map(|one| (one, true)).chain(others.iter().map(|one| (one, false)))
        {
            let context = format!("Python {}: {statement}", python.name());
            let workspace = Workspace::new();
            workspace.write("m.py", module);
            let main = workspace.write("main.py", PROMPT).display().to_string();
            let mut program = workspace.run(python, &[&main]);
            program.wait_line("ready");
            program.ask(&format!("exec({statement:?}, {{'m': m}})"));
            workspace.write("m.py", &module.replace("n): return n", "n, word): return n, word"));
            let answer = workspace.call(&["patch", "--json", "m.py"]).expect(0).json();
            assert_eq!(answer.to_string().contains("HS0308"), is_reported, "{context}: {answer:#}");
        }
    }
}

#[test]
fn what_unedited_calls_have_begun_with_the_former_methods_is_reported() {
    let module = "import threading, types
entered, gate = threading.Event(), threading.Semaphore(0)
class Lock:
    def __enter__(self): return self
    def __exit__(self, *_): pass
class Later:
    async def __aenter__(self): return self
    async def __aexit__(self, *_): pass
class Idle:
    def __enter__(self): return self
    def __exit__(self, *_): pass
class Count:
    def __iter__(self): return self
    def __next__(self): return 1
def hold(lock):
    with lock:
        entered.set()
        gate.acquire()
def go():
    for one in Count(): yield one
@types.coroutine
def wait(): yield
async def later():
    async with Later(): await wait()
idle = Idle()
with idle: pass
going, waiting = go(), later()
next(going), waiting.send(None)
threading.Thread(target=hold, args=(Lock(),), daemon=True, name='holding').start()
";
    let edited = module
        .replace("__enter__(self): ", "__enter__(self): self.depth = 1; ")
        .replace("__aenter__(self): ", "__aenter__(self): self.depth = 1; ")
        .replace("_): pass", "_): del self.depth")
        .replace("__iter__(self): ", "__iter__(self): self.step = 1; ")
        .replace("return 1", "return self.step");
    let wanted = [
        ("Lock.__exit__", "a `with` that began before may end by the new __exit__ (hold, thread holding, line 18)"),
        ("Later.__aexit__", "a `with` that began before may end by the new __aexit__ (later, line 24)"),
        ("Count.__next__", "1 object that exists lacks step, which the new __iter__ gives"),
    ];
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("m.py", module);
        let main = workspace.write("main.py", PROMPT).display().to_string();
        let mut program = workspace.run(python, &[&main]);
        program.wait_line("ready");
        assert_eq!(program.ask("m.entered.wait(20)"), "True");
        workspace.write("m.py", &edited);
        let answer = workspace.call(&["patch", "--json", "m.py"]).expect(0).json();
        let edits = answer.as_array().into_iter().flatten().filter_map(|part| part["edits"].as_array()).flatten();
        let reported: Vec<_> = edits.filter(|edit| edit["code"] == "HS0308").collect();
        assert_eq!(reported.len(), wanted.len(), "Python {}: {answer:#}", python.name());
        for (definition, message) in wanted {
            let is_it = |edit: &&&Value| {
                edit["definition"] == definition && edit["message"].as_str().is_some_and(|it| it.contains(message))
            };
            assert!(reported.iter().any(|edit| is_it(&edit)), "Python {}: {definition}: {answer:#}", python.name());
        }
    }
}

#[test]
fn what_is_edited_alone_reaches_calls_that_an_earlier_patch_left_behind() {
    let module = "import queue, threading
jobs, answers = queue.Queue(), queue.Queue()
def handle(): return 'one'
def serve():
    while jobs.get():
        answers.put((handle(), 1))
worker = threading.Thread(target=serve, daemon=True)
worker.start()
";
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("m.py", module);
        let main = workspace.write("main.py", PROMPT).display().to_string();
        let mut program = workspace.run(python, &[&main]);
        program.wait_line("ready");
        let mut text = module.replace("(handle(), 1)", "(handle(), 2)");
        for (old, new) in [("'one'", "'one'"), ("'one'", "('two', 1)"), ("('two', 1)", "str(3)")] {
            text = text.replace(old, new);
            workspace.write("m.py", &text);
            let answer = workspace.call(&["patch", "--json", "m.py"]).expect(0).json();
            let given = program.ask("m.jobs.put(1) or m.answers.get(timeout=20)[0]");
            let wanted = if new == "str(3)" { "'3'" } else { new };
            assert_eq!(given, wanted, "Python {}: {answer:#}", python.name());
        }
    }
}
