//! Edits of classes, imports, constants and other statements.

mod support;

use expect_test::expect;
use support::patch;

#[test]
fn constants_and_what_is_derived_from_them() {
    expect![[r#"
        Changed Constant Assignment `X` in [] 1-1 (was 1)
          run  1| X = 2
        Derived Derived Assignment `Y` in [] 2-2 (was 2)
          run  2| Y = X + 1
        Derived Derived Function `f` in [] 4-4 (was 4) parts [Defaults] fresh ["a"]
          run  4| def f(a=Y, b=None): return a
        Derived Derived Assignment `A.z` in [A] 6-6 (was 6)
          run  5| class A:
          run  6|     z = Y
        Derived Derived Statement `print(Y)` in [] 8-8 (was 8) offered
          run  8| print(Y)
        class [] A 5->5
    "#]]
    .assert_eq(&patch(
        "X = 1\nY = X + 1\nZ = 3\ndef f(a=Y, b=[]): return a\nclass A:\n    z = Y\n    w = 1\nprint(Y)\n",
        "X = 2\nY = X + 1\nZ = 3\ndef f(a=Y, b=[]): return a\nclass A:\n    z = Y\n    w = 1\nprint(Y)\n",
    ));
}

#[test]
fn calls_of_edited_functions_are_offered() {
    expect![[r#"
        Changed Body Function `make` in [] 1-1 (was 1) parts [Body]
        Derived Derived Assignment `APP` in [] 2-2 (was 2) offered
          run  2| APP = make()
        Changed Body Function `C.__init__` in [C] 4-4 (was 4) parts [Body]
        Derived Derived Assignment `c` in [] 5-5 (was 5) offered
          run  5| c = C()
        unit make 1->1
        unit C.__init__ 4->4
        class [] C 3->3
          compile  1| def make(): return 2
          compile  3| class C:
          compile  4|     def __init__(self): print()
    "#]]
    .assert_eq(&patch(
        "def make(): return 1\nAPP = make()\nclass C:\n    def __init__(self): pass\nc = C()\n",
        "def make(): return 2\nAPP = make()\nclass C:\n    def __init__(self): print()\nc = C()\n",
    ));
}

#[test]
fn imports() {
    expect![[r#"
        Changed Import Import `os, re` in [] 1-1 (was 1)
          run  1| import os, re
        Changed Import Import `b, d` in [] 2-2 (was 2)
          run  2| from a import b, d
        Removed Import Import `c` in [] 2-2 (was 2)
    "#]]
    .assert_eq(&patch("import os\nfrom a import b, c\nx = b\n", "import os, re\nfrom a import b, d\nx = b\n"));
}

#[test]
fn class_header_and_attributes() {
    expect![[r#"
        Changed ClassHeader Class `A` in [] 1-6 (was 1) parts [Bases, Keywords]
          run  1| class A(C, metaclass=M):
          run  2|     'dok'
          run  3|     x = 2
          run  4|     y: str
          run  5|     def m(self): pass
          run  6|     def n(self): pass
        Changed Docstring Docstring `A.__doc__` in [A] 2-2 (was 2)
          run  1| class A(C, metaclass=M):
          run  2|     'dok'
        Changed ClassAttribute Assignment `A.x` in [A] 3-3 (was 3)
          run  1| class A(C, metaclass=M):
          run  3|     x = 2
        Changed ClassAttribute Annotation `A.y` in [A] 4-4 (was 4)
          run  1| class A(C, metaclass=M):
          run  4|     y: str
        Added Added Function `A.n` in [A] 6-6 (new)
          run  1| class A(C, metaclass=M):
          run  6|     def n(self): pass
        class [] A 1->1
    "#]]
    .assert_eq(&patch(
        "class A(B):\n    'doc'\n    x = 1\n    y: int\n    def m(self): pass\n",
        "class A(C, metaclass=M):\n    'dok'\n    x = 2\n    y: str\n    def m(self): pass\n    def n(self): pass\n",
    ));
}

#[test]
fn statements_are_offered() {
    expect![[r#"
        Changed Statement Statement `print(2)` in [] 1-1 (was 1) offered
          run  1| print(2)
        Changed Statement Block `if __name__ == '__main__':` in [] 2-3 (was 2) offered
          run  2| if __name__ == '__main__':
          run  3|     main(1)
        Changed Constant Assignment `__all__` in [] 4-4 (was 4)
          run  4| __all__ = []
        Added Statement Statement `__all__ += ['x']` in [] 5-5 (new)
          run  5| __all__ += ['x']
        Added Statement Block `i` in [] 6-7 (new)
          run  6| for i in []:
          run  7|     pass
    "#]]
    .assert_eq(&patch(
        "print(1)\nif __name__ == '__main__':\n    main()\n__all__ = []\n",
        "print(2)\nif __name__ == '__main__':\n    main(1)\n__all__ = []\n__all__ += ['x']\nfor i in []:\n    pass\n",
    ));
    expect![[r#"
        Removed Statement Statement `register(x)` in [] 1-1 (was 2) offered
    "#]]
    .assert_eq(&patch("x = 1\nregister(x)\n", "x = 1\n"));
}

#[test]
fn blocks() {
    expect![[r#"
        Changed Statement Block `a, b, f` in [] 1-5 (was 1)
          run  1| try:
          run  2|     import a, b
          run  3| except ImportError:
          run  4|     a = b = None
          run  5|     def f(): return 2
        Changed Body Function `f` in [] 5-5 (was 5) parts [Body]
        unit f 5->5
          compile  1| try:
          compile  2|     import a, b
          compile  3| except ImportError:
          compile  4|     a = b = None
          compile  5|     def f(): return 2
    "#]]
    .assert_eq(&patch(
        "try:\n    import a\nexcept ImportError:\n    a = None\n    def f(): return 1\n",
        "try:\n    import a, b\nexcept ImportError:\n    a = b = None\n    def f(): return 2\n",
    ));
}

#[test]
fn statements_on_one_line_are_one() {
    expect![[r#"
        Changed Constant Assignment `a; b` in [] 1-1 (was 1)
          run  1| a = 1; b = 3
        Changed ClassAttribute Assignment `x; y` in [A] 2-2 (was 2)
          run  2| class A: x = 1; y = 3
        class [] A 2->2
    "#]]
    .assert_eq(&patch("a = 1; b = 2\nclass A: x = 1; y = 2\n", "a = 1; b = 3\nclass A: x = 1; y = 3\n"));
}

#[test]
fn the_last_of_two_assignments_counts() {
    expect![[r#"
        Changed Constant Assignment `x` in [] 2-2 (was 1)
          run  2| x = 1
    "#]]
    .assert_eq(&patch("x = 1\nx = 2\n", "x = 2\nx = 1\n"));
    expect![[r#"
        Changed Constant Assignment `x` in [] 1-1 (was 1)
          run  1| x = 1
    "#]]
    .assert_eq(&patch("x = 1\nx = 2\n", "x = 1\n"));
}

#[test]
fn kinds_that_change() {
    expect![[r#"
        Changed Replaced Class `f` in [] 1-1 (was 1)
          run  1| class f: pass
        Added Constant Assignment `C` in [] 2-2 (new)
          run  2| C = 1
        Removed Removed Class `C` in [] 2-2 (was 2)
    "#]]
    .assert_eq(&patch("def f(): pass\nclass C: pass\n", "class f: pass\nC = 1\n"));
}

#[test]
fn carriage_returns_and_byte_order_marks() {
    expect![[r#"
        Changed Body Function `f` in [] 1-2 (was 1) parts [Body]
        unit f 1->1
          compile  1| def f():
          compile  2|     return 2
    "#]]
    .assert_eq(&patch("\u{feff}def f():\r\n    return 1\r\n", "\u{feff}def f():\r\n    return 2\r\n"));
    let old_mac = patch("\n\ndef f():\r    return 1\r", "\n\ndef f():\r    return 2\r");
    assert!(old_mac.contains("unit f 3->3"), "{old_mac}");
}
