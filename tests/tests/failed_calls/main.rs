//! A call that fails is held at the terminal, mended, and tried again.

mod choices;
mod decorated;
mod generators;
mod hot_restart;
