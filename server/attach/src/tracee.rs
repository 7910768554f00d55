//! One thread of another process that is stopped through ptrace, and goes on unchanged when it is dropped.

use std::time::{Duration, Instant};

use libc::{c_void, user_regs_struct};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::AttachError;

/// `NT_X86_XSTATE`: the floating point and vector registers.
const EXTENDED_STATE: usize = 0x202;
const GET_SIGNAL_MASK: libc::c_uint = 0x420a;
const SET_SIGNAL_MASK: libc::c_uint = 0x420b;
/// The event of a stop by `PTRACE_INTERRUPT`.
const STOPPED_BY_US: i32 = 128;

/// How long a thread may take to stop: one in an uninterruptible wait does not.
const PATIENCE: Duration = Duration::from_millis(500);

pub struct Tracee {
    pid: u32,
    thread: Pid,
    /// What the thread has now, to be given back.
    saved: Option<Saved>,
    /// A signal that arrived while it was stopped.
    signal: Option<Signal>,
}

struct Saved {
    registers: user_regs_struct,
    extended: Vec<u8>,
    signal_mask: u64,
}

impl Tracee {
    /// Stops a thread; nothing if it does not stop now (a signal was just arriving, or it waits for a device).
    pub fn stop(pid: u32, thread: i32) -> Result<Option<Self>, AttachError> {
        let thread = Pid::from_raw(thread);
        match ptrace::seize(thread, ptrace::Options::empty()) {
            Ok(()) => {}
            Err(nix::Error::EPERM) => return Err(crate::target::denied(pid)),
            // The thread has ended.
            Err(_) => return Ok(None),
        }
        let mut tracee = Self { pid, thread, saved: None, signal: None };
        ptrace::interrupt(thread).map_err(|error| system("stopping it", error))?;
        match tracee.wait(PATIENCE)? {
            Some(status) if is_group_stop(&status) => Err(AttachError::Stopped { pid }),
            Some(WaitStatus::PtraceEvent(_, _, STOPPED_BY_US)) => Ok(Some(tracee)),
            Some(WaitStatus::Stopped(_, signal)) => {
                tracee.signal = Some(signal);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    pub fn registers(&self) -> Result<user_regs_struct, AttachError> {
        ptrace::getregs(self.thread).map_err(|error| system("reading its registers", error))
    }

    fn set(&self, registers: user_regs_struct) -> Result<(), AttachError> {
        ptrace::setregs(self.thread, registers).map_err(|error| system("writing its registers", error))
    }

    /// Remembers everything that a call may change, and keeps signals away. `registers` are what the thread goes on with.
    pub fn save(&mut self, registers: user_regs_struct) -> Result<(), AttachError> {
        let mut extended = vec![0u8; 16 * 1024];
        let length = self.extended_state(libc::PTRACE_GETREGSET, &mut extended)?;
        extended.truncate(length);
        let mut signal_mask = 0u64;
        self.request(GET_SIGNAL_MASK, 8, (&raw mut signal_mask).cast())?;
        self.saved = Some(Saved { registers, extended, signal_mask });
        let mut all = u64::MAX;
        self.request(SET_SIGNAL_MASK, 8, (&raw mut all).cast())
    }

    /// Runs one system call; `gadget` is the address of a `syscall` instruction. Errors are negative numbers.
    pub fn system_call(&self, gadget: u64, number: u64, arguments: [u64; 6]) -> Result<i64, AttachError> {
        let mut registers = self.call_frame()?;
        registers.rip = gadget;
        registers.rax = number;
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        registers = user_regs_struct { rdi, rsi, rdx, r10, r8, r9, ..registers };
        self.set(registers)?;
        ptrace::step(self.thread, None).map_err(|error| system("a step", error))?;
        match self.wait(Duration::from_secs(2))? {
            Some(WaitStatus::Stopped(_, Signal::SIGTRAP)) => Ok(self.registers()?.rax as i64),
            Some(status) if is_group_stop(&status) => Err(AttachError::Stopped { pid: self.pid }),
            other => Err(AttachError::NoThread(format!("a system call ended in {other:?}"))),
        }
    }

    /// Runs code up to its trap instruction; gives the registers then.
    pub fn run(&self, change: impl FnOnce(&mut user_regs_struct)) -> Result<user_regs_struct, AttachError> {
        let mut registers = self.call_frame()?;
        change(&mut registers);
        self.set(registers)?;
        ptrace::cont(self.thread, None).map_err(|error| system("letting it go on", error))?;
        match self.wait(Duration::from_secs(2))? {
            Some(WaitStatus::Stopped(_, Signal::SIGTRAP)) => self.registers(),
            Some(status) if is_group_stop(&status) => Err(AttachError::Stopped { pid: self.pid }),
            Some(other) => Err(AttachError::NoThread(format!("the call ended in {other:?}"))),
            None => {
                // It waits for something that this thread itself holds: it is put back to where it was.
                ptrace::interrupt(self.thread).map_err(|error| system("stopping it", error))?;
                self.wait(PATIENCE)?;
                Err(AttachError::NoThread("pthread_create did not return".to_owned()))
            }
        }
    }

    /// Registers for a call: a stack below what the thread uses, aligned, with no system call to be restarted.
    fn call_frame(&self) -> Result<user_regs_struct, AttachError> {
        let saved = self.saved.as_ref().ok_or_else(|| AttachError::NoThread("nothing was saved".to_owned()))?;
        let mut registers = saved.registers;
        // The red zone of 128 bytes stays untouched.
        registers.rsp = (registers.rsp - 128 - 512) & !15;
        registers.orig_rax = u64::MAX;
        // Direction and trap flags off.
        registers.eflags &= !0x500;
        Ok(registers)
    }

    fn extended_state(&self, request: libc::c_uint, buffer: &mut [u8]) -> Result<usize, AttachError> {
        let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast::<c_void>(), iov_len: buffer.len() };
        self.request(request, EXTENDED_STATE, (&raw mut vector).cast())?;
        Ok(vector.iov_len)
    }

    fn request(&self, request: libc::c_uint, address: usize, data: *mut c_void) -> Result<(), AttachError> {
        // SAFETY: the callers pass requests that read or write `data`, which is alive and as large as `address` or the vector
        // in it says; the thread is stopped by us.
        let result = unsafe { libc::ptrace(request, self.thread.as_raw(), address, data) };
        match result {
            -1 => Err(AttachError::System { what: "ptrace".to_owned(), source: std::io::Error::last_os_error() }),
            _ => Ok(()),
        }
    }

    fn wait(&self, patience: Duration) -> Result<Option<WaitStatus>, AttachError> {
        let started = Instant::now();
        loop {
            match waitpid(self.thread, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) if started.elapsed() > patience => return Ok(None),
                Ok(WaitStatus::StillAlive) => {}
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(nix::Error::ECHILD) => {
                    return Err(AttachError::Ended);
                }
                Ok(status) => return Ok(Some(status)),
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(system("waiting for it", error)),
            }
            std::thread::sleep(Duration::from_micros(if started.elapsed().as_millis() < 5 { 20 } else { 500 }));
        }
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if let Some(mut saved) = self.saved.take() {
            // If one of them fails the thread is gone.
            let _ = self.extended_state(libc::PTRACE_SETREGSET, &mut saved.extended);
            let _ = self.set(saved.registers);
            let _ = self.request(SET_SIGNAL_MASK, 8, (&raw mut saved.signal_mask).cast());
        }
        let _ = ptrace::detach(self.thread, self.signal);
    }
}

/// The process was stopped (Ctrl-Z, or SIGSTOP) in this very moment: of a stop by `PTRACE_INTERRUPT` the signal is SIGTRAP.
fn is_group_stop(status: &WaitStatus) -> bool {
    matches!(status, WaitStatus::PtraceEvent(_, signal, STOPPED_BY_US) if *signal != Signal::SIGTRAP)
}

fn system(what: &str, error: nix::Error) -> AttachError {
    match error {
        nix::Error::ESRCH => AttachError::Ended,
        error => AttachError::System { what: what.to_owned(), source: error.into() },
    }
}
