//! Why a process can't be reached, and what to do.

/// Nothing of the process was changed, whichever it is.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error("there is no such process")]
    NoProcess,
    #[error("this needs Linux on x86-64")]
    Platform,
    #[error("it is stopped (Ctrl-Z, or SIGSTOP): let it go on first (`kill -CONT {pid}`)")]
    Stopped { pid: u32 },
    #[error("process {tracer} traces it already, a debugger or strace: end that first")]
    Traced { tracer: u32 },
    #[error("it belongs to another user (uid {uid}): attach as that user")]
    OtherUser { uid: u32 },
    #[error(
        "the system lets nobody trace it (kernel.yama.ptrace_scope is {scope}): `sudo sysctl kernel.yama.ptrace_scope=0`"
    )]
    PtraceScope { scope: u32 },
    #[error(
        "the system lets nobody trace it: it changed its user, or has more rights than you (prctl PR_SET_DUMPABLE)"
    )]
    NotDumpable,
    #[error(
        "the container or sandbox that this runs in lets nobody trace it (of Docker: `docker run --cap-add SYS_PTRACE`), or it changed its user \
         (prctl PR_SET_DUMPABLE)"
    )]
    Filtered,
    #[error("it runs {program}, which is no CPython")]
    NotPython { program: String },
    #[error("it runs a Python before 3.10, which is not supported")]
    TooOld,
    #[error("it runs a free-threaded Python, which is not supported yet")]
    FreeThreaded,
    #[error("{symbol} is not to be found in it: its Python or C library is stripped")]
    NoSymbol { symbol: &'static str },
    #[error("no thread of it came to a place where it can be stopped safely within {seconds} s: try again")]
    NoSafePlace { seconds: u64 },
    #[error("it could not start a thread: {0}")]
    NoThread(String),
    #[error("it ended meanwhile")]
    Ended,
    #[error("{what}: {source}")]
    System { what: String, source: std::io::Error },
}
