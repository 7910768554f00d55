//! A recoder takes one definition, and writes only where it may.

use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons;

#[test]
fn a_recoder_takes_one_definition_and_writes_nothing_else() {
    let workspace = Workspace::new();
    let path = workspace.path().join("shop.py");
    let former = "# coding: latin-1\r\nNAME = 'caf\u{e9}\u{c}'\r\nclass Order:\r\n  def note(self):\r\n    return 1\r\n\r\n  def other(self):\r\n    return 1\r\n";
    let latin = |text: &str| text.chars().map(|character| character as u8).collect::<Vec<u8>>();
    std::fs::write(&path, latin(former)).expect("written");
    let text = "\
import hotsplice, shop
order = shop.Order()
note, other = hotsplice.recoder(shop.Order.note), hotsplice.recoder(shop.Order.other)
for wrong in ('', 'def wrong(self): pass', 'def note(self): pass\\ndef more(): pass'):
    try:
        note.patch(wrong)
    except hotsplice.PatchError as error:
        print(error.code)
other.patch('def other(self):\\n    return 2')
note.patch('    def note(self):\\n\\n        return \"\"\"a\\n b\"\"\"\\n')
print([order.note(), order.other()])
other.revert()
print([order.note(), order.other()])
note.commit()
print(note.status, flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    let lines: Vec<String> = (0..6).map(|_| program.line()).collect();
    assert_eq!(lines, ["HS0014", "HS0014", "HS0014", "['a\\n b', 2]", "['a\\n b', 1]", "committed"]);
    assert_eq!(program.wait(), Some(0));
    let committed =
        former.replace("    return 1\r\n\r\n  def o", "\r\n      return \"\"\"a\r\n b\"\"\"\r\n\r\n  def o");
    assert_eq!(
        String::from_utf8_lossy(&std::fs::read(path).expect("there")),
        String::from_utf8_lossy(&latin(&committed))
    );
}

#[test]
fn a_recoder_takes_the_definition_of_a_name_that_is_live() {
    let workspace = Workspace::new();
    let former = "# coding: latin-1\nimport functools, sys\nif sys:\n    def price():  # \u{e9}\n        return 1\nelse:\n    def price():\n        return 0\n\n\nclass Order:\n    @property\n    def total(self):\n        return 1\n\n    @total.setter\n    def total(self, value):\n        self.set = value\n\n    @functools.cached_property\n    def tax(self):\n        return 1\n";
    let latin = |text: &str| text.chars().map(|character| character as u8).collect::<Vec<u8>>();
    let path = workspace.path().join("shop.py");
    std::fs::write(&path, latin(former)).expect("written");
    let text = "\
import hotsplice, shop
order = shop.Order()
with hotsplice.recoder(shop.price) as price:
    price.patch('# which one\\n\\ndef price():\\n    return \"€\"\\n')
    print(shop.price())
print(shop.price())
price.patch('def price():\\n    return \"\u{e9}\"\\n')
price.commit()
total = hotsplice.recoder(shop.Order.total)
total.patch('@property\\ndef total(self):\\n    return 2\\n')
order.total = 5
print(shop.price(), order.total, order.set)
total.commit()
tax = hotsplice.recoder(vars(shop.Order)['tax'])
tax.patch('@functools.cached_property\\ndef tax(self):\\n    return 2\\n')
print(order.tax)
tax.revert()
print(shop.Order().tax, flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    let lines: Vec<String> = (0..5).map(|_| program.line()).collect();
    assert_eq!(lines, ["€", "1", "é 2 5", "2", "1"]);
    assert_eq!(program.wait(), Some(0));
    let committed = former
        .replace("    def price():  # \u{e9}\n        return 1", "    def price():\n        return \"\u{e9}\"")
        .replace("def total(self):\n        return 1", "def total(self):\n        return 2");
    let found = std::fs::read(path).expect("there");
    assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&latin(&committed)));
}

#[test]
fn what_cannot_be_recoded_or_written_is_refused_in_words() {
    let workspace = Workspace::new();
    let path = workspace.write("shop.py", "def price():\n    return 1\n");
    let text = "\
import hotsplice, resource, shop, sys
def fails(action):
    try:
        action()
    except hotsplice.PatchError as error:
        return error.code
for bad in (len, lambda: 1, 5):
    print(fails(lambda: hotsplice.recoder(bad)))
recoder = hotsplice.recoder(shop.price)
print(fails(lambda: recoder.patch('def price(:')))
recoder.patch('def price():\\n    return 2\\n')
# A disk that is full.
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4, limit[1]))
full = fails(recoder.commit)
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
print(full, open(shop.__file__).read() == 'def price():\\n    return 1\\n', __import__('os').listdir())
open(shop.__file__, 'w').write('def price():\\n    return 9\\n')
print(fails(recoder.commit), shop.price())
recoder.revert()
print(shop.price(), fails(lambda: hotsplice.patch('missing.py')), flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program: Program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    let lines: Vec<String> = (0..7).map(|_| program.line()).collect();
    assert!(lines[4].starts_with("HS0011 True ") && !lines[4].contains(".hotsplice-"), "{lines:?}");
    assert_eq!([&lines[..4], &lines[5..]].concat(), ["HS0020", "HS0020", "HS0020", "HS0101", "HS0021 2", "1 HS0011"]);
    assert_eq!(program.wait(), Some(0));
    assert_eq!(std::fs::read_to_string(path).expect("the file"), "def price():\n    return 9\n");
}

/// The file is replaced as a whole: whose it is and who may write it stays, and nobody writes what is read-only.
#[test]
fn what_a_recoder_writes_stays_its_owners() {
    let workspace = Workspace::new();
    workspace.write("shop.py", "def price():\n    return 1\n");
    let text = "\
import hotsplice, os, shop
is_root = os.geteuid() == 0
if is_root:
    os.chown(shop.__file__, 12, 34)
os.chmod(shop.__file__, 0o640)
before = os.stat(shop.__file__)
recoder = hotsplice.recoder(shop.price)
recoder.patch('def price():\\n    return 2\\n')
recoder.commit()
after = os.stat(shop.__file__)
print(*[getattr(before, name) == getattr(after, name) for name in ('st_uid', 'st_gid', 'st_mode')], flush=True)
os.chmod(shop.__file__, 0o440)
recoder.patch('def price():\\n    return 3\\n')
try:
    recoder.commit()
    print('written' if not is_root else 'HS0011', flush=True)
except hotsplice.PatchError as error:
    print(error.code, flush=True)
";
    let script = workspace.write("app.py", text);
    let mut program = workspace.run(pythons::newest(), &[&script.display().to_string()]);
    assert_eq!([program.line(), program.line()], ["True True True", "HS0011"]);
    assert_eq!(program.wait(), Some(0));
}
