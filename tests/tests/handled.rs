//! What nobody in the program would handle is held, and nothing else.

use std::process::Command;

use hotsplice_tests::holding::able;
use hotsplice_tests::program::Workspace;
use hotsplice_tests::repository;

/// Which of the calls are held, each made where nobody else would handle anything.
const CLAUSES: &str = r"
import sys, threading
import hotsplice
from hotsplice._failed import answers, asking, guarding, watched

held = []
def ask(function, error, frame=None, guarded=None, note=None, caller=None):
    held.append(function.__qualname__)
    answers.decide_to_raise(error)
asking.ask = ask
watched.is_watched = lambda: True
guarding.set_hold_for(300)
threading.excepthook = lambda _: None
names = {'__name__': 'program'}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], 'exec'), names)
guarding.guard(['program.*'])
# What was found out is remembered: the second time it is the same.
for name in [name for name in names if name.startswith(('held_', 'handled_'))] * 2:
    held.clear()
    thread = threading.Thread(target=names[name])
    thread.start()
    thread.join()
    print(name, *held[:1])
";

/// What is installed, and looks at what it catches.
const SOCKETS: &str = "\
import errno, sys
class util:
    @staticmethod
    def reraise(kind, error, trace): raise error.with_traceback(trace)
def serve(handler):
    try: handler()
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.ECONNRESET): return
        else: raise
def passed_on(handler):
    try: handler()
    except OSError: util.reraise(*sys.exc_info())
    except Exception: print('failed')
";

const CALLS: &str = r"
import contextlib, errno, functools, json, os, sys
class Own(Exception): pass
class Special(Own): pass
def fail(kind=ValueError): raise kind('x')

def handled_by_its_class():
    try: fail()
    except ValueError: pass
def held_for_another_class():
    try: fail()
    except KeyError: pass
def handled_by_a_tuple():
    try: fail(Special)
    except (KeyError, Own): pass
def handled_by_a_variable():
    kinds = (ValueError,)
    try: fail()
    except kinds: pass
def handled_bare():
    try: fail()
    except: pass
def held_when_raised_again():
    try: fail()
    except: raise
def held_when_noted_and_raised_again():
    try: fail()
    except Exception as error:
        str(error)
        raise
def handled_outside_of_what_raises_again():
    try:
        try: fail()
        except ValueError: raise
    except Exception: return 3
def handled_when_translated_and_caught():
    try:
        try: fail()
        except ValueError as error: raise Own from error
    except Own: pass
def held_in_finally():
    try: fail()
    finally: str(1)
def held_in_with():
    with contextlib.nullcontext(): fail()
def handled_by_suppress():
    with contextlib.nullcontext(), contextlib.suppress(ValueError): fail()
def held_in_else():
    try: pass
    except ValueError: pass
    else: fail()
def held_in_a_handler():
    try: 1 / 0
    except ZeroDivisionError: fail()
def handled_by_continue():
    for _ in range(3):
        try: fail()
        except ValueError: continue
def handled_by_an_attribute():
    try: json.loads('{')
    except json.JSONDecodeError: pass
def handled_by_a_group():
    try: fail()
    except* ValueError: pass
class Thing:
    @property
    def broken(self): return self.missing
    def __getattr__(self, name): raise AttributeError(name)
    def __getitem__(self, index):
        if index > 2: raise IndexError
    def __len__(self): raise TypeError
def handled_by_a_default(): getattr(Thing(), 'broken', None)
def handled_by_a_question(): hasattr(Thing(), 'other')
def handled_by_iteration(): list(Thing())
class Asked:
    @property
    def broken(self): return self.computed()
    def computed(self): return fail(AttributeError)
    def __getattr__(self, name): return self.found(name)
    def found(self, name): fail(AttributeError)
    def __getitem__(self, index): return fail(IndexError)
    def __add__(self, other): return fail(AttributeError)
    def __hash__(self): return fail(KeyError)
    def __enter__(self): return fail(LookupError)
    def __exit__(self, *error): return None
class Plain:
    @property
    def broken(self): return fail(AttributeError)
def named(thing, names): return [getattr(thing, name, None) for name in names]
def handled_by_a_default_of_any_name(): named(Plain(), ['broken'])
def handled_by_a_default_further_up(): named(Asked(), ['broken', 'other'])
def handled_by_iteration_further_up(): list(Asked())
def held_in_an_attribute(): Plain().broken
def held_in_an_attribute_that_is_looked_for(): Asked().other
def held_in_an_item(): Asked()[0]
class Maybe:
    def __init__(self, swallows): self.swallows = swallows
    def __enter__(self): return self
    def __exit__(self, *error): return self.swallows
def passing(swallows):
    with Maybe(swallows): fail()
def leaving(swallows, number):
    try: passing(swallows)
    except ValueError: pass
    return 1 / number
def held_where_another_one_was_to_come():
    for _ in range(3): leaving(False, 1)
    leaving(True, 0)
def held_in_an_operator(): Asked() + 1
def held_in_a_hash(): {Asked()}
def held_at_the_beginning_of_a_block():
    with Asked(): pass
def held_in_a_property(): Thing().broken
def held_below_c_code(): sorted([1, 2], key=lambda _: fail())
def held_below_a_cache(): functools.lru_cache(fail)()
def numbers():
    yield 1
    fail()
