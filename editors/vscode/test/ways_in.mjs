// From a program that nobody prepared to one that can be patched: node test/ways_in.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES
// PYTHON has Flask.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { freePort, get, given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();

const APP = `import flask

app = flask.Flask(__name__)


@app.route("/")
def index():
    return "hello"
`;
const LINE = APP.split("\n").indexOf('    return "hello"') + 1;
/** Writes what it does into a file, whole at once, as long as it runs. */
const LOOP = `import os
import time


def greet():
    return "hello"


while True:
    with open("answer.new", "w") as file:
        file.write(greet())
    os.replace("answer.new", "answer")
    time.sleep(0.05)
`;

const tasks = { version: "2.0.0", tasks: [{ label: "Loop", type: "shell", command: "python loop.py", problemMatcher: [] }] };
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const code = await VSCode.start({
  launcher, browser, vsix,
  files: { "app.py": APP, "loop.py": LOOP, ".vscode/tasks.json": JSON.stringify(tasks) },
  settings: {
    "workbench.colorTheme": "Default Light Modern",
    // VS Code gives terminals the path of the user's own shell, not its own.
    "terminal.integrated.env.linux": { PATH: `${path.dirname(python)}:${process.env.PATH}` },
  },
  env: { HOTSPLICE_TEST_PYTHON: python },
});
const steps = new Steps(code, pictures);
const step = steps.step.bind(steps);

/** The program in the extension, with the folder of sessions of this VS Code. */
function hotsplice(...words) {
  const extensions = path.join(code.home, "extensions");
  const name = fs.readdirSync(extensions).find((name) => name.startsWith("hotsplice.hotsplice-"));
  const env = { ...process.env, HOTSPLICE_RUNTIME_DIR: path.join(code.home, "run") };
  delete env.PYTHONPATH;
  return execFileSync(path.join(extensions, name, "server/bin/hotsplice"), words, { env }).toString();
}

/** Waits for the terminal that is shown, types a line into it, and waits for what comes of it; types again if nothing does. */
async function inTerminal(line, what, probe) {
  await code.page.locator(".terminal-wrapper.active .xterm-helper-textarea").waitFor({ state: "attached" });
  return until(what, async () => {
    await code.page.locator(".terminal-wrapper.active").click();
    await code.type(line);
    await code.press("Enter");
    return until(what, probe, 10_000);
  });
}

const flask = (what) => inTerminal(`python -m flask --app app run --port ${port}`, what, () => get(url));
const button = (toast, title) => toast.locator(".monaco-button").filter({ hasText: title }).click();
const clear = () => code.command("Notifications: Clear All Notifications");

/** Closes the terminal that is shown, with what runs in it. */
async function killTerminal() {
  await code.command("Terminal: Kill the Active Terminal Instance");
  await code.processes(0);
  await until("the end of the server", () => get(url).then(() => false, () => true));
}

try {
  await step("a program that was started as always is found in a list", async () => {
    await code.open("app.py");
    await code.processes(0);
    await code.command("Terminal: Create New Terminal");
    assert.equal(await flask("its answer"), "hello");
    await clear();
    await code.replaceLine("app.py", LINE, '    return "attached"');
    await code.command("Hotsplice: Hot-patch File");
    const toast = code.toast("no registered process has loaded app.py");
    await toast.waitFor();
    for (const title of ["Enable in terminals", "Run this file", "How"]) {
      await toast.locator(".monaco-button").filter({ hasText: title }).waitFor();
    }
    assert.equal(await code.page.locator(".notification-toast").filter({ hasText: /HS\d{4}|Request/ }).count(), 1);
    await code.picture(path.join(pictures, "no-process.png"));
    const isIt = ({ command }) => command.includes("flask") && command.includes(String(port));
    const found = JSON.parse(hotsplice("attach", "--list", "--json")).find(isIt);
    if (found.obstacle !== null) {
      console.log(`not attached to: ${found.obstacle}`);
      await clear();
      return;
    }
    const row = code.row(`-m flask --app app run --port ${port}`);
    await button(toast, "Attach…");
    await row.waitFor();
    await code.page.locator(".quick-input-widget input").fill(`run --port ${port}`);
    await row.waitFor();
    await code.picture(path.join(pictures, "attach.png"));
    await row.click();
    await code.processes(1);
    await code.open("app.py", LINE);
    await code.press("Control+Alt+Enter");
    await until("the new answer", async () => (await get(url)) === "attached");
    await clear();
  });

  await step("Ctrl+. says why not, and one click enables terminals", async () => {
    await code.page.locator(".terminal-wrapper.active").click();
    await killTerminal();
    await code.open("app.py", LINE);
    await code.codeAction("Hot-patch: why not?");
    await code.press("Enter");
    const toast = code.toast("no registered process has loaded app.py");
    await button(toast, "Enable in terminals");
    const enabled = code.toast("Every Python that is started in a new terminal");
    await enabled.waitFor();
    const settings = JSON.parse(fs.readFileSync(path.join(code.folder, ".vscode/settings.json"), "utf8"));
    assert.equal(settings["hotsplice.terminal.register"], true);
    await code.picture(path.join(pictures, "terminals-enabled.png"));
    await button(enabled, "New Terminal");
    const read = (name) => () => fs.existsSync(path.join(code.folder, name)) && fs.readFileSync(path.join(code.folder, name), "utf8");
    const environment = await inTerminal("env > env.new; mv env.new env.txt", "the environment", read("env.txt"));
    // A separator at the end would put the current folder before the standard library.
    for (const [name, value] of Object.entries(JSON.parse(hotsplice("env", "--json")))) {
      assert.ok(environment.split("\n").includes(`${name}=${value}`), `${name}=${value} in ${environment}`);
    }
    const shown = `python -c 'import sys; print(sys.path[1:])' > path.new; mv path.new path.txt`;
    assert.ok(!(await inTerminal(shown, "the path", read("path.txt"))).includes(`'${code.folder}'`));
    await flask("its answer");
    await code.processes(1);
    await code.replaceLine("app.py", LINE, '    return "by the terminal"');
    await code.press("Control+Alt+Enter");
    await until("the new answer", async () => (await get(url)) === "by the terminal");
    await code.lens("● live v1 · 1 process").waitFor();
    await code.picture(path.join(pictures, "terminal-live.png"));
    await clear();
  });

  await step("tasks register too", async () => {
    await code.page.locator(".terminal-wrapper.active").click();
    await killTerminal();
    await code.choose("the task", { open: () => code.press("Control+p"), text: "task Loop", row: code.row("Loop") });
    await code.processes(1);
    await code.command("Terminal: Kill the Active Terminal Instance");
    await code.processes(0);
  });

  await step("the status bar's menu takes it back, and runs a file", async () => {
    await code.menu("Disable in terminals");
    await code.toast("Programs in new terminals are left alone again").waitFor();
    const settings = JSON.parse(fs.readFileSync(path.join(code.folder, ".vscode/settings.json"), "utf8"));
    assert.ok(!("hotsplice.terminal.register" in settings), JSON.stringify(settings));
    await clear();
    await code.open("loop.py");
    await code.menu("Run this file");
    const answer = () => fs.readFileSync(path.join(code.folder, "answer"), "utf8");
    await until("its answer", () => answer() === "hello");
    await code.processes(1);
    await code.replaceLine("loop.py", LOOP.split("\n").indexOf('    return "hello"') + 1, '    return "welcome"');
    await code.press("Control+Alt+Enter");
    await until("the new answer", () => answer() === "welcome");
    await code.picture(path.join(pictures, "run-this-file.png"));
  });
} finally {
  await code.stop();
}
steps.done();
