//! Descriptors in a process whose program may close them: daemons close all that they find.
//!
//! A number that was ours may mean the program's own file a moment later. So each descriptor's identity is compared before
//! it is used or closed, and what is not ours any more is left alone.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::fstat;
use rustix::io::fcntl_dupfd_cloexec;

/// Ours have high numbers: a program may count on getting the lowest ones, or close those up to some number.
const LOWEST: [i32; 3] = [800, 200, 30];

/// A socket or an end of a pipe: those have an inode of their own, unlike an `eventfd`.
pub struct Guarded<T: AsFd> {
    descriptor: ManuallyDrop<T>,
    identity: (u64, u64),
}

impl<T: AsFd + From<OwnedFd>> Guarded<T> {
    pub fn new(descriptor: T) -> io::Result<Self> {
        let high = LOWEST.iter().find_map(|lowest| fcntl_dupfd_cloexec(&descriptor, *lowest).ok());
        let descriptor = high.map_or(descriptor, T::from);
        let identity = identity(descriptor.as_fd())?;
        Ok(Self { descriptor: ManuallyDrop::new(descriptor), identity })
    }
}

impl<T: AsFd> Guarded<T> {
    /// Nothing if the program has closed it.
    pub fn get(&self) -> Option<&T> {
        self.is_ours().then_some(&*self.descriptor)
    }

    pub fn is_ours(&self) -> bool {
        identity(self.descriptor.as_fd()).is_ok_and(|identity| identity == self.identity)
    }

    /// Gives it up without closing it.
    pub fn leave(self) {
        std::mem::forget(self);
    }
}

impl<T: AsFd> Drop for Guarded<T> {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: dropped here and nowhere else, and not used again.
            unsafe { ManuallyDrop::drop(&mut self.descriptor) };
        }
    }
}

/// Device and inode.
fn identity(descriptor: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let stat = fstat(descriptor)?;
    Ok((stat.st_dev, stat.st_ino))
}
