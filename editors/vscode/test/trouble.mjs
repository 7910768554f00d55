// What goes wrong, and what is said then: node test/trouble.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();

/** Writes what it does into a file, again and again, as long as somebody reads its output. */
const APP = `import os
import sys
import time


def price(cents=100):
    return cents


def greet():
    return "hello"


print("ready", flush=True)
for line in sys.stdin:
    print(price(), greet(), flush=True)
`;
const lineOf = (text) => APP.split("\n").findIndex((line) => line.includes(text)) + 1;

/** A program with the agent in it, registered where a window looks. */
class Program {
  constructor(code, cwd = code.folder) {
    const server = fs.readdirSync(path.join(code.home, "extensions")).find((name) => name.startsWith("hotsplice.hotsplice-"));
    this.hotsplice = path.join(code.home, "extensions", server, "server/bin/hotsplice");
    this.child = spawn(this.hotsplice, ["run", "--python", python, path.join(cwd, "app.py")], {
      cwd, env: { ...process.env, HOTSPLICE_RUNTIME_DIR: path.join(code.home, "run") }, stdio: ["pipe", "pipe", "inherit"],
    });
    this.printed = "";
    this.child.stdout.on("data", (part) => (this.printed += part));
  }

  async ready() {
    await until("the program", () => this.printed.includes("ready\n"));
    return this;
  }

  /** What it says now. */
  async ask() {
    const known = this.printed.length;
    this.child.stdin.write("\n");
    await until("its answer", () => this.printed.slice(known).includes("\n"));
    return this.printed.slice(known).trim();
  }

  async says(wanted) {
    await until(wanted, async () => (await this.ask()) === wanted);
  }

  end() {
    this.child.kill("SIGKILL");
  }
}

const code = await VSCode.start({
  launcher, browser, vsix,
  files: { "app.py": APP, "new.py": "def nobody():\n    pass\n" },
  // Another window takes longer to open than what is live is news.
  settings: { "hotsplice.lens": "always" },
  env: { HOTSPLICE_TEST_PYTHON: python },
});
const steps = new Steps(code, pictures);
let program;

