// A working day in a real VS Code: node test/everyday.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES
// PYTHON has Flask and debugpy.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { freePort, get, given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();

const APP = `import flask

app = flask.Flask(__name__)
visits = 0


@app.route("/")
def index():
    global visits
    visits += 1
    return f"Hello, visitor {visits}!"


def price(cents=100):
    return f"{cents / 100:.2f}"


@app.route("/price")
def show_price():
    return price()


def label(cents):
    amount = cents / 100
    return f"{amount:.2f} EUR"


@app.route("/label")
def show_label():
    return label(250)
`;
const INDEX = APP.split("\n").indexOf('    return f"Hello, visitor {visits}!"') + 1;
const PRICE = APP.split("\n").indexOf("def price(cents=100):") + 1;
const LABEL = APP.split("\n").indexOf("def label(cents):") + 1;

const port = await freePort();
const debugged = await freePort();
const launch = {
  version: "0.2.0",
  configurations: [{
    name: "Shop", type: "debugpy", request: "launch", module: "flask", console: "internalConsole", justMyCode: true,
    args: ["--app", "app", "run", "--port", String(debugged)], cwd: "${workspaceFolder}",
  }],
};

const code = await VSCode.start({
  launcher, browser, vsix,
  files: { "app.py": APP, ".vscode/launch.json": JSON.stringify(launch) },
  settings: {
    "hotsplice.terminal.register": true,
    "workbench.colorTheme": "Default Light Modern",
    // VS Code gives terminals the path of the user's own shell, not its own.
    "terminal.integrated.env.linux": { PATH: `${path.dirname(python)}:${process.env.PATH}` },
  },
  env: { HOTSPLICE_TEST_PYTHON: python },
});
const steps = new Steps(code, pictures);
const step = steps.step.bind(steps);
const url = `http://127.0.0.1:${port}`;

