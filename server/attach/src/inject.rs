//! Finding a thread that can be stopped safely, and having it start ours.

use std::fs;
use std::time::{Duration, Instant};

use libc::user_regs_struct;

use crate::AttachError;
use crate::stub::{self, Functions};
use crate::target::{Range, Target, base_name};
use crate::tracee::Tracee;

/// How long a thread is looked for.
const SEARCH: Duration = Duration::from_secs(5);

// Numbers of system calls on x86-64.
const MMAP: u64 = 9;
const MPROTECT: u64 = 10;

/// Whether [`execute`] would find what it needs, as far as can be seen without touching the process.
pub fn check(pid: u32) -> Result<(), AttachError> {
    let mut target = Target::open(pid)?;
    interpreter(&mut target)?;
    target.open_memory()
}

fn interpreter(target: &mut Target) -> Result<String, AttachError> {
    check_state(target.pid())?;
    let Some(interpreter) = target.interpreter() else {
        return Err(AttachError::NotPython { program: target.program().to_owned() });
    };
    // New in 3.10.
    if target.symbol_of(&interpreter, "Py_NewRef").is_none() {
        return Err(AttachError::TooOld);
    }
    if base_name(&interpreter).trim_end_matches(".so.1.0").ends_with('t')
        && target.symbol_of(&interpreter, "_Py_MergeZeroLocalRefcount").is_some()
    {
        return Err(AttachError::FreeThreaded);
    }
    Ok(interpreter)
}

pub fn execute(pid: u32, statement: &str) -> Result<(), AttachError> {
    let mut target = Target::open(pid)?;
    if statement.len() > stub::LONGEST {
        return Err(AttachError::NoThread("the statement is too long".to_owned()));
    }
    let interpreter = interpreter(&mut target)?;
    target.open_memory()?;
    let own = interpreter.clone();
    let python = move |name: &str| base_name(&own) == name;
    let library = |name: &str| {
        ["libc.so", "libc-", "libpthread", "ld-musl", "libc.musl"].iter().any(|start| name.starts_with(start))
    };
    let (create, c_library) = target.find("pthread_create", library)?;
    let functions = Functions {
        pthread_self: target.find("pthread_self", library)?.0,
        pthread_detach: target.find("pthread_detach", library)?.0,
        is_initialized: target.find("Py_IsInitialized", &python)?.0,
        gil_ensure: target.find("PyGILState_Ensure", &python)?.0,
        run_string: target.find("PyRun_SimpleString", &python)?.0,
        gil_release: target.find("PyGILState_Release", &python)?.0,
    };
    let gadget = system_call_instruction(&target, &c_library)?;
    let places = Places::of(&mut target, &interpreter);
    let (mut tracee, registers) = stop_somewhere_safe(pid, &places)?;
    tracee.save(registers)?;
    let page = tracee.system_call(gadget, MMAP, [0, 2 * stub::PAGE, 3, 0x22, u64::MAX, 0])?;
    if (-4095..0).contains(&page) {
        return Err(AttachError::NoThread(format!("no memory (errno {})", -page)));
    }
    let (code, data) = (page as u64, page as u64 + stub::PAGE);
    target.write(code, &stub::code())?;
    target.write(data, &stub::data(data, &functions, statement))?;
    if tracee.system_call(gadget, MPROTECT, [code, stub::PAGE, 5, 0, 0, 0])? != 0 {
        return Err(AttachError::NoThread("its memory may not be executed".to_owned()));
    }
    let after = tracee.run(|registers| {
        registers.rip = code;
        registers.rax = create;
        (registers.rdi, registers.rsi, registers.rdx, registers.rcx) =
            (data + stub::NUMBER, 0, code + stub::ENTRY, data);
    })?;
    // The thread goes on where it was.
    drop(tracee);
    if after.rip != code + stub::TRAP + 1 || after.rax as i32 != 0 {
        return Err(AttachError::NoThread(format!("pthread_create gave {}", after.rax as i32)));
    }
    // Whoever waits for what the statement does need not look sooner.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(200) && target.read_u32(data + stub::DONE)? == 0 {
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(())
}

fn check_state(pid: u32) -> Result<(), AttachError> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| AttachError::NoProcess)?;
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    let own = nix::unistd::geteuid().as_raw();
    match field("Uid:").split_whitespace().nth(1).and_then(|uid| uid.parse().ok()) {
        Some(uid) if uid != own => return Err(AttachError::OtherUser { uid }),
        _ => {}
    }
    match field("TracerPid:").parse() {
        Ok(tracer) if tracer != 0 => return Err(AttachError::Traced { tracer }),
        _ => {}
    }
    match field("State:").chars().next() {
        Some('T' | 't') => Err(AttachError::Stopped { pid }),
        Some('Z' | 'X') => Err(AttachError::NoProcess),
        _ => Ok(()),
    }
}

/// A `syscall` instruction in the C library.
fn system_call_instruction(target: &Target, c_library: &str) -> Result<u64, AttachError> {
    for range in target.code_of(c_library) {
        let mut code = vec![0; (range.end - range.start) as usize];
        target.read(range.start, &mut code)?;
        if let Some(found) = code.windows(2).position(|two| two == [0x0f, 0x05]) {
            return Ok(range.start + found as u64);
        }
    }
    Err(AttachError::NoSymbol { symbol: "syscall" })
}

