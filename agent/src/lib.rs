//! The native half of the Hotsplice agent: it lives in a Python process and applies patches to it.
//!
//! | module | what it does |
//! |---|---|
//! | [`listener`] | the thread that waits for editors; never takes the GIL |
//! | [`door`] | who comes by TCP, with a token |
//! | [`mailbox`], [`descriptor`] | how it is told things; descriptors that the program may close |
//! | [`job`] | one request that needs Python, on a thread of its own |
//! | [`session`] | registry entry, start, stop; what becomes of it at a fork |
//! | [`executed`] | what files the process executed, with their texts: an audit hook |
//! | [`clock`] | the time, whatever the program made of Python's |
//! | [`files`] | reads files at the price of one wait for the GIL |
//! | [`commit`] | carries out a plan's primitive operations, whole or not at all |
//! | [`frames`] | calls that run retired code |
//! | [`guard`] | functions whose calls may be made again when they fail |
//! | [`patterns`], [`raising`], [`rebinding`] | which those are; what is raised below their calls; functions that give their arguments other values |
//! | [`handled`] | what the program handles itself, as found out before |
//! | [`heap`], [`named`], [`naming`] | finds live objects; what modules and classes name, and who names it |
//! | [`cpython`] | everything of CPython that is not in its limited API |
//! | [`once`] | what is found out once, without letting the GIL go |
//! | [`finalizing`] | calls that may outlive the interpreter |
//! | [`switching`] | how long the program's threads wait for the GIL meanwhile |
//! | [`json`] | JSON values to Python objects and back |

mod builtin;
mod clock;
mod commit;
mod connection;
mod cpython;
mod descriptor;
mod door;
mod executed;
mod files;
mod finalizing;
mod frames;
mod guard;
mod handled;
mod heap;
mod installed;
mod job;
mod json;
mod listener;
mod mailbox;
mod named;
mod naming;
mod once;
mod patterns;
mod raising;
mod rebinding;
mod repeating;
mod session;
mod switching;
mod wrapping;

use pyo3::prelude::*;

