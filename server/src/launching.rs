//! What `hotsplice run` has a Python execute where a person names neither a script nor a whole module, and how that is known
//! again by its command line.

/// Python's own prompt, whose definitions are live; without them where this Python can't be patched, which has been said.
pub const PROMPT: &str = "import sys; __import__('hotsplice._console', fromlist=['main']).main() \
if 'hotsplice._agent' in sys.modules else __import__('code').interact('', exitmsg='')";

/// Imports a module and calls a function of it, as the scripts do that installers make for `module:function`. Its last
/// line is what a traceback shows of it.
pub const CALL: &str = "\
import sys
from functools import reduce
from importlib import import_module
_module, _function = sys.argv[1:3]
sys.argv[:] = [_module, *sys.argv[3:]]
main = reduce(getattr, _function.split('.'), import_module(_module))
sys.exit(main())
";

/// What a person typed for it, of the words after the interpreter: `shop.cli:main --port 80`.
pub fn typed(words: &[&str]) -> Option<String> {
    match words {
        ["-c", code] if *code == PROMPT => Some("prompt".to_owned()),
        ["-c", code, module, function, rest @ ..] if *code == CALL => {
            let call = format!("{module}:{function}");
            Some(std::iter::once(call.as_str()).chain(rest.iter().copied()).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}