/// Code in which a thread holds no lock of the allocator or the loader, and code in which it may.
struct Places {
    interpreter: Vec<Range>,
    loader: Vec<Range>,
    /// Libraries that neither allocate nor load.
    others: Vec<Range>,
}

impl Places {
    fn of(target: &mut Target, interpreter: &str) -> Self {
        let (mut loader, mut others) = (Vec::new(), Vec::new());
        for path in target.files() {
            let name = base_name(&path).to_owned();
            let code = target.code_of(&path);
            if path == interpreter {
                continue;
            }
            let system = ["libc.", "libc-", "libpthread", "libstdc++"].iter().any(|start| name.starts_with(start));
            if name.starts_with("ld-") {
                loader.extend(code);
            } else if !system && !name.contains("malloc") && target.symbol_of(&path, "malloc").is_none() {
                others.extend(code);
            }
        }
        Self { interpreter: target.code_of(interpreter), loader, others }
    }

    fn is_safe(&self, registers: &user_regs_struct, wait_was_long: bool) -> bool {
        let within = |ranges: &[Range]| ranges.iter().any(|range| range.contains(&registers.rip));
        if registers.orig_rax as i64 >= 0 {
            let waits = is_waiting(registers.orig_rax, registers.rsi);
            return waits && !within(&self.loader);
        }
        within(&self.interpreter) || (wait_was_long && within(&self.others))
    }
}

/// System calls in which a thread waits for something else than a lock of the allocator: `read`, `poll`, `select`, `nanosleep`,
/// `pause`, `accept`, `recv`, `wait4`, `epoll_wait` and their like; of `futex` only what semaphores and conditions use.
fn is_waiting(number: u64, second_argument: u64) -> bool {
    const FUTEX: u64 = 202;
    const WAIT_BITSET: u64 = 9;
    match number {
        FUTEX => second_argument & 0x7f == WAIT_BITSET,
        0 | 7 | 23 | 34 | 35 | 42 | 43 | 45 | 47 | 61 | 219 | 230 | 232 | 247 | 270 | 271 | 281 | 288 | 441 => true,
        _ => false,
    }
}

/// Those of `epoll_wait`, `accept` and `recv` that the kernel does not start again by itself once they were interrupted.
fn is_not_restarted(number: u64) -> bool {
    matches!(number, 43 | 45 | 47 | 232 | 281 | 288 | 441)
}

/// Stops one thread after the other until one stands where it may be used; gives the registers with which it goes on.
fn stop_somewhere_safe(pid: u32, places: &Places) -> Result<(Tracee, user_regs_struct), AttachError> {
    let started = Instant::now();
    for attempt in 0u64.. {
        if started.elapsed() > SEARCH {
            break;
        }
        let threads = candidates(pid)?;
        // Not always the same one: it may stand in an allocator for long.
        let chosen = if attempt % 3 == 2 { (attempt / 3) as usize % threads.len().max(1) } else { 0 };
        if let Some(&thread) = threads.get(chosen)
            && let Some(tracee) = Tracee::stop(pid, thread)?
        {
            let registers = tracee.registers()?;
            if places.is_safe(&registers, attempt > 60) {
                let registers = restarted(pid, thread, registers);
                return Ok((tracee, registers));
            }
        }
        std::thread::sleep(Duration::from_micros(700 + (attempt * 137) % 900));
    }
    Err(AttachError::NoSafePlace { seconds: SEARCH.as_secs() })
}

/// The process's threads, those first that wait in a system call which may be interrupted.
fn candidates(pid: u32) -> Result<Vec<i32>, AttachError> {
    let listing = fs::read_dir(format!("/proc/{pid}/task")).map_err(|_| AttachError::Ended)?;
    let mut found: Vec<(u8, i32)> = Vec::new();
    for entry in listing.flatten() {
        let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let call = fs::read_to_string(entry.path().join("syscall")).unwrap_or_default();
        let mut fields = call.split_whitespace();
        let rank = match fields.next().map(str::parse::<u64>) {
            Some(Ok(number)) => {
                let hexadecimal = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or(0);
                let second = fields.nth(1).map_or(0, hexadecimal);
                match number {
                    _ if !is_waiting(number, second) => continue,
                    202 => 2,
                    _ if is_not_restarted(number) => 3,
                    35 | 230 => 0,
                    _ => 1,
                }
            }
            // It runs.
            _ => 9,
        };
        found.push((rank, thread));
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, thread)| thread).collect())
}

/// The stop ended a wait that the kernel does not take up again: unless a signal waits to be seen, the thread repeats the call.
fn restarted(pid: u32, thread: i32, mut registers: user_regs_struct) -> user_regs_struct {
    const INTERRUPTED: i64 = -4;
    if registers.rax as i64 != INTERRUPTED || !is_not_restarted(registers.orig_rax) {
        return registers;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).unwrap_or_default();
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        u64::from_str_radix(line.trim(), 16).unwrap_or(0)
    };
    if (mask("SigPnd:") | mask("ShdPnd:")) & !mask("SigBlk:") == 0 {
        registers.rax = registers.orig_rax;
        registers.rip -= 2;
        registers.orig_rax = u64::MAX;
    }
    registers
}