try {
  await steps.step("the rest is patched by a quick fix, and a code is explained", async () => {
    program = await new Program(code).ready();
    await code.open("app.py");
    await code.processes(1);
    await code.replaceLine("app.py", lineOf("hello"), '    return "welcome"');
    await code.replaceLine("app.py", lineOf("def price"), "def price(cents=100 / 0):");
    await code.command("Hotsplice: Hot-patch File");
    await code.toast("Nothing was patched").waitFor();
    assert.equal(await program.ask(), "100 hello");
    await code.command("Notifications: Clear All Notifications");
    await code.codeAction("Patch the rest of app.py");
    await code.picture(path.join(pictures, "quick-fixes.png"));
    await code.press("Enter");
    await program.says("100 welcome");
    await code.lens("▲ refused HS0103").waitFor();
    await code.page.locator(".squiggly-error").first().waitFor();
    await code.codeAction("Explain HS0103");
    await code.press("Enter");
    await code.page.locator('.tab[aria-label*="HS0103.md"] .codicon-close').first().click();
    await code.replaceLine("app.py", lineOf("def price"), "def price(cents=200):");
    await code.command("Hotsplice: Hot-patch File");
    await program.says("200 welcome");
  });

  await steps.step("two windows on one process know of each other", async () => {
    const other = await code.another();
    await other.open("app.py");
    await other.processes(1);
    await other.lens("● live v").waitFor();
    await other.replaceLine("app.py", lineOf("hello"), '    return "from the other"');
    await other.press("Control+Alt+Enter");
    await program.says("200 from the other");
    await code.lens("● live v2").waitFor();
    await code.replaceLine("app.py", lineOf("hello"), '    return "from the first"');
    await code.press("Control+Alt+Enter");
    await program.says("200 from the first");
    await other.lens("● live v3").waitFor();
    await other.page.close();
  });

  await steps.step("a file that nobody has loaded says what to do", async () => {
    await code.open("new.py");
    await code.command("Hotsplice: Hot-patch File");
    await code.toast("has not imported it").waitFor();
    await code.command("Notifications: Clear All Notifications");
    await code.command("File: New Untitled Text File");
    await code.page.locator(".tab.active").filter({ hasText: "Untitled-1" }).waitFor();
    await code.command("Change Language Mode", { stays: true });
    await code.type("Python");
    await code.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: "Python" }).first().waitFor();
    await code.press("Enter");
    await until("Python", async () => (await code.page.locator('[id="status.editor.mode"]').innerText()).includes("Python"));
    await code.command("Hotsplice: Hot-patch File");
    await code.toast("Untitled-1 was never saved").waitFor();
    if (await code.toast("Request").count()) throw new Error("a second notification says less than the first");
    await code.command("Notifications: Clear All Notifications");
    await code.command("View: Revert and Close Editor");
  });

  await steps.step("a file that can't be written is patched all the same", async () => {
    fs.chmodSync(path.join(code.folder, "app.py"), 0o444);
    await code.replaceLine("app.py", lineOf("hello"), '    return "read-only"');
    await code.press("Control+Alt+Enter");
    await program.says("200 read-only");
    assert.equal(fs.readFileSync(path.join(code.folder, "app.py"), "utf8"), APP);
    program.end();
    await code.processes(0);
  });

  await steps.step("a process elsewhere says which mapping it needs, and that helps", async () => {
    const elsewhere = path.join(code.home, "srv");
    fs.mkdirSync(elsewhere);
    fs.writeFileSync(path.join(elsewhere, "app.py"), APP);
    program = await new Program(code, elsewhere).ready();
    await code.open("app.py");
    await code.command("Hotsplice: Hot-patch File");
    const toast = code.toast("set hotsplice.pathMappings to");
    await toast.waitFor();
    const [, mapping] = (await toast.locator(".notification-list-item-message").innerText()).match(/pathMappings to (\[.*\])/);
    assert.deepEqual(JSON.parse(mapping), [{ localRoot: code.folder, remoteRoot: elsewhere }]);
    await code.command("Notifications: Clear All Notifications");
    code.set({ "hotsplice.pathMappings": JSON.parse(mapping) });
    await code.processes(1);
    await code.command("Hotsplice: Hot-patch File");
    await program.says("200 read-only");
  });

  await steps.step("a server that is not there, or of another platform, is said, and mending it is enough", async () => {
    const missing = path.join(code.home, "missing");
    code.set({ "hotsplice.server.path": missing });
    await code.toast(`hotsplice.server.path is ${missing}, which is not there`).waitFor();
    await until("the status bar's sign", async () => (await code.statusBar().innerHTML()).includes("codicon-error"));
    await code.picture(path.join(pictures, "server-missing.png"));
    await code.command("Notifications: Clear All Notifications");
    // The same program, as if for another processor: its ELF header names it.
    const foreign = path.join(code.home, "foreign");
    const binary = fs.readFileSync(program.hotsplice);
    binary.writeUInt16LE(binary.readUInt16LE(18) === 0xb7 ? 0x3e : 0xb7, 18);
    fs.writeFileSync(foreign, binary, { mode: 0o755 });
    code.set({ "hotsplice.server.path": foreign });
    await code.toast("is made for another kind of machine").waitFor();
    await code.command("Notifications: Clear All Notifications");
    code.set({ "hotsplice.server.path": "" });
    await code.processes(1);
  });
} finally {
  program?.end();
  await code.stop();
}

const careful = await VSCode.start({
  launcher, browser, vsix, trusts: false,
  files: { "app.py": APP },
  settings: { "hotsplice.terminal.register": true },
  env: { HOTSPLICE_TEST_PYTHON: python },
});
steps.code = careful;
try {
  await steps.step("nothing is put into programs of a folder before it is trusted", async () => {
    /** What a new terminal has in its environment. */
    const environment = async (file) => {
      await careful.command("Terminal: Create New Terminal");
      await careful.page.locator(".terminal-wrapper.active .xterm-helper-textarea").waitFor({ state: "attached" });
      return until("the environment", async () => {
        await careful.page.locator(".terminal-wrapper.active").click();
        await careful.type(`env > ${file}.new; mv ${file}.new ${file}`);
        await careful.press("Enter");
        return until("the file", () => fs.readFileSync(path.join(careful.folder, file), "utf8"), 5000);
      });
    };
    await careful.page.locator(".monaco-dialog-box").getByRole("button", { name: "No, I don't trust the authors" }).click();
    await careful.open("app.py");
    await careful.processes(0);
    assert.doesNotMatch(await environment("restricted"), /HOTSPLICE_AGENT_DIR|_bootstrap/);
    await careful.command("Workspaces: Manage Workspace Trust");
    await careful.page.locator(".workspace-trust-editor .monaco-button").filter({ hasText: /^Trust$/ }).first().click();
    await until("the variables", async () => /HOTSPLICE_AGENT_DIR=/.test(await environment("trusted")));
  });
} finally {
  await careful.stop();
}
steps.done();
