import assert from "node:assert/strict";
import { test } from "node:test";

import { RestartFrame } from "./restart_frame";
import { functionHint, groups, joinPaths, missingMessage, nothing, sessionLabel, statusBarHint, statusBarText, type Session } from "./status";
import { type Mark, type Place, StoppedThreads } from "./stale_lines";
import { stoppedFrame } from "./stopped_frame";
import { isSetInTerminals, runLine } from "./terminals";

const session: Session = { id: "1-2", pid: 1, name: "flask run · pid 1", command: [], cwd: "/", python: "3.12", files: [] };

test("the status bar counts processes, and warns of refusals", () => {
  assert.equal(statusBarText(nothing), "$(zap) 0");
  const refused = { uri: "file:///a.py", definition: "f", line: 1, verdict: "refused", severity: 1, code: "HS0103", message: "" } as const;
  const waiting = { ...refused, severity: 4, code: "HS0105" } as const;
  assert.equal(
    statusBarText({ sessions: [session, session], verdicts: [refused, waiting], holds: [], patchOnSave: "manual", trouble: null }),
    "$(zap) 2 $(save) $(warning) 1",
  );
  const hold = { hold: "1.1", function: "f", uri: null, line: 3, patched: false, message: "KeyError: 1 · f is held" };
  assert.equal(statusBarText({ ...nothing, sessions: [session], holds: [hold] }), "$(zap) 1 $(debug-pause) 1");
  assert.match(statusBarHint({ ...nothing, holds: [hold] }), /\n■ KeyError: 1 · f is held\n/);
  assert.match(statusBarHint({ ...nothing, trouble: "the folder is open to others" }), /finds no process: the folder is open/);
  assert.match(statusBarHint({ ...nothing, sessions: [session] }), /1 process can be patched\n• flask run · pid 1\nSaving/);
});

test("a process is told from others, however long its command is", () => {
  const named = (name: string) => sessionLabel({ ...session, name });
  assert.deepEqual(named("flask run · pid 1 · :5000"), { label: "flask run", description: "pid 1 · :5000" });
  assert.deepEqual(named("flask --app shop run --port 5000 · pid 1"), { label: "flask --app shop run --…", description: "pid 1" });
});

test("a function says whether it has run", () => {
  const patched = { name: "f", line: 0, version: 3, since: 0, ran: false };
  assert.match(functionHint(patched), /^v3, patched .*, not called since$/);
  assert.doesNotMatch(functionHint({ ...patched, ran: null }), /called/);
});

test("a server that does not run says why, and what to do", () => {
  const error = (code: string | number) => ({ code, message: `spawn ${code}` });
  assert.match(missingMessage("/x", true, "linux arm64", error("ENOEXEC")), /another kind of machine \(linux arm64\)\. Install/);
  assert.match(missingMessage("/x", true, "linux arm64", error(2)), /another kind of machine/);
  assert.equal(missingMessage("/x", false, "linux x64", error("ENOENT")), "hotsplice.server.path is /x, which is not there (linux x64).");
  assert.match(missingMessage("/x", false, "linux x64", error("ETIMEDOUT")), /does not run: spawn ETIMEDOUT/);
});

test("a search path keeps what the user has, once", () => {
  assert.equal(joinPaths("/a", undefined, ":"), "/a");
  assert.equal(joinPaths("/a", "/b:/a:/c", ":"), "/a:/b:/c");
});

test("the frame of a menu is told by its function, file and line", () => {
  const frameLocation = { range: { startLineNumber: 7 }, source: { path: "/shop.py" } };
  assert.deepEqual(stoppedFrame(["file:///shop.py", { frameName: "price", frameLocation }]), { name: "price", line: 7, path: "/shop.py" });
  assert.deepEqual(stoppedFrame([{ frameName: "price" }]), { name: "price" });
  assert.deepEqual(stoppedFrame([]), {});
});

test("terminals have a variable before us if anything sets it", () => {
  const isSet = (settings: object, inherited = {}) =>
    isSetInTerminals("PYTHONPATH", { inheritEnv: true, env: {}, profiles: {}, ...settings }, inherited);
  assert.equal(isSet({}), false);
  assert.equal(isSet({}, { PYTHONPATH: "" }), false);
  assert.equal(isSet({}, { PYTHONPATH: "/a" }), true);
  assert.equal(isSet({ inheritEnv: false }, { PYTHONPATH: "/a" }), false);
  assert.equal(isSet({ env: { PYTHONPATH: null } }, { PYTHONPATH: "/a" }), false);
  assert.equal(isSet({ env: { PYTHONPATH: "${env:PYTHONPATH}" } }), false);
  assert.equal(isSet({ env: { PYTHONPATH: "${workspaceFolder}" } }), true);
  assert.equal(isSet({ profiles: { bash: null, own: { env: { PYTHONPATH: "/a" } } } }), true);
});

test("a script is started by a line that every shell takes", () => {
  assert.equal(runLine("hotsplice", undefined, "src/app.py"), "hotsplice run src/app.py");
  assert.equal(runLine("hotsplice", "/my env/bin/python", "it's.py"), "hotsplice run --python '/my env/bin/python' 'it'\\''s.py'");
  assert.equal(runLine("hotsplice", undefined, "-c.py"), "hotsplice run ./-c.py");
});

test("processes of the workspace are offered first", () => {
  const process = (pid: number, cwd: string) => ({ pid, cwd, command: ["/usr/bin/python3", "-m", "flask", "run"], obstacle: null });
  const found = groups([process(1, "/shop2"), process(2, "/shop/src"), process(3, "/shop")], ["/shop"]);
  assert.deepEqual(found.map(({ processes }) => processes.map(({ pid }) => pid)), [[2, 3], [1]]);
  assert.equal(found[0]?.processes[0]?.label, "python3 -m flask run");
  assert.deepEqual(groups([], ["/shop"]), []);
});

