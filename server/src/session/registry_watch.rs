//! Says whenever a session may have come into the registry: the folder is watched, or, before there is one, the folder in
//! which it will be. An end of a session is noticed by its connection.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use hotsplice_channel::registry;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

/// How often the folder is looked into where it can't be watched (the kernel's limit of watches is reached, say).
const LOOK: Duration = Duration::from_millis(500);

/// Starts watching; `look` is called on a thread of its own each time, for as long as it says that somebody listens.
pub fn start(look: impl Fn() -> bool + Send + 'static) {
    let watching = move || {
        let directory = registry::directory();
        loop {
            let waited = wait(&directory, &look);
            if waited.is_err() {
                std::thread::sleep(LOOK);
            }
            if !look() {
                return;
            }
        }
    };
    // Without it, sessions are still looked for at each command.
    let _ = std::thread::Builder::new().name("registry-watch".to_owned()).spawn(watching);
}

/// Returns when the folder itself has come or gone; `look` is called for what happens in it, and says whether to go on.
fn wait(directory: &Path, look: impl Fn() -> bool) -> io::Result<()> {
    let descriptor = inotify::init(CreateFlags::CLOEXEC)?;
    let own = WatchFlags::CLOSE_WRITE
        | WatchFlags::MOVED_TO
        | WatchFlags::ATTRIB
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF;
    let exists = inotify::add_watch(&descriptor, directory, own | WatchFlags::ONLYDIR).is_ok();
    if !exists {
        let parent = directory.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        let coming = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        inotify::add_watch(&descriptor, parent, coming | WatchFlags::ONLYDIR)?;
        // It may have come just before.
        let next = directory.ancestors().take_while(|folder| *folder != parent).last();
        if next.is_some_and(Path::exists) {
            return Ok(());
        }
    }
    // What came before the watch stood.
    if !look() {
        return Ok(());
    }
    read(descriptor, exists, look)
}

fn read(descriptor: OwnedFd, exists: bool, look: impl Fn() -> bool) -> io::Result<()> {
    let mut buffer = [const { MaybeUninit::<u8>::uninit() }; 4096];
    let mut reader = Reader::new(descriptor, &mut buffer);
    loop {
        let flags = reader.next()?.events();
        let over = flags
            .intersects(inotify::ReadFlags::DELETE_SELF | inotify::ReadFlags::MOVE_SELF | inotify::ReadFlags::IGNORED);
        // Anything new in the parent may be the folder.
        if over || !exists || !look() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    fn watch(directory: &Path) -> Receiver<()> {
        let (sender, looks) = channel();
        let directory = directory.to_owned();
        std::thread::spawn(move || {
            while sender.send(()).is_ok() {
                wait(&directory, || sender.send(()).is_ok()).expect("it can be watched");
            }
        });
        looks
    }

    /// Whether a look comes after which this holds.
    fn comes(looks: &Receiver<()>, holds: impl Fn() -> bool) {
        while !holds() {
            looks.recv_timeout(Duration::from_secs(10)).expect("a look");
        }
        looks.recv_timeout(Duration::from_secs(10)).expect("a look after it");
    }

    #[test]
    fn a_folder_that_comes_later_is_watched_too() {
        let temporary = tempfile::tempdir().expect("a folder");
        let directory = temporary.path().join("run/hotsplice");
        let looks = watch(&directory);
        looks.recv_timeout(Duration::from_secs(10)).expect("the first look");
        std::fs::create_dir_all(&directory).expect("it is made");
        std::fs::write(directory.join("1.json"), "{}").expect("it is written");
        comes(&looks, || directory.join("1.json").exists());
        std::fs::remove_dir_all(&directory).expect("it is removed");
        std::fs::create_dir_all(&directory).expect("it is made again");
        std::fs::write(directory.join("2.json"), "{}").expect("it is written");
        comes(&looks, || directory.join("2.json").exists());
    }
}
