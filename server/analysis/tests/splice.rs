//! One definition exchanged, everything else as it was.

use expect_test::{Expect, expect};
use hotsplice_analysis::{Outline, changed_definitions, splice};

fn check(live: &str, new: &str, name: &str, expected: Expect) {
    let text = splice(&Outline::parse(live), &Outline::parse(new), name);
    expected.assert_eq(text.as_deref().unwrap_or("nothing"));
}

#[test]
fn only_the_named_function_changes() {
    check(
        "def f():\n    return 1\n\ndef g():\n    return 1",
        "X = 1\ndef f():\n    return 2\n\n@d\ndef g():\n    return 2\n",
        "g",
        expect![[r#"
            def f():
                return 1

            @d
            def g():
                return 2
        "#]],
    );
}

#[test]
fn nested_functions_and_methods() {
    let live = "class A:\n    def m(self):\n        def g():\n            return 1\n        return g\n    def n(self): return 1\n";
    let new = "class A:\n  def m(self):\n    x = 1\n    def g():\n      s = '''\nraw\n'''\n      return 2\n    return g\n  def n(self): return 2\n";
    check(
        live,
        new,
        "A.m.<locals>.g",
        expect![[r#"
        class A:
            def m(self):
                def g():
                  s = '''
        raw
        '''
                  return 2
                return g
            def n(self): return 1
    "#]],
    );
    check(
        live,
        new,
        "A.n",
        expect![[r#"
        class A:
            def m(self):
                def g():
                    return 1
                return g
            def n(self): return 2
    "#]],
    );
    check(
        live,
        new,
        "A",
        expect![[r#"
        class A:
          def m(self):
            x = 1
            def g():
              s = '''
        raw
        '''
              return 2
            return g
          def n(self): return 2
    "#]],
    );
    check(live, new, "B", expect!["nothing"]);
}

#[test]
fn new_definitions_stand_beside_their_neighbours() {
    let live = "import os\n\n\nclass A:\n    def m(self): pass\n\n\ndef last(): pass\n";
    let new = "import os\n\n\nclass A:\n    x = 1\n\n    def m(self): pass\n\n    def n(self): return B\n\n\nclass B:\n    def b(self): pass\n\n\ndef last(): pass\n";
    check(
        live,
        new,
        "A.n",
        expect![[r#"
        import os


        class A:
            def m(self): pass

            def n(self): return B


        class B:
            def b(self): pass


        def last(): pass
    "#]],
    );
    check(
        live,
        new,
        "B",
        expect![[r#"
        import os


        class A:
            def m(self): pass


        class B:
            def b(self): pass


        def last(): pass
    "#]],
    );
    check(
        live,
        new,
        "B.b",
        expect![[r#"
        import os


        class A:
            def m(self): pass


        class B:
            def b(self): pass


        def last(): pass
    "#]],
    );
}

#[test]
fn what_is_needed_comes_along() {
    check(
        "import os\nfrom a import b\n\ndef f():\n    return b\n\ndef g():\n    pass\n",
        "import os\nimport re\nfrom a import b, c\n\nLIMIT = c\n\ndef helper():\n    return re.compile(LIMIT)\n\nUNUSED = 1\n\ndef f():\n    return helper() + os.unused.UNUSED\n\ndef g():\n    return UNUSED\n",
        "f",
        expect![[r#"
            import os
            import re
            from a import b, c

            LIMIT = c

            def helper():
                return re.compile(LIMIT)

            def f():
                return helper() + os.unused.UNUSED

            def g():
                pass
        "#]],
    );
}

#[test]
fn removed_definitions_go() {
    check(
        "class A:\n    def m(self): pass\nx = 1\n",
        "class A:\n    pass\nx = 2\n",
        "A.m",
        expect![[r#"
            class A:
                pass
            x = 1
        "#]],
    );
    check(
        "def f(): pass\nx = 1\n",
        "x = 2\n",
        "f",
        expect![[r#"
        x = 1
    "#]],
    );
}

#[test]
fn property_trios_go_together() {
    check(
        "class A:\n    @property\n    def x(self): return 1\n    y = 1\n",
        "class A:\n    @property\n    def x(self): return 2\n    @x.setter\n    def x(self, v): pass\n    y = 2\n",
        "A.x",
        expect![[r#"
            class A:
                @property
                def x(self): return 2
                @x.setter
                def x(self, v): pass
                y = 1
        "#]],
    );
}

#[test]
fn changed_definitions_are_the_innermost() {
    let live = Outline::parse(
        "def f():\n    def g(): return 1\n    return g\nclass A:\n    x = 1\n    def m(self): pass\n    def gone(self): pass\nclass B:\n    y = 1\n    def m(self): pass\n",
    );
    let new = Outline::parse(
        "def f():\n    def g(): return 2\n    return g\nclass A:\n    x = 1\n    def m(self): pass\nclass B:\n    y = 2\n    def m(self): 'x'\n    def n(self): pass\ndef h(): pass\n",
    );
    expect![[r#"
        f.<locals>.g
        A
        B
        B.m
        B.n
        h"#]]
    .assert_eq(&changed_definitions(&live, &new).join("\n"));
}

#[test]
fn definitions_have_pythons_names() {
    let outline = Outline::parse(
        "@d\ndef f():\n    if x:\n        class C:\n            async def m(self): pass\ntry:\n    def f(): pass\nexcept E: pass\nclass A:\n    class B: x = 1\n",
    );
    let all: Vec<String> = outline
        .definitions()
        .iter()
        .map(|one| {
            format!(
                "{} #{} {}-{} name {}:{}-{}",
                one.qualified_name,
                one.occurrence,
                one.line,
                one.end_line,
                one.name_line,
                one.name_start_column,
                one.name_end_column
            )
        })
        .collect();
    expect![[r#"
        f #0 1-5 name 2:4-5
        f.<locals>.C #0 4-5 name 4:14-15
        f.<locals>.C.m #0 5-5 name 5:22-23
        f #1 7-7 name 7:8-9
        A #0 9-10 name 9:6-7
        A.B #0 10-10 name 10:10-11"#]]
    .assert_eq(&all.join("\n"));
    let at: Vec<String> = outline.definition_at(5).into_iter().map(|one| one.qualified_name).collect();
    assert_eq!(at, ["f.<locals>.C.m", "f.<locals>.C", "f"]);
}
