//! Cells in real kernels.

use hotsplice_tests::program::{Workspace, wait_for};
use hotsplice_tests::repository;
use serde_json::json;

use super::{Kernel, ipython, jupyter, patched, python};

const ORDER: &str = "RATE = 2
callbacks = {}

def on(name):
    def register(function):
        callbacks[name] = function
        return function
    return register

@on('total')
def total(amount, rate=RATE):
    return amount * rate

class Order:
    made = 0
    def __init__(self):
        Order.made += 1
    def describe(self):
        return 'an order'
";

#[test]
fn what_a_cell_defines_again_is_patched_in_place() {
    let workspace = Workspace::new();
    jupyter(&workspace, "install").expect(0);
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    for _ in 0..2 {
        workspace.write("shop.py", "RATE = 1\ndef price():\n    return 1\n");
        workspace.write("tool.py", "def helped():\n    return 'old'\n");
        assert_eq!(kernel.run(ORDER), "");
        assert_eq!(
            kernel.run("import shop\n%run tool.py\nfirst, held, bound = Order(), total, callbacks['total']"),
            ""
        );
        // Not before somebody wants it.
        assert_eq!(kernel.run("def plain(): pass\nonce = plain"), "");
        assert_eq!(kernel.run("def plain(): pass\nprint(plain is once)"), "False");
        let status = kernel.run("%hotsplice on");
        assert!(status.contains("live by themselves: yes") && status.contains("in place: yes"), "{status}");
        let edited = ORDER.replace("amount * rate", "amount * rate + 1").replace("an order", "order {self.made}");
        let edited = edited.replace("'order {", "f'order {").replace("RATE = 2", "RATE = 5");
        assert_eq!(kernel.run(&edited), "");
        // What it has made as it was is not patched.
        assert_eq!(
            patched(&kernel.run("%hotsplice status")),
            ["Order is live in version 1", "total is live in version 1"]
        );
        assert_eq!(patched(&workspace.call(&["status"]).expect(0).text()).len(), 2);
        // `callbacks` is a new one, as the cell says; who holds the function holds the live one.
        let seen = "print(first.describe(), type(first) is Order, held(1), bound is total, callbacks['total'] is held)";
        assert_eq!(kernel.run(seen), "order 1 True 6 True True");
        // A file of a module, and one that was run.
        assert_eq!(kernel.run("from shop import *\nfrom shop import RATE as rate"), "");
        workspace.write("shop.py", "RATE = 2\n_own = 3\nADDED, TOO = 4, 5\ndef price():\n    return 2\n");
        workspace.write("tool.py", "def helped():\n    return 'new'\n");
        wait_for("the saved files", || (kernel.run("print(shop.price(), helped())") == "2 new").then_some(()));
        let names = "print(RATE, rate, price(), *[globals().get(name) for name in ('_own', 'ADDED', 'TOO')])";
        wait_for("new names", || (kernel.run(names) == "2 2 2 None 4 5").then_some(()));
        // What can't be is reported, and made as Python makes it; what raises, raises.
        assert_eq!(kernel.run("class Point:\n    __slots__ = ('x',)\npoint = Point()"), "");
        let report = kernel.run("class Point:\n    __slots__ = ('x', 'y')\nprint(type(point) is Point)");
        assert!(report.contains("False") && report.contains("HS0650: Point is a new one"), "{report}");
        assert!(report.contains("HS0502"), "{report}");
        assert_eq!(kernel.run("@fails\ndef total():\n    pass"), "NameError");
        assert_eq!(kernel.run("print(total(1))\n%hotsplice off").lines().next(), Some("6"));
        assert_eq!(kernel.run("def total():\n    return 'other'\nprint(total is held)"), "False");
        // A kernel that starts again begins anew.
        assert_eq!(kernel.ask(&json!("restart")), "restarted");
    }
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn what_stands_in_blocks_and_after_magics_is_patched_and_undone() {
    let workspace = Workspace::new();
    jupyter(&workspace, "install").expect(0);
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    assert!(kernel.run("%hotsplice on").contains("in place: yes"));
    kernel.run("%%time\ndef greet():\n    return 1\nclass View:\n    def get(self):\n        return 1");
    assert_eq!(kernel.run("held, view = greet, View()"), "");
    let mut seen = |code: &str| {
        let printed = kernel.run(code);
        assert!(!printed.contains("HS0"), "{code}: {printed}");
        kernel.run("print(held(), held is greet, view.get(), type(view) is View)")
    };
    let class = "class View:\n    def get(self):\n        return 2";
    assert_eq!(seen(&format!("%%time\nx = 5\ndef greet():\n    return 2\n{class}")), "2 True 2 True");
    assert_eq!(seen("%%capture printed\ndef greet():\n    return 3\nprint('hidden')"), "3 True 2 True");
    // What it times is nobody else's.
    assert_eq!(seen("%%timeit -n1 -r1\ndef greet():\n    return 4"), "3 True 2 True");
    assert_eq!(
        seen("if x:\n    def greet():\n        return 5\nelse:\n    def greet():\n        return 6"),
        "5 True 2 True"
    );
    assert_eq!(
        seen("try:\n    class View:\n        def get(self):\n            return 7\nfinally:\n    pass"),
        "5 True 7 True"
    );
    let status = || patched(&workspace.call(&["status"]).expect(0).text());
    assert_eq!(status(), ["View is live in version 2", "greet is live in version 3"]);
    // From within, and from elsewhere.
    assert_eq!(seen("import hotsplice; hotsplice.undo().check()"), "5 True 2 True");
    workspace.call(&["undo"]).expect(0);
    assert_eq!(seen(""), "3 True 2 True");
    workspace.call(&["undo"]).expect(0);
    assert_eq!(seen(""), "2 True 2 True");
    assert_eq!(seen("def greet():\n    return 8"), "8 True 2 True");
    assert_eq!(seen("def greet():\n    # As it was at first.\n    return 1"), "1 True 2 True");
    assert_eq!(status(), ["View is live in version 3"]);
    // Beside that of another cell.
    let registry = "handlers = {}\ndef on(kind):\n    return lambda function: handlers.setdefault(kind, function)";
    assert_eq!(kernel.run_cell("cell:0", registry), "");
    assert_eq!(kernel.run_cell("cell:1", "@on(int)\ndef handle(x):\n    return 'int'"), "");
    let report = kernel.run_cell("cell:2", "@on(str)\ndef handle(x):\n    return 'str'");
    assert!(report.contains("HS0650: handle is a new one"), "{report}");
    assert_eq!(kernel.run("print(handlers[int](1), handlers[str](1))"), "int str");
    assert_eq!(kernel.run_cell("cell:2", "@on(str)\ndef handle(x):\n    return 'STR'"), "");
    assert_eq!(kernel.run("print(handlers[int](1), handlers[str](1))"), "int STR");
    // A name that is gone has nothing that is live.
    let listed = || status().iter().any(|line| line.starts_with("gone "));
    assert_eq!(kernel.run("def gone():\n    return 1"), "");
    assert_eq!(kernel.run("def gone():\n    return 2"), "");
    assert!(listed());
    assert_eq!(kernel.run("del gone"), "");
    assert!(!listed());
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn the_cells_of_the_page_about_notebooks_hold() {
    let page = std::fs::read_to_string(repository().join("docs/notebooks.md")).expect("the page");
    let cells: Vec<&str> =
        page.split("```python\n").skip(1).filter_map(|block| Some(block.split_once("\n```")?.0)).collect();
    assert!(cells.len() >= 2 && cells.concat().contains("assert "), "{cells:?}");
    let workspace = Workspace::new();
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    kernel.take_package();
    for cell in cells {
        assert_eq!(kernel.run(cell), "", "{cell}");
    }
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn cells_that_ran_before_the_extension_was_loaded_count() {
    let workspace = Workspace::new();
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    kernel.take_package();
    let before = "import functools\ndef plain():\n    return 1\n@functools.lru_cache\ndef cached():\n    return 1\nclass Empty:\n    x = 1\nclass Order:\n    def total(self):\n        return 1\n";
    assert_eq!(kernel.run(before), "");
    assert_eq!(kernel.run("held, kept, empty, order = plain, cached, Empty(), Order()\nother = lambda: 1"), "");
    assert_eq!(
        kernel.run("%load_ext hotsplice\ndef same():\n    return 1\ndef other():\n    return 2\nother = held"),
        ""
    );
    assert_eq!(kernel.run("beside = same"), "");
    let edited = before.replace('1', "3") + "def same():\n    return 3\ndef other():\n    return 3\n";
    let seen = "print(held(), held is plain, kept(), kept is cached, empty.x, type(empty) is Empty, order.total(), type(order) is Order, beside(), other is held)";
    assert_eq!(kernel.run(&edited), "");
    assert_eq!(kernel.run(seen), "3 True 3 True 3 True 3 True 3 False");
    assert_eq!(kernel.run(&format!("import hotsplice; hotsplice.undo().check()\n{seen}")).split(' ').next(), Some("1"));
    // Recoders know cells, which are no files.
    let recoded = "with hotsplice.recoder(Order.total) as recoder:\n    recoder.patch('def total(self): return 9')\n    print(order.total())\n    try:\n        recoder.commit()\n    except hotsplice.PatchError as error:\n        print(error.code)\nprint(order.total())";
    assert_eq!(kernel.run(recoded), "9\nHS0011\n1");
    // What was defined while it was away counts once it is back.
    assert_eq!(kernel.run("%unload_ext hotsplice\ndef plain():\n    return 5"), "");
    assert_eq!(kernel.run("held = plain\n%load_ext hotsplice"), "");
    assert_eq!(kernel.run("def plain():\n    return 6\nprint(held(), held is plain)"), "6 True");
    assert_eq!(kernel.client.wait(), Some(0));
}

#[test]
fn a_kernel_can_be_patched_without_a_cell_being_run_for_it() {
    let workspace = Workspace::new();
    assert!(jupyter(&workspace, "status").expect(0).text().starts_with("not installed"));
    let startup = ipython(&workspace).join("profile_default/startup/05-hotsplice.py");
    for _ in 0..2 {
        jupyter(&workspace, "install").expect(0);
        assert!(jupyter(&workspace, "status").expect(0).text().starts_with("installed: "));
    }
    workspace.write("shop.py", "RATE = 1\ndef price():\n    return RATE\n");
    let Some(mut kernel) = Kernel::start(&workspace, python()) else { return };
    for _ in 0..2 {
        workspace.sessions(1);
        assert_eq!(kernel.run("import shop; print(shop.price(), '_hotsplice' in globals())"), "1 False");
        workspace.write("shop.py", "RATE = 1\ndef price():\n    return 2\n");
        workspace.call(&["patch", "shop.py"]).expect(0);
        assert_eq!(kernel.run("print(shop.price())"), "2");
        let status = kernel.run("%hotsplice status");
        assert!(status.contains("by themselves: no") && status.contains("price is live in version 1"), "{status}");
        // As in a notebook whose package is installed.
        assert_eq!(kernel.run("%load_ext hotsplice"), "");
        assert_eq!(kernel.run("%reload_ext hotsplice"), "");
        let status = kernel.run("%hotsplice status");
        assert!(status.contains("by themselves: yes") && status.contains("price is live in version 1"), "{status}");
        kernel.run("%hotsplice off");
        workspace.write("shop.py", "RATE = 1\ndef price():\n    return RATE\n");
        // Another process: it has nothing of the former but what is on disk.
        assert_eq!(kernel.ask(&json!("restart")), "restarted");
    }
    jupyter(&workspace, "remove").expect(0);
    assert!(!startup.exists());
    assert_eq!(kernel.ask(&json!("restart")), "restarted");
    workspace.sessions(0);
    assert_eq!(kernel.client.wait(), Some(0));
    // What somebody else has put there is nobody's business.
    std::fs::write(&startup, "print('mine')\n").expect("written");
    for action in ["install", "remove", "status"] {
        assert!(jupyter(&workspace, action).expect(2).errors().contains("was not written by this command"));
    }
    assert_eq!(std::fs::read_to_string(&startup).expect("there"), "print('mine')\n");
}
