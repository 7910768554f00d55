// Debug sessions that are not simply launched: node test/debugging.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES

import assert from "node:assert/strict";
import { spawn } from "node:child_process";

import { freePort, get, given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();
const [served, listening, child] = [await freePort(), await freePort(), await freePort()];

/** A server that answers what `answer()` gives. */
const APP = `import http.server
import sys


def answer():
    return "hello"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer().encode())


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;
const PARENT = `import subprocess
import sys

subprocess.run([sys.executable, "app.py", sys.argv[1]])
`;
const LINE = APP.split("\n").indexOf('    return "hello"') + 1;
const common = { type: "debugpy", cwd: "${workspaceFolder}", justMyCode: true };
const launch = {
  version: "0.2.0",
  configurations: [
    { ...common, name: "Attach", request: "attach", connect: { host: "127.0.0.1", port: listening } },
    { ...common, name: "Children", request: "launch", program: "parent.py", args: [String(child)], console: "internalConsole", subProcess: true },
  ],
};

const code = await VSCode.start({
  launcher, browser, vsix,
  files: { "app.py": APP, "parent.py": PARENT, ".vscode/launch.json": JSON.stringify(launch) },
  settings: {},
  env: { HOTSPLICE_TEST_PYTHON: python },
});
const steps = new Steps(code, pictures);
let program;

async function patch(port, text) {
  await code.replaceLine("app.py", LINE, `    return "${text}"`);
  await code.press("Control+Alt+Enter");
  await until(text, async () => (await get(`http://127.0.0.1:${port}/`)) === text);
}

/** Ends the session and that of the child, each by itself. */
async function stop() {
  await until("the end of both", async () => {
    await code.press("Shift+F5");
    return (await code.page.locator(".debug-toolbar:visible").count()) === 0;
  });
  await code.processes(0);
}

try {
  await steps.step("a program that the debugger is attached to can be patched", async () => {
    const environment = { ...process.env, HOTSPLICE_RUNTIME_DIR: undefined, PYTHONPATH: undefined };
    program = spawn(python, ["-m", "debugpy", "--listen", `127.0.0.1:${listening}`, "app.py", String(served)], { cwd: code.folder, env: environment, stdio: "ignore" });
    await until("its answer", () => get(`http://127.0.0.1:${served}/`));
    await code.open("app.py");
    await code.processes(0);
    await code.debug("Attach");
    await code.processes(1);
    await patch(served, "attached");
    // It stays so when the debugger goes.
    await code.press("Shift+F5");
    await code.page.locator(".debug-toolbar").waitFor({ state: "hidden" });
    await patch(served, "left");
    program.kill("SIGKILL");
    await code.processes(0);
  });

  await steps.step("a program that a debugged one starts can be patched", async () => {
    await code.debug("Children");
    await until("its answer", () => get(`http://127.0.0.1:${child}/`));
    await code.processes(2);
    await patch(child, "child");
    assert.equal(await get(`http://127.0.0.1:${child}/`), "child");
    await stop();
  });

  await steps.step("nothing is put into debugged programs where that is not wanted", async () => {
    code.set({ "hotsplice.debug.register": false });
    await code.debug("Children");
    await until("its answer", () => get(`http://127.0.0.1:${child}/`));
    await code.page.locator(".debug-toolbar").waitFor();
    await code.processes(0);
    await stop();
  });
} finally {
  program?.kill("SIGKILL");
  await code.stop();
}
steps.done();
