//! The TCP door: for editors of other machines and containers, opened only where the program asks for it.
//!
//! Whoever comes in by it has to know the token ([`Token`]) before anything else is listened to. A stranger costs little:
//! one short line, a few of them at a time, each for a few seconds, and after each wrong token nobody is let in for a
//! while, which doubles ([`Door::refuse`]). What is said is not hidden from the network: that is left to ssh
//! (docs/security.md).

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::descriptor::Guarded;

/// Connections that have not said the token yet. One more, and the oldest of them goes.
pub const MAX_WAITING: usize = 8;
/// How long a line may be that comes before the token was right.
pub const MAX_LINE: usize = 4096;
/// How long a connection may take to say the token.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long the door stays shut after a wrong token; twice as long after each further one, up to the longest.
const SHUT: Duration = Duration::from_millis(50);
const SHUT_LONGEST: Duration = Duration::from_secs(2);
/// Fewer characters could be guessed.
const SHORTEST_TOKEN: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error(
        "a token of at least {SHORTEST_TOKEN} characters is needed, so that nobody guesses it: \
         `python -c 'import secrets; print(secrets.token_urlsafe())'` makes one"
    )]
    ShortToken,
    #[error("{0:?} is no address: HOST:PORT is, and PORT alone means this machine alone")]
    NoAddress(String),
    #[error(
        "{0} can be reached from other machines, and what is said is not encrypted: listen on 127.0.0.1 and forward the \
         port with ssh, or say exposed=True (docs/security.md)"
    )]
    Exposed(SocketAddr),
    #[error("{address}: {source}")]
    Io { address: String, source: io::Error },
}

#[derive(Clone)]
pub struct Token(Vec<u8>);

impl Token {
    pub fn new(text: &str) -> Result<Self, DoorError> {
        let long_enough = text.chars().count() >= SHORTEST_TOKEN;
        long_enough.then(|| Self(text.as_bytes().to_vec())).ok_or(DoorError::ShortToken)
    }

    /// Takes as long whatever is said of that length: nothing is learned from how soon it is refused.
    pub fn is(&self, said: &str) -> bool {
        let said = said.as_bytes();
        let known = self.0.iter().cycle();
        let differing = said.iter().zip(known).fold(0, |differing, (one, other)| differing | (one ^ other));
        std::hint::black_box(differing) == 0 && said.len() == self.0.len()
    }
}

pub struct Door {
    pub address: SocketAddr,
    pub token: Token,
    /// None after the program has closed it, until it is opened anew.
    listener: Option<Guarded<TcpListener>>,
    shut_until: Option<Instant>,
    wrong: u32,
}

impl Door {
    pub fn open(address: &str, token: Token, exposed: bool) -> Result<Self, DoorError> {
        let resolved = resolve(address)?;
        if !resolved.ip().is_loopback() && !exposed {
            return Err(DoorError::Exposed(resolved));
        }
        let failed = |source| DoorError::Io { address: address.to_owned(), source };
        let listener = listen(resolved).map_err(failed)?;
        let address = match listener.get() {
            Some(listener) => listener.local_addr().map_err(failed)?,
            None => resolved,
        };
        Ok(Self { address, token, listener: Some(listener), shut_until: None, wrong: 0 })
    }

    /// Where nobody listens at the door any more, since the program has closed what it found.
    pub fn reopen(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            self.listener = Some(listen(self.address)?);
        }
        Ok(())
    }

    pub fn listener(&self) -> Option<&TcpListener> {
        self.listener.as_ref().and_then(Guarded::get)
    }

    pub fn is_ours(&self) -> bool {
        self.listener.as_ref().is_none_or(Guarded::is_ours)
    }

    /// Gives the listener up without closing it.
    pub fn leave(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.leave();
        }
    }

    /// Nothing while it is shut, or nobody is there.
    pub fn accept(&self) -> Option<io::Result<TcpStream>> {
        if self.shut().is_some() {
            return None;
        }
        Some(self.listener()?.accept().map(|(stream, _)| stream))
    }

    /// Until when nobody is listened to.
    pub fn shut(&self) -> Option<Instant> {
        self.shut_until.filter(|until| *until > Instant::now())
    }

    /// A wrong token was said. For so long nobody is let in, whoever it is: a guesser may have many connections.
    pub fn refuse(&mut self) -> Duration {
        let shut = (SHUT * 2u32.saturating_pow(self.wrong)).min(SHUT_LONGEST);
        self.wrong = (self.wrong + 1).min(16);
        self.shut_until = Some(Instant::now() + shut);
        shut
    }

    pub fn admit(&mut self) {
        self.wrong = 0;
    }
}

fn listen(address: SocketAddr) -> io::Result<Guarded<TcpListener>> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Guarded::new(listener)
}

/// `HOST:PORT`, `:PORT` or `PORT`.
fn resolve(address: &str) -> Result<SocketAddr, DoorError> {
    let (host, port) = address.rsplit_once(':').unwrap_or(("", address));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let port: u16 = port.parse().map_err(|_| DoorError::NoAddress(address.to_owned()))?;
    let mut found =
        (host, port).to_socket_addrs().map_err(|source| DoorError::Io { address: address.to_owned(), source })?;
    found.next().ok_or_else(|| DoorError::NoAddress(address.to_owned()))
}

/// A client that came in, as the listener keeps it.
pub fn take(stream: TcpStream) -> io::Result<Guarded<OwnedFd>> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    // Of a machine that is gone nothing is heard.
    rustix::net::sockopt::set_socket_keepalive(&stream, true)?;
    Guarded::new(OwnedFd::from(stream))
}
