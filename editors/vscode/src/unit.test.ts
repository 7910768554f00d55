import assert from "node:assert/strict";
import { test } from "node:test";

import { functionHint, joinPaths, nothing, patchedMessage, statusBarHint, statusBarText, type Session } from "./status";

const session: Session = { id: "1-2", pid: 1, name: "flask run · pid 1", command: [], cwd: "/", python: "3.12", files: [] };

test("the status bar counts processes, and warns of refusals", () => {
  assert.equal(statusBarText(nothing), "$(zap) 0");
  const refused = { uri: "file:///a.py", definition: "f", line: 1, verdict: "refused", code: "HS0103", message: "" } as const;
  assert.equal(
    statusBarText({ sessions: [session, session], verdicts: [refused], patchOnSave: "manual" }),
    "$(zap) 2 $(save) $(warning) 1",
  );
  assert.match(statusBarHint({ ...nothing, sessions: [session] }), /1 process can be patched\n• flask run · pid 1\nSaving/);
});

test("a patch is told in one line", () => {
  const patched = { uri: "file:///a.py", ranges: [], label: "View.get", milliseconds: 3.14, sessions: 2 };
  assert.equal(patchedMessage(patched), "$(zap) View.get is live in 2 processes (3.1 ms)");
});

test("a function says whether it has run", () => {
  const patched = { name: "f", line: 0, version: 3, since: 0, ran: false };
  assert.match(functionHint(patched), /^v3, patched .*, not called since$/);
  assert.doesNotMatch(functionHint({ ...patched, ran: null }), /called/);
});

test("a search path keeps what the user has, once", () => {
  assert.equal(joinPaths("/a", undefined, ":"), "/a");
  assert.equal(joinPaths("/a", "/b:/a:/c", ":"), "/a:/b:/c");
});
