//! Generators that begin again.

use hotsplice_tests::program::Workspace;
use hotsplice_tests::{pythons, terminal};
use serde_json::json;

/// What has been handed out comes once: the new one is run through with what its consumer had sent and raised.
const GENERATORS: &str = "\
import asyncio, hotsplice
def fail(name): raise ValueError(name)
@hotsplice.wrap
def numbers():
    yield from (0, 1)
    yield fail('numbers')
@hotsplice.wrap
def talking():
    got = []
    while len(got) < 4:
        try: got.append((yield len(got)))
        except KeyError as error: got.append(error.args[0])
        if len(got) == 3: fail('talking')
    return got
@hotsplice.wrap
def closing():
    try: yield 1
    finally: closed.append(fail('closing'))
@hotsplice.wrap
async def later():
    got = yield 0
    await asyncio.sleep(0)
    yield got
    await asyncio.sleep(0)
    yield fail('later')
@hotsplice.wrap
def ending():
    yield from (1, 2)
    return fail('ending')

closed = []
def close():
    opened = closing()
    next(opened)
    opened.close()
    return closed
def talk():
    call = talking()
    said = [next(call), call.send('a'), call.throw(KeyError('b')), call.send('c')]
    try: call.send('d')
    except StopIteration as end: return said, end.value
async def collect():
    call = later()
    return [await call.__anext__(), await call.asend('sent'), await call.__anext__()]
def passing():
    @hotsplice.wrap
    def two(): yield 1; yield 2
    call, error = two(), KeyError('mine')
    next(call)
    try: call.throw(error)
    except KeyError as raised: return raised is error, raised.__context__
print(list(numbers()), talk(), close(), passing(), asyncio.run(collect()), list(ending()))
";

#[test]
fn a_generator_that_begins_again_hands_nothing_out_twice() {
    for python in pythons::all() {
        let workspace = Workspace::new();
        workspace.write("app.py", GENERATORS);
        let mut text = GENERATORS.to_owned();
        let mut steps = Vec::new();
        for (name, handed_out) in [("numbers", 2), ("talking", 3), ("closing", 1), ("later", 2), ("ending", 2)] {
            text = text.replace(&format!("fail('{name}')"), &format!("'{name}'"));
            if name == "ending" {
                // It gives less than it has given already.
                text = text.replace("yield from (1, 2)", "yield 1");
            }
            steps.push(json!([format!("ValueError: {name}"), null]));
            steps.push(json!([format!("what it has handed out already ({handed_out}) is not handed out again"), null]));
            steps.push(json!(["(hold) ", { "app.py": text }]));
            steps.push(json!(["", "r"]));
        }
        let shown = "[0, 1, 'numbers'] ([0, 1, 2, 3], ['a', 'b', 'c', 'd']) ['closing'] (True, None) [0, 'sent', 'later'] [1, 2]";
        steps.push(json!([shown, null]));
        terminal::play(&workspace, python, &json!(steps), &["app.py"], "").expect(0);
    }
}

/// What has been used up can't be gone through once more: everything from there on is handed out.
#[test]
fn a_generator_that_has_used_up_what_it_was_given_goes_on_with_the_rest() {
    let workspace = Workspace::new();
    let text = "\
import collections, hotsplice, queue
FAILING = 2
@hotsplice.wrap
def each(items):
    for item in items:
        if item == FAILING: item / 0
        yield item
@hotsplice.wrap
def drained(items):
    while items:
        item = items.popleft()
        if item == FAILING: item / 0
        yield item
class Worker:
    def __init__(self):
        self.queue = queue.SimpleQueue()
        for item in range(4): self.queue.put(item)
    @hotsplice.wrap
    def work(self):
        while not self.queue.empty():
            item = self.queue.get()
            if item == FAILING: item / 0
            yield item
class Hostile:
    def __getattribute__(self, name): raise SystemExit(name)
    def __getattr__(self, name): raise SystemExit(name)
    @hotsplice.wrap
    def items(self, failing):
        yield 0
        if failing == FAILING: 1 / 0
        yield 1
print(list(each(iter(range(4)))), list(drained(collections.deque(range(4)))), list(Worker().work()),
      list(each(range(4))), list(Hostile.items(Hostile(), 2)))
";
    workspace.write("app.py", text);
    let mended = text.replace("FAILING:", "FAILING + 9:");
    let steps = json!([
        ["of type range_iterator", null],
        ["(hold) ", "r"],
        ["of type deque", null],
        ["(hold) ", "r"],
        ["of type SimpleQueue", null],
        ["(hold) ", "r"],
        ["what it has handed out already (2)", { "app.py": mended.replace("FAILING + 9: 1 / 0", "FAILING: 1 / 0") }],
        ["(hold) ", "r"],
        ["what it has handed out already (1)", { "app.py": mended }],
        ["(hold) ", "r"],
        ["[0, 1, 3] [0, 1, 3] [0, 1, 3] [0, 1, 2, 3] [0, 1]", null],
    ]);
    terminal::play(&workspace, pythons::newest(), &steps, &["app.py"], "").expect(0);
}
