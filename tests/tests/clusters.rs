//! The workers of clusters of Dask and of Ray: `docs/clusters.md`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hotsplice_channel::registry::{self, Entry};
use hotsplice_tests::program::{Program, Workspace};
use hotsplice_tests::pythons::{self, Python};
use hotsplice_tests::{packages, repository};

const WORK: &str = "LIMIT = 1\ndef work(x):\n    return ('old', x)\n";

/// A program that has work done by a cluster. Its workers' sessions are in another registry, as on another machine.
const APP: &str = "\
import sys
import hotsplice, hotsplice.dask
from distributed import Client, LocalCluster
import work

def shipped(x):
    return ('first', x)

def main():
    hotsplice.listen()
    options = {'env': {'HOTSPLICE_RUNTIME_DIR': sys.argv[1]}} if len(sys.argv) > 1 else {}
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, **options)
    client = Client(cluster)
    client.wait_for_workers(2)
    workers = hotsplice.dask.Workers(client)
    everywhere = lambda function: sorted(client.run(function, 1).values())
    print('ready', flush=True)
    for line in sys.stdin:
        print(eval(line, {**globals(), **locals()}), flush=True)
    workers.close()
    client.close()
    cluster.close()

if __name__ == '__main__':
    main()
";

/// Those for which the packages can be had: there is a network, and something that fits.
fn able() -> Vec<(&'static Python, std::path::PathBuf)> {
    let requirements = ["distributed".to_owned()];
    let first_and_last = [&pythons::all()[0], pythons::newest()];
    first_and_last
        .into_iter()
        .filter_map(|python| Some((python, packages::folder(python, "cluster-dask", &requirements)?)))
        .collect()
}

fn start(workspace: &Workspace, python: &Python, installed: &Path, elsewhere: Option<&Path>) -> Program {
    workspace.write("work.py", WORK);
    let script = workspace.write("app.py", APP);
    let site = packages::as_installed(installed, workspace.registry().parent().expect("a folder"));
    let path = [repository().join("agent/python"), site, workspace.path()];
    let mut command = Command::new(&python.path);
    command.arg(script).args(elsewhere).current_dir(workspace.path());
    command.env("PYTHONPATH", std::env::join_paths(path).expect("paths")).env("PYTHONUNBUFFERED", "1");
    command
        .env("HOTSPLICE_RUNTIME_DIR", workspace.registry())
        .env("HOTSPLICE_BINARY", hotsplice_tests::built("hotsplice"));
    let mut program = Program::start(command);
    program.wait_line("ready");
    program
}

fn ask(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line()
}

#[test]
fn workers_of_a_cluster_are_patched_as_one() {
    for (python, installed) in able() {
        for is_far in [false, true] {
            let workspace = Workspace::new();
            let far = tempfile::Builder::new().prefix("hs-").tempdir_in("/tmp").expect("a folder");
            let elsewhere = is_far.then(|| far.path().join("r"));
            let mut program = start(&workspace, python, &installed, elsewhere.as_deref());
            let name = format!("Python {}, far: {is_far}", python.name());
            assert_eq!(ask(&mut program, "everywhere(work.work)"), "[('old', 1), ('old', 1)]", "{name}");
            // The program itself and two workers.
            let sessions = workspace.sessions(3);
            assert_eq!(sessions.iter().filter(|entry| entry.via.is_some()).count(), if is_far { 2 } else { 0 });
            workspace.write("work.py", &WORK.replace("'old'", "'new'"));
            let patched = workspace.call(&["patch", "work.py"]).expect(0).text();
            assert_eq!(patched.matches("1 edit live").count(), 3, "{name}: {patched}");
            assert_eq!(ask(&mut program, "everywhere(work.work)"), "[('new', 1), ('new', 1)]", "{name}");
            // What one of them refuses is live in none.
            let refusing = "import os\nLIMIT = 1 // (os.getpid() % 0 if os.environ.get('DASK_WORKER') else 1)\n";
            let marked = "client.run(lambda: __import__('os').environ.update(DASK_WORKER='1')) and 1";
            assert_eq!(ask(&mut program, marked), "1");
            workspace.write("work.py", &WORK.replace("'old'", "'never'").replace("LIMIT = 1\n", refusing));
            let refused = workspace.call(&["patch", "work.py"]).expect(1).text();
            assert!(refused.contains("HS0108"), "{name}: {refused}");
            assert_eq!(ask(&mut program, "everywhere(work.work)"), "[('new', 1), ('new', 1)]", "{name}");
            // One that joins gets what is live in place of what is on disk; soon, where there was a patch a moment ago.
            let mut joined =
                ask(&mut program, "cluster.scale(3) or client.wait_for_workers(3) or everywhere(work.work)");
            let deadline = Instant::now() + Duration::from_secs(20);
            while joined != "[('new', 1), ('new', 1), ('new', 1)]" {
                assert!(Instant::now() < deadline, "{name}: {joined}");
                joined = ask(&mut program, "everywhere(work.work)");
            }
            workspace.sessions(4);
            // What is shipped with a task is what the program runs when it is sent.
            // Its result is kept, and is of another function's then.
            let kept = "sys.__dict__.setdefault('kept', client.submit(shipped, 1)).result()";
            assert_eq!(ask(&mut program, kept), "('first', 1)");
            workspace.write("app.py", &APP.replace("'first'", "'second'"));
            workspace.call(&["patch", "app.py", "--pid", &program.pid().to_string()]).expect(0);
            assert_eq!(ask(&mut program, "client.submit(shipped, 1).result()"), "('second', 1)", "{name}");
            let gone = "cluster.scale(1) or workers.close()";
            assert_eq!(ask(&mut program, gone), "None");
            assert_eq!(program.wait(), Some(0), "{name}: {}", program.stderr());
        }
    }
}