try {
  await step("nothing runs yet", async () => {
    await code.open("app.py");
    await code.processes(0);
    await code.command("Hotsplice: Show Processes");
    await code.page.locator(".welcome-view").getByText("How it works").click();
    const walkthrough = code.page.locator(".gettingStartedContainer").filter({ hasText: "Change Python while it runs" });
    await walkthrough.getByText("Change a function").waitFor();
    await code.picture(path.join(pictures, "walkthrough.png"));
    await code.command("View: Close Editor");
    await walkthrough.waitFor({ state: "detached" });
  });

  await step("a program started in the terminal can be patched", async () => {
    await code.command("Terminal: Create New Terminal");
    await code.page.locator(".terminal-wrapper.active .xterm-helper-textarea").waitFor({ state: "attached" });
    await until("the application", async () => {
      await code.page.locator(".terminal-wrapper.active").click();
      await code.type(`python -m flask --app app run --port ${port}`);
      await code.press("Enter");
      return until("its answer", () => get(url), 8000);
    });
    assert.match(await get(url), /^Hello, visitor \d+!$/);
    await code.processes(1);
    await code.command("Notifications: Clear All Notifications");
  });

  await step("an edited function says so, and goes live by its code action", async () => {
    const before = Number((await get(url)).match(/\d+/)[0]);
    await code.replaceLine("app.py", INDEX, '    return f"Welcome back, visitor {visits}!"');
    await code.lens("○ edited · Hot-patch").waitFor();
    await code.picture(path.join(pictures, "edited.png"));
    await code.codeAction("Hot-patch function `index`");
    await code.picture(path.join(pictures, "code-action.png"));
    const litLines = await code.litLines();
    await code.press("Enter");
    await until("the new answer", async () => (await get(url)).startsWith("Welcome back"));
    assert.ok(Number((await get(url)).match(/\d+/)[0]) > before, "the counter went on");
    await code.lens("● live v1 · 1 process").waitFor();
    assert.equal(await code.page.locator(".notification-toast").filter({ hasText: "is live" }).count(), 0, "only failures notify");
    assert.equal(await until("lines that are lit no more", litLines), 5, "the lines of the function light up once");
    assert.equal(fs.readFileSync(path.join(code.folder, "app.py"), "utf8"), APP, "nothing was saved");
  });

  await step("what is live and has nothing more to do fades", async () => {
    await code.lens("● live v").waitFor({ state: "detached" });
    assert.match(await get(url), /^Welcome back/);
  });

  await step("the view lists what is patched, and takes it back", async () => {
    await code.command("Hotsplice: Show Processes");
    const row = code.page.locator(".monaco-list-row").filter({ hasText: /^index/ }).first();
    await row.waitFor();
    await code.picture(path.join(pictures, "view.png"));
    await code.open("app.py", PRICE);
    await row.click();
    await code.cursorAt(APP.split("\n").indexOf('@app.route("/")') + 1);
    await row.hover();
    await row.locator(".action-label[aria-label^='Undo Hot-patch']").click();
    await until("the former answer", async () => (await get(url)).startsWith("Hello"));
  });

  await step("the name tells what is live, and the status bar's menu takes it back", async () => {
    await code.open("app.py", INDEX);
    await code.press("Control+Alt+Enter");
    await until("the new answer", async () => (await get(url)).startsWith("Welcome back"));
    await code.lens("● live v").waitFor();
    await code.open("app.py", APP.split("\n").indexOf("def index():") + 1);
    for (let column = 0; column < "def i".length; column += 1) await code.press("ArrowRight");
    await code.command("Show or Focus Hover");
    await code.page.locator(".monaco-hover").filter({ hasText: /live v\d+, patched less than a minute ago/ }).first().waitFor();
    await code.picture(path.join(pictures, "hover.png"));
    await code.press("Escape");
    await code.menu("Undo the latest");
    await until("the former answer", async () => (await get(url)).startsWith("Hello"));
  });

  await step("the status bar's menu does what it says", async () => {
    await code.menu("Hot-patch this file");
    await until("the new answer", async () => (await get(url)).startsWith("Welcome back"));
    await code.command("View: Show Explorer");
    await code.menu("Processes");
    await code.page.locator(".monaco-list-row").filter({ hasText: /^index/ }).first().waitFor();
    await code.menu("Log");
    await code.page.locator(".panel .output-view .view-line").filter({ hasText: "index" }).first().waitFor();
    await code.menu("Undo the latest");
    await until("the former answer", async () => (await get(url)).startsWith("Hello"));
    await code.open("app.py", INDEX);
  });

  await step("saving patches when that is chosen", async () => {
    await code.menu("Patch on save", { stays: true });
    await code.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: "manual" }).first().waitFor();
    await code.type("manual");
    await code.press("Enter");
    await code.open("app.py", INDEX);
    await until("the status bar's sign", async () => (await code.statusBar().innerHTML()).includes("codicon-save"));
    await code.press("Control+s");
    await until("the new answer", async () => (await get(url)).startsWith("Welcome back"));
  });

  await step("what other programs write is patched when that is chosen", async () => {
    code.set({ "hotsplice.patchOnExternalChange": true });
    const file = path.join(code.folder, "app.py");
    const saved = fs.readFileSync(file, "utf8");
    // The editor takes a moment to watch: whoever writes too early writes once more.
    await until("the new answer", async () => {
      fs.writeFileSync(file, saved.replace("Welcome back", "From outside"));
      return until("it", async () => (await get(url)).startsWith("From outside"), 3000);
    });
    code.set({ "hotsplice.patchOnExternalChange": false });
  });

  await step("a server that crashes comes back, and knows what is live", async () => {
    code.set({ "hotsplice.lens": "always" });
    const servers = () => execFileSync("pgrep", ["-f", `${path.dirname(code.folder)}/.*hotsplice lsp`]).toString().trim();
    const before = servers();
    execFileSync("kill", ["-9", ...before.split("\n")]);
    await until("another server", () => servers() !== before);
    await code.processes(1);
    await code.lens("● live v").waitFor();
    await code.replaceLine("app.py", INDEX, '    return f"Back again, visitor {visits}!"');
    await code.press("Control+s");
    await until("the new answer", async () => (await get(url)).startsWith("Back again"));
  });

  await step("a refusal is a squiggle with its code, and a lens", async () => {
    await code.replaceLine("app.py", PRICE, "def price(cents=100 / 0):");
    await code.press("Control+s");
    await code.lens("▲ refused HS").waitFor();
    await code.page.locator(".squiggly-error").first().waitFor();
    await code.toast("Nothing was patched").waitFor();
    await code.picture(path.join(pictures, "refused.png"));
    assert.equal(await get(`${url}/price`), "1.00");
    await code.command("Notifications: Clear All Notifications");
    await code.replaceLine("app.py", PRICE, "def price(cents=250):");
    await code.press("Control+s");
    await until("the new price", async () => (await get(`${url}/price`)) === "2.50");
    await code.page.locator(".squiggly-error").first().waitFor({ state: "detached" });
  });

  await step("a process that is killed vanishes", async () => {
    await code.command("Terminal: Kill the Active Terminal Instance");
    await code.processes(0);
  });

  await step("a debugged program can be patched without a change to anything", async () => {
    await code.open("app.py", INDEX);
    await code.press("F5");
    await code.page.locator(".debug-toolbar").waitFor();
    await code.processes(1);
    await until("its answer", () => get(`http://127.0.0.1:${debugged}/price`));
    assert.equal(await get(`http://127.0.0.1:${debugged}/price`), "2.50");
  });

  await step("stopped at a breakpoint it is patched, and goes on", async () => {
    await code.breakpoint("app.py", PRICE + 1);
    // The editor shows a breakpoint before the debugger has it: a call may slip through.
    const line = stoppedLine("attached");
    let stopped;
    do stopped = get(`http://127.0.0.1:${debugged}/price`);
    while (!(await Promise.race([line.then(() => true), stopped.then(() => false)])));
    await code.open("app.py", PRICE);
    await code.replaceLine("app.py", PRICE + 1, '    return f"{cents / 100:.2f} €"');
    await code.picture(path.join(pictures, "debugging.png"));
    await code.page.locator(".debug-toolbar .action-label[aria-label*='Hot-patch']").first().click();
    await code.lens("call still runs").waitFor();
    await code.lens("stale: this call runs price").waitFor();
    await code.picture(path.join(pictures, "stale.png"));
    await code.press("F5");
    assert.equal(await stopped, "2.50", "the call that had begun ends as it began");
    await stoppedLine("detached");
    await code.lens("stale").waitFor({ state: "detached" });
    // The breakpoint is still on its line: the next call stops there, in the new code.
    const next = get(`http://127.0.0.1:${debugged}/price`);
    await stoppedLine("attached");
    await code.press("F5");
    assert.equal(await next, "2.50 €");
    await stoppedLine("detached");
  });

  await step("VS Code's own Restart Frame begins the call again in the new code", async () => {
    await code.breakpoint("app.py", LABEL + 2);
    const line = stoppedLine("attached");
    let stopped;
    do stopped = get(`http://127.0.0.1:${debugged}/label`);
    while (!(await Promise.race([line.then(() => true), stopped.then(() => false)])));
    await code.replaceLine("app.py", LABEL + 2, '    return f"{amount:.2f} USD"');
    await code.page.locator(".debug-toolbar .action-label[aria-label*='Hot-patch']").first().click();
    await code.lens("call still runs").waitFor();
    await code.command("Run and Debug: Focus on Call Stack View");
    const frame = code.page.locator(".debug-call-stack .monaco-list-row").filter({ hasText: /^label/ });
    await frame.hover();
    await frame.locator(".action-label[aria-label*='Restart Frame']").click();
    await frame.filter({ hasText: new RegExp(`${LABEL + 1}:`) }).waitFor();
    await code.picture(path.join(pictures, "restarted.png"));
    await code.press("F5");
    await frame.filter({ hasText: new RegExp(`${LABEL + 2}:`) }).waitFor();
    await code.press("F5");
    assert.equal(await stopped, "2.50 USD", "the same request, answered by the new code");
    await code.press("Shift+F5");
    await code.processes(0);
  });

  await step("VS Code tells how long our start took", async () => {
    console.log(`activated in ${await activationTime()} ms`);
  });
} finally {
  await code.stop();
}
steps.done();

/** Waits until the editor shows where the program stopped, or no more. */
function stoppedLine(state) {
  return code.page.locator(".debug-top-stack-frame-line").first().waitFor({ state });
}

/** As VS Code itself measured it, of our own code. */
async function activationTime() {
  await code.command("Developer: Show Running Extensions");
  // The slowest come first, and only rows within the window exist.
  await code.page.setViewportSize({ width: 1280, height: 4000 });
  const row = code.page.locator(".runtime-extensions-editor .monaco-list-row").filter({ hasText: "Hotsplice" }).first();
  const text = await row.locator(".activation-time").innerText();
  return Number(text.match(/(\d+)\s*ms/)[1]);
}
