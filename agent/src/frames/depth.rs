//! How much of its stack a thread has used.

use std::cell::Cell;

/// How much of its stack a thread may have used before calls do not ask any more: each that asks takes some, and calls of
/// Python functions by Python functions take none.
const DEEP: usize = 1 << 18;

thread_local! {
    /// The address beyond which a thread's stack is deep; stacks grow downwards.
    static LIMIT: Cell<Option<usize>> = const { Cell::new(None) };
}

pub fn is_deep() -> bool {
    let here = 0_u8;
    let limit = LIMIT.get().unwrap_or_else(|| {
        let limit = stack_limit().unwrap_or(0);
        LIMIT.set(Some(limit));
        limit
    });
    (&raw const here as usize) < limit
}

thread_local! {
    /// Where a thread's stack begins, and its size.
    static STACK: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// How many eighths of the thread's stack are left; all of them where that can't be told.
pub fn eighths_of_stack_left() -> usize {
    let here = 0_u8;
    let (begin, size) = STACK.get().unwrap_or_else(|| {
        let stack = stack().unwrap_or((0, 0));
        STACK.set(Some(stack));
        stack
    });
    (&raw const here as usize).saturating_sub(begin).checked_div(size / 8).unwrap_or(8)
}

fn stack_limit() -> Option<usize> {
    stack().map(|(begin, size)| begin + size - DEEP.min(size / 2))
}

/// Where the calling thread's stack begins, at its lowest address, and its size.
fn stack() -> Option<(usize, usize)> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut begin, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are those of the calling thread, read once they are filled in, and given back.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let failed = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut begin, &raw mut size) != 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if failed {
            return None;
        }
    }
    Some((begin as usize, size))
}
