//! Calls that run code which is not live any more: what the interpreter holds of them.
//!
//! | module | what it does |
//! |---|---|
//! | [`again`] | calls that an exception is about to leave begin again |
//! | [`callers`] | functions that mean one thing to such calls and another to all others |
//! | [`depth`] | how much of its stack a thread has used |
//! | [`frame`] | views of a frame that check what they read |
//! | [`generators`] | the frames of generators, read without objects |
//! | [`layout`] | where things lie in a frame, by CPython version |
//! | [`left`] | code that calls have left, which stays alive for a while |
//! | [`moves`] | moves calls to other code |
//! | [`names`] | the names that retired code looks up |
//! | [`object`] | the object that shows a frame to Python, and how many variables it has room for |
//! | [`restart`] | restarts calls, such as one that a debugger has stopped |
//! | [`room`] | room for later code in generators and coroutines |
//! | [`stack`] | the calls that a thread is in, read without objects |
//! | [`suspended`] | suspended calls, by the place where they stand |
//! | [`variables`] | the variables of a call, read where they lie |

pub mod again;
mod callers;
mod depth;
mod frame;
mod generators;
mod layout;
mod left;
mod moves;
mod names;
mod object;
mod restart;
mod room;
mod stack;
mod suspended;
mod variables;

pub use callers::{
    Vectorcall, ask_callers, ask_no_more, beneath, can_ask_callers, exchange_beneath, note_commit, plain_vectorcall,
    replace_vectorcall, vectorcall_of,
};
pub use depth::eighths_of_stack_left;
pub use generators::generators;
pub use left::release_left;
pub use moves::{
    arrive, can_move, can_move_suspended, forget_moves, has_moves, move_suspended, plan_moves, planned_references,
    refused_moves,
};
pub use names::{can_set_names, look_again, set_name_in_place, set_names};
pub use restart::{ended_restarts, event_of, function_of, is_restarting, plan_restart, started};
pub use room::{match_room, prepare as prepare_room, reserve, reserve_room};
pub use stack::{Caller, Callers, callers_at_raise, callers_of, has_come};
pub use suspended::{runners_of, suspended_calls};
pub use variables::variables_of;
