//! Calls that run while a patch comes go on in the new code, or as they were.

mod loops;
mod scripts;
mod several_patches;
mod staying;
mod straight;
mod taken;

const MOVED_PROGRAM: &str = "import importlib, queue, sys, threading
found = {}
def serve(name, jobs, answers):
    try:
        importlib.import_module(name).run(jobs.get, answers.put)
        answers.put('left')
    except BaseException as error:
        answers.put(repr(error))
for name in sys.argv[1:]:
    importlib.import_module(name)
    found[name] = jobs, answers = queue.Queue(), queue.Queue()
    threading.Thread(target=serve, args=(name, jobs, answers), daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    for name, (jobs, answers) in found.items():
        jobs.put(line.strip() == 'go')
        print(name, answers.get(timeout=20), flush=True)
";
