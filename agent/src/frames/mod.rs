//! Calls that run code which is not live any more: what the interpreter holds of them.
//!
//! | module | what it does |
//! |---|---|
//! | [`names`] | the names that retired code looks up |

mod names;

pub use names::{can_set_names, look_again, set_name_in_place, set_names};