#[pymodule]
fn _agent(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("UNSET", commit::unset(module.py())?)?;
    module.add("ProgramChanged", module.py().get_type::<commit::ProgramChanged>())?;
    module.add("CallsWentOn", module.py().get_type::<commit::CallsWentOn>())?;
    module.add("RollbackFailed", module.py().get_type::<commit::RollbackFailed>())?;
    module.add_class::<commit::Retired>()?;
    module.add_class::<named::Named>()?;
    module.add_class::<naming::Naming>()?;
    for function in [
        wrap_pyfunction!(session::start, module)?,
        wrap_pyfunction!(session::open_door, module)?,
        wrap_pyfunction!(session::stop, module)?,
        wrap_pyfunction!(session::may_come_by, module)?,
        wrap_pyfunction!(installed::is_listed, module)?,
        wrap_pyfunction!(session::forking::before_fork, module)?,
        wrap_pyfunction!(session::forking::after_fork_in_parent, module)?,
        wrap_pyfunction!(session::forking::after_fork_in_child, module)?,
        wrap_pyfunction!(session::notify, module)?,
        wrap_pyfunction!(session::wait_until_told, module)?,
        wrap_pyfunction!(session::prepare_thread_entry, module)?,
        wrap_pyfunction!(job::call_later, module)?,
        wrap_pyfunction!(job::is_working, module)?,
        wrap_pyfunction!(job::is_job, module)?,
        wrap_pyfunction!(job::limit_time, module)?,
        wrap_pyfunction!(job::park, module)?,
        wrap_pyfunction!(job::run_program, module)?,
        wrap_pyfunction!(executed::watch, module)?,
        wrap_pyfunction!(executed::adopt, module)?,
        wrap_pyfunction!(executed::loaded, module)?,
        wrap_pyfunction!(naming::names_for, module)?,
        wrap_pyfunction!(executed::executions, module)?,
        wrap_pyfunction!(executed::files_with_texts, module)?,
        wrap_pyfunction!(executed::forget_executed, module)?,
        wrap_pyfunction!(files::read_file, module)?,
        wrap_pyfunction!(clock::time, module)?,
        wrap_pyfunction!(clock::monotonic_ns, module)?,
        wrap_pyfunction!(clock::sleep, module)?,
        wrap_pyfunction!(cpython::switches::thread_switches, module)?,
        wrap_pyfunction!(switching::give_back_switch_interval, module)?,
        wrap_pyfunction!(commit::commit, module)?,
        wrap_pyfunction!(commit::sweep_late, module)?,
        wrap_pyfunction!(frames::can_set_names, module)?,
        wrap_pyfunction!(frames::set_names, module)?,
        wrap_pyfunction!(frames::can_ask_callers, module)?,
        wrap_pyfunction!(frames::ask_callers, module)?,
        wrap_pyfunction!(frames::ask_no_more, module)?,
        wrap_pyfunction!(frames::can_move, module)?,
        wrap_pyfunction!(frames::can_move_suspended, module)?,
        wrap_pyfunction!(frames::match_room, module)?,
        wrap_pyfunction!(frames::plan_moves, module)?,
        wrap_pyfunction!(frames::refused_moves, module)?,
        wrap_pyfunction!(frames::reserve_room, module)?,
        wrap_pyfunction!(frames::forget_moves, module)?,
        wrap_pyfunction!(frames::planned_references, module)?,
        wrap_pyfunction!(frames::has_moves, module)?,
        wrap_pyfunction!(frames::arrive, module)?,
        wrap_pyfunction!(frames::move_suspended, module)?,
        wrap_pyfunction!(frames::release_left, module)?,
        wrap_pyfunction!(frames::ended_restarts, module)?,
        wrap_pyfunction!(frames::event_of, module)?,
        wrap_pyfunction!(frames::function_of, module)?,
        wrap_pyfunction!(frames::is_restarting, module)?,
        wrap_pyfunction!(frames::plan_restart, module)?,
        wrap_pyfunction!(frames::started, module)?,
        wrap_pyfunction!(frames::runners_of, module)?,
        wrap_pyfunction!(frames::suspended_calls, module)?,
        wrap_pyfunction!(frames::variables_of, module)?,
        wrap_pyfunction!(frames::set_name_in_place, module)?,
        wrap_pyfunction!(frames::look_again, module)?,
        wrap_pyfunction!(guard::prepare_guards, module)?,
        wrap_pyfunction!(wrapping::call_wrapped, module)?,
        wrap_pyfunction!(wrapping::deeper_call, module)?,
        wrap_pyfunction!(wrapping::raise_with_trace, module)?,
        wrap_pyfunction!(guard::guard, module)?,
        wrap_pyfunction!(guard::guard_again, module)?,
        wrap_pyfunction!(guard::let_go, module)?,
        wrap_pyfunction!(guard::guarded_patterns, module)?,
        wrap_pyfunction!(guard::is_repeating, module)?,
        wrap_pyfunction!(guard::guard_by_code, module)?,
        wrap_pyfunction!(guard::guarded_function, module)?,
        wrap_pyfunction!(guard::goes_through_guard, module)?,
        wrap_pyfunction!(guard::rebinds_arguments, module)?,
        wrap_pyfunction!(guard::entered_calls, module)?,
        wrap_pyfunction!(patterns::fitting_patterns, module)?,
        wrap_pyfunction!(patterns::patterns_without_function, module)?,
        wrap_pyfunction!(raising::prepare_raising, module)?,
        wrap_pyfunction!(raising::expect_watchers, module)?,
        wrap_pyfunction!(raising::expect_exception, module)?,
        wrap_pyfunction!(raising::begun, module)?,
        wrap_pyfunction!(handled::remember_handled, module)?,
        wrap_pyfunction!(handled::forget_handled, module)?,
        wrap_pyfunction!(frames::again::begin_again, module)?,
        wrap_pyfunction!(guard::call_unguarded, module)?,
        wrap_pyfunction!(connection::holds_are_watched, module)?,
        wrap_pyfunction!(heap::functions_of, module)?,
        wrap_pyfunction!(heap::functions_of_file, module)?,
        wrap_pyfunction!(heap::functions_with_globals, module)?,
        wrap_pyfunction!(heap::kinds_alive, module)?,
        wrap_pyfunction!(named::functions_in, module)?,
        wrap_pyfunction!(named::holds_same, module)?,
        wrap_pyfunction!(named::wrapped_function, module)?,
        wrap_pyfunction!(heap::objects_of_type, module)?,
        wrap_pyfunction!(heap::referrers, module)?,
        wrap_pyfunction!(heap::reference_count, module)?,
        wrap_pyfunction!(heap::unaccounted, module)?,
        wrap_pyfunction!(heap::tables_of, module)?,
        wrap_pyfunction!(cpython::frames::current_frames, module)?,
        wrap_pyfunction!(cpython::can_set_first_line, module)?,
        wrap_pyfunction!(cpython::is_main_interpreter, module)?,
        wrap_pyfunction!(cpython::can_set_line_table, module)?,
        wrap_pyfunction!(cpython::can_set_base, module)?,
        wrap_pyfunction!(cpython::is_made_in_python, module)?,
        wrap_pyfunction!(cpython::types::can_set_layout, module)?,
        wrap_pyfunction!(cpython::types::dictionary_descriptor, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}
