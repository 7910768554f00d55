//! The code that the new thread runs, and the addresses that it is given: one page each.

/// Addresses of the functions that it calls.
pub struct Functions {
    pub pthread_self: u64,
    pub pthread_detach: u64,
    pub is_initialized: u64,
    pub gil_ensure: u64,
    pub run_string: u64,
    pub gil_release: u64,
}

pub const PAGE: u64 = 4096;
/// Where the code begins that calls `pthread_create`: it ends in a trap at [`TRAP`].
pub const TRAP: u64 = 2;
/// Where the new thread begins.
pub const ENTRY: u64 = 16;
/// In the page of data: set to 1 when the thread has finished.
pub const DONE: u64 = 0x48;
/// In the page of data: where `pthread_create` puts the thread's number.
pub const NUMBER: u64 = 0x50;
const TEXT: u64 = 0x60;

/// The longest statement that fits.
pub const LONGEST: usize = (PAGE - TEXT) as usize - 1;

/// Machine code for x86-64. The thread gets the address of the page of data as its argument.
pub fn code() -> Vec<u8> {
    let mut code = vec![
        0xff, 0xd0, // call rax                 pthread_create
        0xcc, 0xcc, // int3                     back to us
    ];
    code.resize(ENTRY as usize, 0x90);
    code.extend([
        0x53, // push rbx
        0x48, 0x89, 0xfb, // mov rbx, rdi
        0xff, 0x53, 0x00, // call [rbx+0x00]     pthread_self()
        0x48, 0x89, 0xc7, // mov rdi, rax
        0xff, 0x53, 0x08, // call [rbx+0x08]     pthread_detach(self)
        0xff, 0x53, 0x28, // call [rbx+0x28]     Py_IsInitialized()
        0x85, 0xc0, // test eax, eax
        0x74, 0x17, // jz end                   no interpreter, or no more
        0xff, 0x53, 0x10, // call [rbx+0x10]     PyGILState_Ensure()
        0x89, 0x43, 0x40, // mov [rbx+0x40], eax
        0x48, 0x8b, 0x7b, 0x30, // mov rdi, [rbx+0x30]
        0xff, 0x53, 0x18, // call [rbx+0x18]     PyRun_SimpleString(statement)
        0x89, 0x43, 0x44, // mov [rbx+0x44], eax
        0x8b, 0x7b, 0x40, // mov edi, [rbx+0x40]
        0xff, 0x53, 0x20, // call [rbx+0x20]     PyGILState_Release(state)
        0x90, // nop
        0xc7, 0x43, 0x48, 1, 0, 0, 0, // end: mov dword [rbx+0x48], 1
        0x31, 0xc0, // xor eax, eax
        0x5b, // pop rbx
        0xc3, // ret
    ]);
    code
}

/// The page of data for a statement, as it stands at `address`.
pub fn data(address: u64, functions: &Functions, statement: &str) -> Vec<u8> {
    let mut data = vec![0u8; TEXT as usize];
    let slots = [
        (0x00, functions.pthread_self),
        (0x08, functions.pthread_detach),
        (0x10, functions.gil_ensure),
        (0x18, functions.run_string),
        (0x20, functions.gil_release),
        (0x28, functions.is_initialized),
        (0x30, address + TEXT),
    ];
    for (offset, value) in slots {
        data[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    }
    data.extend(statement.as_bytes());
    data.push(0);
    data
}