/// The same with a cluster of Ray, whose workers register by what they run when they start.
const RAY: &str = "\
import sys
import ray
import hotsplice.ray
import work

@ray.remote
def shipped(x):
    return ('first', x)

@ray.remote
def task(x):
    return work.work(x)

@ray.remote(num_cpus=0)
class Counter:
    def up(self):
        return 'first'

def late(count):
    import time
    wait = ray.remote(num_cpus=0)(lambda: (time.sleep(5), __import__('work').work(1))[1])
    return sorted(set(ray.get([wait.remote() for _ in range(count)])))

@ray.remote(num_cpus=1)
def where(x):
    import time
    time.sleep(2)
    return (ray.get_runtime_context().get_node_id(), work.work(x))

def everywhere():
    # As many at a time as there are processors: each machine has its share.
    found = sorted(set(ray.get([where.remote(1) for _ in range(4)])))
    return [result for node, result in found]

def main():
    setup = {'worker_process_setup_hook': 'hotsplice.ray.setup'}
    quiet = {'logging_level': 'error', 'log_to_driver': False}
    if len(sys.argv) > 1:
        import os
        from ray.cluster_utils import Cluster
        cluster = Cluster()
        cluster.add_node(num_cpus=2, include_dashboard=False)
        # Its workers' sessions are in another registry, as on another machine.
        near, os.environ['HOTSPLICE_RUNTIME_DIR'] = os.environ['HOTSPLICE_RUNTIME_DIR'], sys.argv[1]
        cluster.add_node(num_cpus=2)
        os.environ['HOTSPLICE_RUNTIME_DIR'] = near
        ray.init(address=cluster.address, runtime_env=setup, **quiet)
    else:
        # Another test's cluster may run.
        ray.init(address='local', num_cpus=2, include_dashboard=False, runtime_env=setup, **quiet)
    workers = hotsplice.ray.Workers()
    print('ready', flush=True)
    for line in sys.stdin:
        print(eval(line, {**globals(), **locals()}), flush=True)
    workers.close()
    ray.shutdown()

if __name__ == '__main__':
    main()
";

/// Ray is large and takes its time to start: `cargo xtask torture clusters`. None where it is not tested.
fn start_ray(workspace: &Workspace, elsewhere: Option<&Path>) -> Option<Program> {
    let python = pythons::all().iter().rev().find(|python| python.minor <= 13)?;
    std::env::var_os("HOTSPLICE_TORTURE")?;
    let Some(installed) = packages::folder(python, "cluster-ray", &["ray".to_owned()]) else {
        println!("ray can't be had: not tested");
        return None;
    };
    workspace.write("work.py", WORK);
    let script = workspace.write("app.py", RAY);
    let site = packages::as_installed(&installed, workspace.registry().parent().expect("a folder"));
    let mut command = Command::new(&python.path);
    command.arg(script).args(elsewhere).current_dir(workspace.path());
    let path = [repository().join("agent/python"), site];
    command.env("PYTHONPATH", std::env::join_paths(path).expect("paths"));
    command
        .env("HOTSPLICE_RUNTIME_DIR", workspace.registry())
        .env("HOTSPLICE_BINARY", hotsplice_tests::built("hotsplice"));
    let mut program = Program::start(command);
    assert_eq!(program.line_within(RAY_PATIENCE), "ready", "{}", program.errors_so_far());
    Some(program)
}