test("VS Code's Restart Frame becomes what debugpy knows", () => {
  const went: unknown[] = [];
  const tracker = new RestartFrame((command, thread) => went.push([command, thread]));
  const passed = <T>(message: T, to: "adapter" | "editor") => {
    if (to === "adapter") tracker.onWillReceiveMessage(message as never);
    else tracker.onDidSendMessage(message as never);
    return message;
  };
  const first = passed({ type: "response", request_seq: 1, command: "initialize", success: true, body: { supportsGotoTargetsRequest: true } }, "editor");
  assert.deepEqual(first.body, { supportsGotoTargetsRequest: true, supportsRestartFrame: true });
  passed({ type: "request", seq: 2, command: "stackTrace", arguments: { threadId: 7 } }, "adapter");
  const stackFrames = [{ id: 3, name: "price", line: 12, source: { path: "/a b/shop.py" } }, { id: 4, name: "show", line: 20, source: {} }];
  passed({ type: "response", request_seq: 2, command: "stackTrace", success: true, body: { stackFrames } }, "editor");

  const asked = passed({ type: "request", seq: 5, command: "restartFrame", arguments: { frameId: 3 } as object }, "adapter");
  assert.equal(asked.command, "evaluate");
  const call = '.restart_frame("price", "/a b/shop.py", 12)["at_once"]';
  assert.deepEqual(asked.arguments, { expression: `__import__("hotsplice._api", fromlist=["_"])${call}`, frameId: 3, context: "repl" });
  const answer = passed({ type: "response", request_seq: 5, command: "evaluate", success: true, body: { result: "True" } }, "editor");
  assert.equal(answer.command, "restartFrame");
  assert.deepEqual(went, [["next", 7]]);

  passed({ type: "request", seq: 6, command: "restartFrame", arguments: { frameId: 4 } }, "adapter");
  passed({ type: "response", request_seq: 6, command: "evaluate", success: true, body: { result: "False" } }, "editor");
  passed({ type: "request", seq: 7, command: "restartFrame", arguments: { frameId: 4 } }, "adapter");
  const traceback = "Traceback (most recent call last):\n  File \"<string>\", line 1\nhotsplice._api.PatchError: HS0624: it stands in a with\n";
  const refused = passed({ type: "response", request_seq: 7, command: "evaluate", success: false, message: traceback }, "editor");
  assert.equal(refused.message, "HS0624: it stands in a with");
  passed({ type: "request", seq: 8, command: "restartFrame", arguments: { frameId: 4 } }, "adapter");
  const without = { type: "response", request_seq: 8, command: "evaluate", success: false, message: "ModuleNotFoundError: No module named 'hotsplice'" };
  assert.match(passed(without, "editor").message, /^Hotsplice is not in this program: /);
  assert.deepEqual(went, [["next", 7], ["stepOut", 7]]);
});

test("an adapter that restarts frames by itself is left to do so", () => {
  const tracker = new RestartFrame(() => assert.fail());
  tracker.onDidSendMessage({ type: "response", request_seq: 1, command: "initialize", success: true, body: { supportsRestartFrame: true } });
  const asked = { type: "request", seq: 5, command: "restartFrame", arguments: { frameId: 3 } };
  tracker.onWillReceiveMessage(asked);
  assert.equal(asked.command, "restartFrame");
});

test("the line of a stopped frame is marked while it runs old code", async () => {
  const asked: [Place[], string | undefined][] = [];
  let shown: readonly Mark[] = [];
  let old = "stale: this call runs price v1";
  const answer = (frames: Place[], thread: string | undefined) => {
    asked.push([frames, thread]);
    return Promise.resolve(frames.map(({ line }) => (line === 12 ? old : null)));
  };
  const threads = new StoppedThreads(answer, (marks) => (shown = marks));
  const request = (seq: number, command: string, given: object, body: object) => {
    threads.onWillReceiveMessage({ type: "request", seq, command, arguments: given as never });
    threads.onDidSendMessage({ type: "response", request_seq: seq, command, success: true, body: body as never });
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  request(1, "threads", {}, { threads: [{ id: 7, name: "MainThread" }] });
  const frame = (line: number) => ({ id: line, name: "price", line, source: { path: "/shop.py" } });
  request(2, "stackTrace", { threadId: 7 }, { stackFrames: [frame(12), { id: 4, name: "show", line: 20, source: {} }] });
  await settled();
  assert.deepEqual(asked.at(-1), [[{ path: "/shop.py", line: 12 }], "MainThread"]);
  assert.deepEqual(shown, [{ path: "/shop.py", line: 12, text: old }]);

  // The rest of the stack; and it was patched meanwhile.
  old = "stale: this call runs price v2";
  request(3, "stackTrace", { threadId: 7 }, { stackFrames: [frame(30)] });
  await settled();
  assert.deepEqual(shown, [{ path: "/shop.py", line: 12, text: old }]);
  request(4, "next", { threadId: 8 }, {});
  await settled();
  assert.equal(shown.length, 1);
  request(5, "next", { threadId: 7 }, {});
  await settled();
  assert.deepEqual(shown, []);

  request(6, "stackTrace", { threadId: 7 }, { stackFrames: [frame(12)] });
  await settled();
  assert.equal(shown.length, 1);
  threads.onDidSendMessage({ type: "event", event: "continued", body: { threadId: 7, allThreadsContinued: true } });
  await settled();
  assert.deepEqual(shown, []);
});
