//! Calls that run code which is not live any more: what the interpreter holds of them.
//!
//! | module | what it does |
//! |---|---|
//! | [`layout`] | where things lie in a frame, by CPython version, and views that check what they read |
//! | [`moves`] | moves calls to other code |
//! | [`names`] | the names that retired code looks up |
//! | [`room`] | room for later code in generators and coroutines |

mod layout;
mod moves;
mod names;
mod room;

pub use moves::{arrive, can_move, forget_moves, move_suspended, plan_moves, release_left};
pub use names::{can_set_names, look_again, set_name_in_place, set_names};
pub use room::{match_room, prepare as prepare_room, reserve, reserve_room};