const RAY_PATIENCE: Duration = Duration::from_secs(120);

fn wait(program: &mut Program, line: &str) -> String {
    program.send(line);
    program.line_within(RAY_PATIENCE)
}

#[test]
fn workers_of_ray_on_other_machines_are_patched_as_one() {
    let workspace = Workspace::new();
    let far = tempfile::Builder::new().prefix("hs-").tempdir_in("/tmp").expect("a folder");
    let Some(mut program) = start_ray(&workspace, Some(&far.path().join("r"))) else { return };
    assert_eq!(wait(&mut program, "everywhere()"), "[('old', 1), ('old', 1)]");
    let is_far = |entry: &&Entry| entry.via.is_some();
    // A process is started there for it first.
    let deadline = Instant::now() + RAY_PATIENCE;
    let sessions = loop {
        let found = registry::sessions(workspace.registry()).expect("a registry");
        if found.iter().any(|entry| is_far(&entry)) {
            break found;
        }
        assert!(Instant::now() < deadline, "{found:?}{}", program.errors_so_far());
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(sessions.iter().filter(|entry| entry.via.is_none()).count() >= 2, "{sessions:?}");
    workspace.write("work.py", &WORK.replace("'old'", "'new'"));
    let patched = workspace.call(&["patch", "work.py"]).expect(0).text();
    assert!(patched.matches("1 edit live").count() >= 3, "{patched}");
    assert_eq!(wait(&mut program, "everywhere()"), "[('new', 1), ('new', 1)]");
    // What one of the far ones refuses is live in none.
    let is_near =
        format!("os.environ.get('HOTSPLICE_RUNTIME_DIR') == {:?}", workspace.registry().display().to_string());
    let refusing = format!("import os\nLIMIT = 1 // (1 if {is_near} else 0)\n");
    workspace.write("work.py", &WORK.replace("'old'", "'never'").replace("LIMIT = 1\n", &refusing));
    let refused = workspace.call(&["patch", "work.py"]).expect(1).text();
    assert!(refused.contains("HS0108"), "{refused}");
    assert_eq!(wait(&mut program, "everywhere()"), "[('new', 1), ('new', 1)]");
    assert_eq!(wait(&mut program, "workers.close()"), "None");
    assert!(registry::sessions(workspace.registry()).expect("a registry").iter().all(|entry| entry.via.is_none()));
    assert_eq!(program.wait(), Some(0), "{}", program.stderr());
}

#[test]
fn workers_of_ray_run_what_is_live_when_they_start_too() {
    let workspace = Workspace::new();
    let Some(mut program) = start_ray(&workspace, None) else { return };
    assert_eq!(wait(&mut program, "ray.get([task.remote(1), shipped.remote(1)])"), "[('old', 1), ('first', 1)]");
    workspace.write("work.py", &WORK.replace("'old'", "'new'"));
    let patched = workspace.call(&["patch", "work.py"]).expect(0).text();
    assert!(patched.matches("1 edit live").count() >= 2, "the program and a worker: {patched}");
    assert_eq!(wait(&mut program, "ray.get(task.remote(1))"), "('new', 1)");
    let counts = wait(&mut program, "ray.get(Counter.remote().up.remote())");
    assert_eq!(counts, "first");
    // What is shipped is what the program runs when it is sent.
    workspace.write("app.py", &RAY.replace("'first'", "'second'"));
    workspace.call(&["patch", "app.py", "--pid", &program.pid().to_string()]).expect(0);
    assert_eq!(wait(&mut program, "ray.get(shipped.remote(1))"), "('second', 1)");
    assert_eq!(wait(&mut program, "ray.get(Counter.remote().up.remote())"), "second");
    // More at a time than there are workers: those that start now find another text on disk.
    workspace.write("work.py", &WORK.replace("'old'", "'on disk'"));
    assert_eq!(wait(&mut program, "late(4)"), "[('new', 1)]");
    assert_eq!(program.wait(), Some(0), "{}", program.stderr());
}
