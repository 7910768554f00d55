//! The numbered codes. A number once given keeps its meaning; each has a section in `docs/verdicts.md`.

/// One code: its number, what it says in a few words, and how grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub title: &'static str,
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The request or the session failed; nothing was changed.
    Error,
    /// The edit is held back.
    Refused,
    /// The edit is live, with something to know.
    Caveat,
    /// Nothing is wrong.
    Information,
}

use Severity::{Caveat, Error, Information, Refused};

macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $title:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// Every code, in order.
        pub const ALL: &[Code] = &[$(Code { code: $code, title: $title, severity: $severity }),*];
    };
}

codes! {
    PROTOCOL_MISMATCH "HS0001" Error "server and agent are of builds whose messages differ";
    SESSION_GONE "HS0002" Error "the process ended or closed the connection";
    BAD_MESSAGE "HS0003" Error "a message could not be understood";
    MESSAGE_TOO_LONG "HS0004" Error "a message is too long";
    NO_SESSION "HS0005" Error "no registered process has loaded the file";
    TIMED_OUT "HS0006" Error "the process did not answer in time";
    OTHER_USER "HS0007" Error "the connection belongs to another user";
    UNSUPPORTED_PYTHON "HS0008" Error "this Python is not supported";
    INTERNAL "HS0009" Error "the agent failed in itself; nothing was changed";
    NOT_LOADED "HS0010" Error "the process has not loaded the file";
    UNREADABLE "HS0011" Error "the file cannot be read";
    TRANSACTION_UNKNOWN "HS0012" Error "the transaction is not known to the process";
    NOTHING_TO_UNDO "HS0013" Error "there is nothing to undo";
    UNKNOWN_FUNCTION "HS0014" Error "the file has no such function or class";
    NOT_ATTACHED "HS0015" Error "the process cannot be attached to";
    CANCELLED "HS0016" Error "the patch was cancelled; nothing was changed";
    NOT_RECODABLE "HS0020" Error "a recoder needs a function or class of a source file";
    FILE_CHANGED "HS0021" Error "the file was changed by somebody else: nothing was written";
    NOT_GUARDED "HS0022" Error "functions of this process can't be guarded from outside";
    NO_HOLD "HS0023" Error "there is no such call that is held";
    NO_VALUE "HS0024" Error "what a held call is to return can't be evaluated";
    CALL_HELD "HS0025" Information "a guarded call has failed and is held";
    GENERATOR_ANEW "HS0026" Information "a generator that has failed begins again from its beginning";

    SYNTAX_ERROR "HS0101" Refused "the new text does not parse";
    COMPILE_FAILED "HS0102" Refused "the process's Python does not compile the new text";
    EVALUATION_FAILED "HS0103" Refused "what the edit needs evaluated raised an exception";
    EVALUATION_TOO_LONG "HS0104" Refused "what the edit needs evaluated took too long";
    HELD_BACK "HS0105" Refused "held back because another edit of the patch was refused";
    NOT_SUPPORTED "HS0106" Refused "this kind of edit is not yet supported";
    NO_LIVE_FUNCTION "HS0107" Caveat "no live function runs this definition";
    HELD_BACK_ELSEWHERE "HS0108" Refused "held back because another process refused the patch";
    NOT_FORESEEN "HS0109" Caveat "a dry run does not run what the program could notice";
    OTHER_THREAD "HS0110" Caveat "a value would belong to the thread that prepares the patch";
    TRACES_LEFT "HS0111" Caveat "what was run for a refused patch may have changed something";

    BASELINE_ASSUMED "HS0201" Caveat "the file had changed since the process loaded it";
    PATCHED_MEANWHILE "HS0203" Refused "the live text changed while the patch was made";
    RELOADED "HS0204" Caveat "the program reloaded the module";
    FILE_DELETED "HS0205" Caveat "the file is deleted; its module stays loaded";
    MODULE_RENAMED "HS0206" Information "the module has another name or file now and is the same one";
    NOT_RENAMED "HS0207" Caveat "something does not follow a module to its new name";

    CLOSURE_VARIABLE_MISSING "HS0301" Caveat "live closures lack a newly used variable";
    CLOSURE_DEFAULT_KEPT "HS0302" Caveat "live closures keep the default they were made with";
    REFERENCE_NOT_MOVED "HS0303" Caveat "a reference to the old object could not be moved";
    DECORATOR_CACHE_CLEARED "HS0304" Caveat "a cache of results of the old code was cleared";
    MONKEYPATCH_KEPT "HS0305" Caveat "the name holds something that the program put there";
    CALLS_STILL_INSIDE "HS0306" Information "calls that began before the patch still run the old code";
    CLOSURE_CLASS "HS0307" Caveat "a class or function made inside a function is new only for later calls";
    OLD_CALL_MEETS_NEW "HS0308" Caveat "a running call on old code meets something new that may not fit it";
    CALLS_MOVED "HS0309" Information "running calls were moved to the new code";

    STATEMENT_OFFERED "HS0401" Caveat "the statement was not run; it is offered";
    VALUE_KEPT "HS0402" Caveat "the program changed the value since import; it is kept";
    VALUE_COMPUTED "HS0403" Caveat "the value was computed by calling code that is edited now";
    NOT_LIVE "HS0404" Information "the statement stands in a branch that is not live";
    NAME_REMOVED "HS0405" Caveat "the name is gone; references to its value go on";
    IMPORT_REMOVED "HS0406" Information "the import is gone; the name is removed";
    DECORATED_TWICE "HS0407" Caveat "decorators ran again and left more than a registration";
    OBJECT_PRESERVED "HS0408" Caveat "an object with state of its own is preserved, not made again";
    ORDER_KEPT "HS0409" Caveat "what registers itself was put into another order; what it registered was not";
    DEFAULTS_FORMER "HS0410" Caveat "objects hold the former default of a field; they can take the new one";
    DEFAULTS_TAKEN "HS0411" Information "objects were given the new default of a field";
    NOT_REACHED "HS0413" Caveat "the module's own statements have not come to this line yet";
    RESULTS_KEPT "HS0414" Caveat "what the program's own cache holds came of the old code; it stays";
    NOT_FOLLOWED "HS0415" Caveat "what follows in other files was not looked for to the end";
    FALLBACK_KEPT "HS0416" Caveat "a module that could not be imported is there by now; what stands in for it stays";

    CLASS_REBUILT "HS0501" Information "the class was built again and its namespace taken over";
    CLASS_LAYOUT "HS0502" Refused "the change needs another memory layout for existing instances";
    INSTANCES_LACK "HS0503" Caveat "existing instances were not given the new attribute";
    METACLASS "HS0504" Refused "the metaclass can't be changed on a live class";
    CLASS_REPLACED "HS0505" Caveat "the class is a new object; existing instances keep the old one";
    INSTANCES_GIVEN "HS0506" Information "existing instances were given the attribute that the constructor sets now";

    HOOK_FAILED "HS0601" Caveat "a hook raised an exception";
    ADAPTER_FAILED "HS0602" Caveat "a framework could not be told of the change";
    AFTERWARDS_FAILED "HS0603" Caveat "the patch is live, but what follows it failed";
    ROLLBACK_INCOMPLETE "HS0604" Refused "the commit failed, and not all of it could be rolled back";
    LINES_STAY "HS0605" Caveat "the lines of a function that moved stay as they were";
    RELOADER "HS0610" Caveat "a reloader of the program's own will start the process again";
    NOT_STOPPED "HS0620" Error "no such frame is stopped in a debugger";
    NOT_RESTARTED "HS0621" Error "frames of this process can't be restarted";
    NO_CALL "HS0622" Error "the frame is no call that can begin again";
    RESTART_ARGUMENTS "HS0623" Error "the frame does not have the arguments that its function takes now";
    RESTART_INSIDE "HS0624" Error "the frame stands in a block that it has to leave by itself";
    RESTART_ROOM "HS0625" Error "the new code does not fit into the frame";
    KEY_STAYS "HS0626" Caveat "a key or an attribute stays until the calls have ended that ask for it";
    NO_PLACE "HS0627" Error "a running call uses an attribute that the new layout of the class has no place for";
    CELL_ANEW "HS0650" Caveat "what a cell defines again could not be patched in place: it is a new one";
    OVERLAY_OF_NOTHING "HS0660" Error "an overlay stands in for nothing";
    NOT_STOOD_IN_FOR "HS0661" Error "a function can't be stood in for";
    WRONG_TOKEN "HS0670" Error "the token is not the one that the process was given";
    NOT_CONNECTED "HS0671" Error "the address of a process elsewhere can't be used";
    REPLACED "HS0672" Error "the process runs another program now";
    HELD_BACK_BY_PROGRAM "HS0680" Refused "the program holds the patch back";
    NO_DEBUGGER "HS0690" Error "no debugger can stand where the call failed";
}

/// Nothing is wrong with such an edit: it waits for another one.
pub fn is_held_back(code: &str) -> bool {
    [HELD_BACK, HELD_BACK_ELSEWHERE].contains(&code)
}

/// With such a caveat the process goes on with what it had: the edit itself is not live.
pub fn leaves_as_it_was(code: &str) -> bool {
    [
        SESSION_GONE,
        TIMED_OUT,
        STATEMENT_OFFERED,
        VALUE_KEPT,
        VALUE_COMPUTED,
        MONKEYPATCH_KEPT,
        NO_LIVE_FUNCTION,
        FILE_DELETED,
        BASELINE_ASSUMED,
    ]
    .contains(&code)
}

/// Looks a code up by its number.
pub fn find(code: &str) -> Option<&'static Code> {
    ALL.iter().find(|known| known.code == code)
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn numbers_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].code < pair[1].code));
    }
}
