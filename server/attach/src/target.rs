//! The process's memory, as `/proc` shows it: what is mapped where, and at which address a function stands.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol};

use crate::AttachError;

/// From this address up to that one.
pub type Range = std::ops::Range<u64>;

struct Mapping {
    range: Range,
    offset: u64,
    executable: bool,
    path: String,
}

/// A file that is mapped: the program, or a library.
struct Module {
    /// What is to be added to addresses in the file.
    bias: u64,
    content: Vec<u8>,
}

pub struct Target {
    pid: u32,
    program: String,
    mappings: Vec<Mapping>,
    modules: HashMap<String, Option<Module>>,
    memory: Option<fs::File>,
}

impl Target {
    pub fn open(pid: u32) -> Result<Self, AttachError> {
        let failed = |error| failed(pid, error);
        let program = fs::read_link(format!("/proc/{pid}/exe")).map_err(failed)?.to_string_lossy().into_owned();
        let text = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(failed)?;
        let mappings = text.lines().filter_map(mapping).collect();
        Ok(Self { pid, program, mappings, modules: HashMap::new(), memory: None })
    }

    /// Opens its memory, for which the system asks for the same right as for tracing it. Containers that forbid
    /// `process_vm_readv` allow this.
    pub fn open_memory(&mut self) -> Result<(), AttachError> {
        let opened = fs::OpenOptions::new().read(true).write(true).open(format!("/proc/{}/mem", self.pid));
        self.memory = Some(opened.map_err(|error| failed(self.pid, error))?);
        Ok(())
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn program(&self) -> &str {
        &self.program
    }

    /// Every file with code in it, once.
    pub fn files(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for mapping in self.mappings.iter().filter(|mapping| mapping.executable && mapping.path.starts_with('/')) {
            if !found.contains(&mapping.path) {
                found.push(mapping.path.clone());
            }
        }
        found
    }

    /// Where a file's code is mapped.
    pub fn code_of(&self, path: &str) -> Vec<Range> {
        let own = self.mappings.iter().filter(|mapping| mapping.executable && mapping.path == path);
        own.map(|mapping| mapping.range.clone()).collect()
    }

    /// The file that holds the interpreter: the program itself or `libpython`.
    pub fn interpreter(&mut self) -> Option<String> {
        let program = self.program.clone();
        let mut files = self.files();
        files.retain(|path| *path == program || base_name(path).contains("python"));
        files.sort_by_key(|path| !base_name(path).starts_with("libpython"));
        files.into_iter().find(|path| {
            let Some(module) = self.module(path) else { return false };
            let Ok(file) = object::File::parse(module.content.as_slice()) else { return false };
            file.section_by_name(".PyRuntime").is_some_and(|section| section.size() > 0)
                // Of 3.6 and before there is no such thing.
                || ["_PyRuntime", "PyRun_SimpleStringFlags"].iter().any(|name| symbol(&file, name).is_some())
        })
    }

    /// The address of a function that one of these files defines, and the file.
    pub fn find(
        &mut self,
        name: &'static str,
        is_candidate: impl Fn(&str) -> bool,
    ) -> Result<(u64, String), AttachError> {
        for path in self.files() {
            if (is_candidate(base_name(&path)) || path == self.program)
                && let Some(address) = self.symbol_of(&path, name)
            {
                return Ok((address, path));
            }
        }
        Err(AttachError::NoSymbol { symbol: name })
    }

    pub fn symbol_of(&mut self, path: &str, name: &str) -> Option<u64> {
        let module = self.module(path)?;
        let file = object::File::parse(module.content.as_slice()).ok()?;
        Some(symbol(&file, name)? + module.bias)
    }

    fn module(&mut self, path: &str) -> Option<&Module> {
        if !self.modules.contains_key(path) {
            let module = self.read_module(path);
            self.modules.insert(path.to_owned(), module);
        }
        self.modules.get(path)?.as_ref()
    }

    fn read_module(&self, path: &str) -> Option<Module> {
        let own: Vec<&Mapping> = self.mappings.iter().filter(|mapping| mapping.path == path).collect();
        let first = &own.first()?.range;
        // The mapped file itself, also where it was replaced since or stands in another mount namespace.
        let mapped = format!("/proc/{}/map_files/{:x}-{:x}", self.pid, first.start, first.end);
        let elsewhere = format!("/proc/{}/root{}", self.pid, path.trim_end_matches(" (deleted)"));
        let content = fs::read(mapped).or_else(|_| fs::read(elsewhere)).ok()?;
        let file = object::File::parse(content.as_slice()).ok()?;
        let page = |address: u64| address & !0xfff;
        let bias = file.segments().find_map(|segment| {
            let (offset, size) = segment.file_range();
            let mapping = own.iter().find(|mapping| size > 0 && mapping.offset == page(offset))?;
            Some(mapping.range.start.wrapping_sub(page(segment.address())))
        })?;
        drop(file);
        Some(Module { bias, content })
    }

    pub fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), AttachError> {
        moved(self.opened()?.read_exact_at(buffer, address), "its memory can't be read")
    }

    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), AttachError> {
        moved(self.opened()?.write_all_at(bytes, address), "its memory can't be written")
    }

    fn opened(&self) -> Result<&fs::File, AttachError> {
        self.memory.as_ref().ok_or(AttachError::Ended)
    }

    pub fn read_u32(&self, address: u64) -> Result<u32, AttachError> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

/// Why the system says no.
pub fn denied(pid: u32) -> AttachError {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u32>().ok()
    };
    let own = nix::unistd::geteuid().as_raw();
    match (number("Uid:"), number("TracerPid:")) {
        (_, Some(tracer)) if tracer != 0 => return AttachError::Traced { tracer },
        (Some(uid), _) if uid != own => return AttachError::OtherUser { uid },
        _ => {}
    }
    match ptrace_scope() {
        Some(scope) if scope > 0 => AttachError::PtraceScope { scope },
        _ if is_filtered() => AttachError::Filtered,
        _ => AttachError::NotDumpable,
    }
}

/// Whether we ourselves may use some system calls only, as in most containers.
fn is_filtered() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"]))
}

/// How far the system restricts tracing, where it can.
fn ptrace_scope() -> Option<u32> {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

fn failed(pid: u32, source: std::io::Error) -> AttachError {
    match source.kind() {
        ErrorKind::NotFound => AttachError::NoProcess,
        ErrorKind::PermissionDenied => denied(pid),
        _ => AttachError::System { what: format!("/proc/{pid}"), source },
    }
}

/// A process that has ended, or is another program now, has no such memory any more.
fn moved(result: std::io::Result<()>, what: &str) -> Result<(), AttachError> {
    result.map_err(|source| match source.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::WriteZero => AttachError::Ended,
        _ => AttachError::System { what: what.to_owned(), source },
    })
}

fn symbol(file: &object::File<'_>, name: &str) -> Option<u64> {
    let defined =
        |symbol: &object::Symbol<'_, '_>| symbol.is_definition() && symbol.address() != 0 && symbol.name() == Ok(name);
    let mut all = file.dynamic_symbols().chain(file.symbols());
    all.find(defined).map(|symbol| symbol.address())
}

/// `7f00-7f10 r-xp 00001000 08:01 1234 /usr/lib/libc.so.6`
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let rights = fields.next()?;
    let offset = u64::from_str_radix(fields.next()?, 16).ok()?;
    let path = fields.nth(2).unwrap_or_default().trim_start().to_owned();
    let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
    Some(Mapping { range, offset, executable: rights.contains('x'), path })
}

pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
