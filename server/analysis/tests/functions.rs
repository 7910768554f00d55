//! Edits of functions and methods.

mod support;

use std::sync::Arc;

use expect_test::expect;
use hotsplice_analysis::{Foreign, Outline, diff_following};
use support::patch;

#[test]
fn body() {
    expect![[r#"
        Changed Body Function `f` in [] 3-4 (was 2) parts [Body]
        unit f 2->3
          compile  3| def f():
          compile  4|     return 2
    "#]]
    .assert_eq(&patch("x = 1\ndef f():\n    return 1\n", "x = 1\n\ndef f():\n    return 2\n"));
}

#[test]
fn comments_and_layout_are_no_edits() {
    expect![[r#"
        unit f 1->1
          compile  1| def f():
          compile  2|     # why
          compile  3|     return 1
    "#]]
    .assert_eq(&patch("def f():\n    return (1)\n", "def f():\n    # why\n    return 1\n"));
    expect![[""]].assert_eq(&patch("def f():\n    return 1\n", "def f():\n    return 1  # why\n"));
    expect![[r#"
        move f 1->3
    "#]]
    .assert_eq(&patch("def f():\n    return 1\n", "\n\ndef f():\n    return 1\n"));
}

#[test]
fn defaults_evaluate_only_the_fresh_one() {
    expect![[r#"
        Changed Defaults Function `f` in [] 1-5 (was 1) parts [Defaults] fresh ["c"]
          run  2| def f(a=None, b=None
          run  3| 
          run  4| , *, c=4):
          run  5|     pass
        unit f 1->1
          compile  1| @d
          compile  2| def f(a=[], b={
          compile  3|  1: 2,
          compile  4| }, *, c=4):
          compile  5|     pass
    "#]]
    .assert_eq(&patch(
        "@d\ndef f(a=[], b={\n 1: 2,\n}, *, c=3):\n    pass\n",
        "@d\ndef f(a=[], b={\n 1: 2,\n}, *, c=4):\n    pass\n",
    ));
}

#[test]
fn decorators_signature_annotations_docstring() {
    expect![[r#"
        Changed Decorators Function `f` in [] 1-2 (was 1) parts [Decorators]
          run  1| @d
          run  2| def f(a): pass
        unit f 1->1
          compile  1| @d
          compile  2| def f(a): pass
    "#]]
    .assert_eq(&patch("def f(a): pass\n", "@d\ndef f(a): pass\n"));
    expect![[r#"
        Changed Signature Function `f` in [] 1-1 (was 1) parts [Parameters]
        unit f 1->1
          compile  1| def f(a, b): pass
    "#]]
    .assert_eq(&patch("def f(a): pass\n", "def f(a, b): pass\n"));
    expect![[r#"
        Changed Annotations Function `f` in [] 1-1 (was 1) parts [Annotations]
          run  1| def f(a: str): pass
        unit f 1->1
          compile  1| def f(a: str): pass
    "#]]
    .assert_eq(&patch("def f(a: int): pass\n", "def f(a: str): pass\n"));
    expect![[r#"
        Changed Docstring Function `f` in [] 1-2 (was 1) parts [Docstring]
        unit f 1->1
          compile  1| def f():
          compile  2|     'b'
    "#]]
    .assert_eq(&patch("def f():\n    'a'\n", "def f():\n    'b'\n"));
    expect![[r#"
        Changed Body Function `f` in [] 1-1 (was 1) parts [Async]
          run  1| async def f(): pass
        unit f 1->1
          compile  1| async def f(): pass
    "#]]
    .assert_eq(&patch("def f(): pass\n", "async def f(): pass\n"));
}

#[test]
fn nested_functions_are_named_innermost() {
    expect![[r#"
        Changed Body Function `f.<locals>.g` in [f.<locals>] 3-4 (was 3) parts [Body]
        unit f 1->1
          compile  1| def f():
          compile  2|     x = 1
          compile  3|     def g():
          compile  4|         return 2
          compile  5|     return g
    "#]]
    .assert_eq(&patch(
        "def f():\n    x = 1\n    def g():\n        return 1\n    return g\n",
        "def f():\n    x = 1\n    def g():\n        return 2\n    return g\n",
    ));
    expect![[r#"
        Changed Body Function `f` in [] 1-5 (was 1) parts [Body]
        Changed Body Function `f.<locals>.g` in [f.<locals>] 3-4 (was 3) parts [Body]
        unit f 1->1
          compile  1| def f():
          compile  2|     x = 2
          compile  3|     def g():
          compile  4|         return 2
          compile  5|     return g
    "#]]
    .assert_eq(&patch(
        "def f():\n    x = 1\n    def g():\n        return 1\n    return g\n",
        "def f():\n    x = 2\n    def g():\n        return 2\n    return g\n",
    ));
}

#[test]
fn methods_come_with_their_classes_headers() {
    expect![[r#"
        Changed Body Function `A.B.n` in [A.B] 7-7 (was 7) parts [Body]
        unit A.B.n 7->7
          compile  2| class A(Base,
          compile  3|         key=1):
          compile  5|     class B:
          compile  7|         def n(self): return 2
    "#]].assert_eq(&patch(
        "@deco\nclass A(Base,\n        key=1):\n    x = 1\n    class B:\n        def m(self): return 1\n        def n(self): return 1\n",
        "@deco\nclass A(Base,\n        key=1):\n    x = 1\n    class B:\n        def m(self): return 1\n        def n(self): return 2\n",
    ));
}

#[test]
fn property_trios_and_overloads_keep_their_partners() {
    expect![[r#"
        Added Added Function `A.x` in [A] 4-5 (new)
          run  1| class A:
          run  4|     @x.deleter
          run  5|     def x(self): pass
        Changed Body Function `A.x` in [A] 6-7 (was 4) parts [Body]
        unit A.x 4->6
        class [] A 1->1
          compile  1| class A:
          compile  6|     @x.setter
          compile  7|     def x(self, v): self.v = v
    "#]].assert_eq(&patch(
        "class A:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): pass\n",
        "class A:\n    @property\n    def x(self): return 1\n    @x.deleter\n    def x(self): pass\n    @x.setter\n    def x(self, v): self.v = v\n",
    ));
}

#[test]
fn added_removed_renamed() {
    expect![[r#"
        Added Added Function `g` in [] 4-6 (new) fresh ["a"]
          run  4| @d
          run  5| def g(a=1):
          run  6|     return 2
    "#]]
    .assert_eq(&patch("def f():\n    return 1\n", "def f():\n    return 1\n\n@d\ndef g(a=1):\n    return 2\n"));
    expect![[r#"
        Removed Removed Function `f` in [] 1-1 (was 1)
        move g 3->1
    "#]]
    .assert_eq(&patch("def f():\n    return 1\ndef g():\n    return 2\n", "def g():\n    return 2\n"));
    expect![[r#"
        Added Renamed Function `h` in [] 1-2 (new)
          run  1| def h():
          run  2|     return 1
        Removed Removed Function `f` in [] 2-2 (was 1)
    "#]]
    .assert_eq(&patch("def f():\n    return 1\n", "def h():\n    return 1\n"));
}

#[test]
fn reordering_only_moves() {
    expect![[r#"
        move g 2->1
        move f 1->2
    "#]]
    .assert_eq(&patch("def f(): return 1\ndef g(): return 2\n", "def g(): return 2\ndef f(): return 1\n"));
}

#[test]
fn functions_in_blocks_bring_the_whole_block() {
    expect![[r#"
        Changed Body Function `f` in [] 4-4 (was 4) parts [Body]
        unit f 4->4
          compile  1| if X:
          compile  2|     def f(): return 1
          compile  3| else:
          compile  4|     def f(): return 3
    "#]]
    .assert_eq(&patch(
        "if X:\n    def f(): return 1\nelse:\n    def f(): return 2\n",
        "if X:\n    def f(): return 1\nelse:\n    def f(): return 3\n",
    ));
}

#[test]
fn future_imports_compile_everything_anew() {
    expect![[r#"
        Added Import Import `annotations` in [] 1-1 (new)
          run  1| from __future__ import annotations
        Changed Annotations Function `f` in [] 2-2 (was 1) parts [Annotations]
          run  1| from __future__ import annotations
          run  2| def f(a: int): return 1
        unit f 1->2
          compile  1| from __future__ import annotations
          compile  2| def f(a: int): return 1
    "#]]
    .assert_eq(&patch("def f(a: int): return 1\n", "from __future__ import annotations\ndef f(a: int): return 1\n"));
}

#[test]
fn what_is_stale_is_told() {
    expect![[r#"
        Stale Body Function `f` in [] 1-1 (was 1)
        unit f 1->1
          compile  1| def f(): return 1
    "#]]
    .assert_eq(&support::stale_patch("def f(): return 1\n", "def f(): return 1\n", &["f"]));
}

#[test]
fn names_that_only_functions_import_are_no_names_of_the_module() {
    let text =
        "import tables\ndef f():\n    from other import build\n    return build()\ndef g(): return tables.run()\n";
    let outline = Outline::parse(text);
    let called = ["other.build", "tables.run"].map(str::to_owned);
    let foreign = Foreign { module: "m".to_owned(), called: Arc::new(called.into()), ..Foreign::default() };
    let change = diff_following("m.py", 0, &outline, &outline, &[], &foreign);
    assert_eq!(change.running, ["f", "g", "tables.run"]);
}