def held_in_a_generator(): list(numbers())
def held_in_a_finally_that_does_nothing():
    for _ in range(1):
        try: fail()
        finally: pass
def held_in_a_finally_with_a_branch():
    try: fail()
    finally:
        if numbers: str(1)
def held_in_a_finally_with_a_clause():
    try: fail()
    except KeyError: pass
    finally: str(1)
def handled_in_finally():
    for _ in range(1):
        try: fail()
        finally: break
def handled_around_finally():
    try:
        try: fail()
        finally: str(1)
    except ValueError: pass
def handled_around_a_generator():
    try: list(numbers())
    except ValueError: pass
library = {'__name__': 'library'}
exec(compile('''
def careful():
    try: raise ValueError
    except Exception: return 1
def calling(function):
    try: function()
    except Exception: return 2
''', '/packages/site-packages/library.py', 'exec'), library)
def handled_by_the_library_that_raises_it(): library['careful']()
def handled_by_the_library_below_one(): library['calling'](library['careful'])
def held_below_a_library(): library['calling'](fail)
class HTTPException(Exception): __module__ = 'werkzeug.exceptions'
class NotThere(HTTPException): pass
def handled_as_what_a_framework_answers(): library['calling'](lambda: fail(NotThere))
def held_where_no_framework_answers(): fail(NotThere)
exec(compile('''
def wrapped_app(function, exception_handlers):
    try: function()
    except Exception as error: return 3
''', '/packages/site-packages/starlette/_exception_handler.py', 'exec'), library)
def handled_by_a_registered_handler(): library['wrapped_app'](lambda: fail(Special), {Own: print})
def held_where_another_one_is_registered(): library['wrapped_app'](fail, {Own: print, Exception: print})
def numbered(number): raise OSError(number, 'x')
def unless_missing(number):
    try: numbered(number)
    except OSError as error:
        str(error)
        if error.errno != errno.ENOENT:
            raise
        number = None
def handled_by_its_number(): unless_missing(errno.ENOENT)
def held_for_another_number(): unless_missing(errno.EIO)
def held_for_one_number_after_another():
    for number in (errno.ENOENT, errno.EIO): unless_missing(number)
def held_beside_a_clause_that_raises_again():
    try: fail()
    except ValueError: raise
    except Exception: pass
def held_when_raised_by_its_name():
    try: fail()
    except ValueError as error:
        if not error.args: return
        raise error from None
def only_own(kind):
    try: fail(kind)
    except Exception as error:
        with contextlib.nullcontext():
            if isinstance(error, (KeyError, Own)) and error.args[0] == 'x': return 1
        raise
def handled_by_what_it_is(): only_own(Special)
def held_for_what_it_is_not(): only_own(ValueError)
def handled_where_the_program_decides():
    try: fail()
    except ValueError as error:
        if numbers(): return
        raise
def held_whatever_the_program_decides():
    try: fail()
    except ValueError as error:
        if numbers(): raise
        else: raise error
sys.path.insert(0, os.path.join(os.path.dirname(sys.argv[1]), 'site-packages'))
import sockets
def held_below_a_library_for_another_number(): sockets.serve(lambda: numbered(errno.EIO))
def handled_by_a_library_that_knows_it(): sockets.serve(lambda: numbered(errno.EPIPE))
def held_below_a_library_that_raises_again(): sockets.passed_on(lambda: numbered(errno.EPIPE))
async def later():
    yield 1
    fail()
def run(call):
    try: call.send(None)
    except StopIteration: pass
async def collected(): return [one async for one in later()]
async def looped():
    async for one in later(): str(one)
async def caught():
    try:
        async for one in later(): str(one)
    except ValueError: pass
def held_in_an_asynchronous_comprehension(): run(collected())
def held_in_an_asynchronous_loop(): run(looped())
def handled_around_an_asynchronous_loop(): run(caught())
class Waits:
    def __await__(self):
        try: yield
        except GeneratorExit: raise
        except KeyError: fail()
async def waits(): await Waits()
def held_when_thrown_into_who_awaits():
    call = waits()
    call.send(None)
    call.throw(KeyError())
";

#[test]
fn what_the_program_would_handle_is_not_held() {
    for python in able() {
        let workspace = Workspace::new();
        let (script, calls) = (workspace.write("clauses.py", CLAUSES), workspace.write("calls.py", CALLS));
        workspace.write("site-packages/sockets.py", SOCKETS);
        let mut command = Command::new(&python.path);
        command.env("PYTHONPATH", repository().join("agent/python")).arg(script).arg(calls);
        let output = command.output().expect("the interpreter starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            text.lines().count(),
            2 * CALLS.matches("def h").count(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        for line in text.lines() {
            // Where it fails, and not when what lies between has been left.
            let (name, held) = line.split_once(' ').unwrap_or((line, ""));
            let wanted = match name {
                "held_in_a_property" => "Thing.broken",
                "held_where_another_one_was_to_come" => "leaving",
                name if name.starts_with("held_") && (name.contains("number") || name.contains("below_a_library_")) => {
                    "numbered"
                }
                name if name.starts_with("held_") => "fail",
                _ => "",
            };
            assert_eq!(held, wanted, "{}: {line}", python.name());
        }
    }
}
