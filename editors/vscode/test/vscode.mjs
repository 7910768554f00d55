// A real VS Code in a real browser, as a person uses it.

import { spawn, execFileSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const PATIENCE = 40_000;
const HERE = path.dirname(fileURLToPath(import.meta.url));
const VSCE = path.join(HERE, "../node_modules/.bin/vsce");
/** Starts the real debugpy, where Microsoft's extension can't be had. */
const DEBUGPY = path.join(HERE, "debugpy");

/** A port that is free now. */
export async function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Asks until `probe` gives something; `what` is said when it never does. */
export async function until(what, probe, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const found = await probe();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}; last: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function get(url) {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, (answer) => {
        let text = "";
        answer.on("data", (part) => (text += part));
        answer.on("end", () => resolve(text));
      })
      .on("error", reject);
  });
}

/** The parameters that every scenario has: what to start, and where pictures go. */
export function given() {
  const [launcher, browser, vsix, python, pictures] = process.argv.slice(2);
  fs.mkdirSync(pictures, { recursive: true });
  return { launcher, browser, vsix, python, pictures };
}

/** Steps of a scenario: each prints what it was and how long it took; a picture is taken where one fails. */
export class Steps {
  passed = 0;

  constructor(code, pictures) {
    Object.assign(this, { code, pictures });
  }

  async step(name, run) {
    const started = Date.now();
    try {
      await run();
    } catch (error) {
      await this.code.picture(path.join(this.pictures, "failed.png")).catch(() => {});
      console.log(`test ${name} ... FAILED\n${error.stack}`);
      throw error;
    }
    this.passed += 1;
    console.log(`test ${name} ... ok (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  }

  done() {
    console.log(`test result: ok. ${this.passed} passed; 0 failed`);
  }
}

export class VSCode {
  /** `files` by name make the folder that is opened; `settings` are the user's; `trusts` workspaces unless said otherwise. */
  static async start(wanted) {
    try {
      return await VSCode.startOnce(wanted);
    } catch (error) {
      // A window that does not come up has nothing to do with us: code-server and the browser are tried once more.
      console.log(`VS Code did not start: ${error.message}; once more`);
      return VSCode.startOnce(wanted);
    }
  }

  static async startOnce({ launcher, browser, vsix, extensions = [DEBUGPY], files, settings, env, trusts = true }) {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "hotsplice-vscode-"));
    const folder = path.join(home, "shop");
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), text);
    }
    const data = path.join(home, "data");
    const installed = path.join(home, "extensions");
    fs.mkdirSync(path.join(data, "User"), { recursive: true });
    fs.writeFileSync(
      path.join(data, "User/settings.json"),
      JSON.stringify({
        "workbench.startupEditor": "none",
        "workbench.welcomePage.walkthroughs.openOnInstall": false,
        "workbench.secondarySideBar.defaultVisibility": "hidden",
        "window.commandCenter": false,
        "editor.minimap.enabled": false,
        "editor.fontSize": 14,
        "terminal.integrated.defaultProfile.linux": "sh",
        "terminal.integrated.profiles.linux": { sh: { path: "/bin/sh" } },
        "terminal.integrated.shellIntegration.enabled": false,
        "debug.internalConsoleOptions": "neverOpen",
        "files.autoSave": "off",
        "editor.acceptSuggestionOnEnter": "off",
        "editor.quickSuggestions": { other: "off", comments: "off", strings: "off" },
        "editor.autoIndent": "none",
        "editor.autoClosingBrackets": "never",
        "editor.autoClosingQuotes": "never",
        ...settings,
      }),
    );
    const common = ["--user-data-dir", data, "--extensions-dir", installed];
    // Processes of other tests and people are none of ours.
    env = { ...process.env, ...env, HOTSPLICE_RUNTIME_DIR: path.join(home, "run") };
    const packed = extensions.map((extension, index) => {
      const target = path.join(home, `${index}.vsix`);
      execFileSync(VSCE, ["package", "--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", target], { cwd: extension, stdio: "pipe" });
      return target;
    });
    const install = [vsix, ...packed].flatMap((file) => ["--install-extension", file]);
    execFileSync(launcher, [...common, ...install], { stdio: "pipe", env });
    const port = await freePort();
    const server = spawn(
      launcher,
      ["--bind-addr", `127.0.0.1:${port}`, "--auth", "none", ...common, "--disable-telemetry", "--disable-update-check", ...(trusts ? ["--disable-workspace-trust"] : [])],
      { env, stdio: "ignore", detached: true },
    );
    const code = new VSCode();
    Object.assign(code, { home, folder, data, server, url: `http://127.0.0.1:${port}` });
    try {
      await until("code-server", () => get(`http://127.0.0.1:${port}/healthz`));
      code.browser = await chromium.launch({
        executablePath: browser,
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
      });
      await code.openWindow();
    } catch (error) {
      await code.stop();
      throw error;
    }
    return code;
  }

  /** Another window on the same folder. */
  async another() {
    const code = new VSCode();
    Object.assign(code, this, { page: undefined });
    await code.openWindow();
    return code;
  }

  async openWindow() {
    this.page = await this.browser.newPage({ viewport: { width: 1280, height: 800 } });
    this.page.setDefaultTimeout(PATIENCE);
    await this.page.goto(`${this.url}/?folder=${encodeURIComponent(this.folder)}`);
    await this.page.waitForSelector(".monaco-workbench");
    await this.page.waitForSelector(`.explorer-folders-view .monaco-list-row[aria-label*="app.py"]`);
  }

  /** Changes the folder's settings, as an edit of the file does. */
  set(settings) {
    const file = path.join(this.folder, ".vscode/settings.json");
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const former = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : {};
    fs.writeFileSync(file, JSON.stringify({ ...former, ...settings }));
  }

  toast(text) {
    return this.page.locator(".notification-toast").filter({ hasText: text }).first();
  }

  /** Starts a configuration of launch.json by its name. */
  async debug(name) {
    await this.choose(`the configuration ${name}`, { open: () => this.press("Control+p"), text: `debug ${name}`, row: this.row(name) });
    await this.page.locator(".debug-toolbar").waitFor();
  }

  async stop() {
    await this.browser?.close().catch(() => {});
    try {
      process.kill(-this.server.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  press(keys) {
    return this.page.keyboard.press(keys);
  }

  type(text) {
    return this.page.keyboard.type(text);
  }

  /**
   * Opens a list that closes when it loses the focus, to whatever else VS Code opens at that moment, and chooses a row.
   * `open` opens it, `text` is typed into it, `row` is chosen. What closed before the choice is opened again, as a person does.
   */
  async choose(what, { open, text, row, stays = false }) {
    const input = this.page.locator(".quick-input-widget input");
    await until(what, async () => {
      await open();
      try {
        await input.waitFor({ state: "visible", timeout: 5000 });
        await input.fill(text, { timeout: 5000 });
        await row.click({ timeout: 10_000 });
        return true;
      } catch (error) {
        await this.press("Escape");
        throw error;
      }
    });
    if (!stays) await input.waitFor({ state: "hidden" });
  }

  row(text) {
    return this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: text }).first();
  }

  /** Runs a command of the palette by its title; one that `stays` asks for more. */
  async command(title, { stays = false } = {}) {
    // Others may stand before it.
    const row = this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${title}"]`).first();
    await this.choose(`the command ${title}`, { open: () => this.press("F1"), text: `>${title}`, row, stays });
  }

  /** Opens a file at a line (from 1) and puts the cursor there. */
  async open(file, line = 1) {
    await until(`the cursor in ${file}`, async () => {
      await this.choose(`the file ${file}`, { open: () => this.press("Control+p"), text: `${file}:${line}`, row: this.row(file) });
      await this.page.locator(`.tab.active[data-resource-name="${file}"]`).waitFor();
      // A view that was clicked on may take the focus afterwards.
      await this.page.locator(".monaco-editor.focused").first().waitFor({ timeout: 5000 });
      await this.cursorAt(line, 5000);
      return true;
    });
  }

  /**
   * Puts a breakpoint on a line. A debugger that stops moves the cursor, a little after it shows the line it stops at:
   * where that came between, the key changed another line's breakpoint, and it is pressed once more on the line meant.
   */
  async breakpoint(file, line) {
    const shown = () => this.page.locator(".glyph-margin-widgets .codicon-debug-breakpoint").count();
    await until(`a breakpoint in line ${line} of ${file}`, async () => {
      await this.open(file, line);
      const before = await shown();
      await this.press("F9");
      return until("it to be shown", async () => (await shown()) > before, 5000);
    }, 3 * PATIENCE);
  }

  /** Replaces a whole line. */
  async replaceLine(file, line, text) {
    await this.open(file, line);
    await this.press("Home");
    await this.press("Home");
    await this.press("Shift+End");
    await this.page.keyboard.insertText(text);
  }

  /** Opens the code actions at the cursor and goes to one by its title; Enter chooses it. */
  async codeAction(title) {
    const rows = this.page.locator(".action-widget .monaco-list-row.action");
    const row = rows.filter({ hasText: title }).first();
    const focused = this.page.locator(".action-widget .monaco-list-row.focused").filter({ hasText: title });
    await until(`the code action ${title}`, async () => {
      await this.press("Control+.");
      try {
        await row.waitFor({ state: "visible", timeout: 3000 });
        return true;
      } catch (error) {
        await this.press("Escape");
        throw error;
      }
    });
    for (let left = await rows.count(); left > 0 && (await focused.count()) === 0; left -= 1) await this.press("ArrowDown");
    await focused.waitFor();
  }

  statusBar() {
    return this.page.locator('.statusbar-item[id="hotsplice.hotsplice.hotsplice.status"]');
  }

  /** Waits until the status bar shows so many processes. */
  async processes(count) {
    await until(`${count} processes in the status bar`, async () => {
      const text = (await this.statusBar().innerText()).trim();
      if (text.split(/\s+/)[0] === String(count)) return true;
      throw new Error(`it shows ${JSON.stringify(text)}`);
    });
  }

  /** Chooses from the status bar's menu; an entry that `stays` asks for more. */
  async menu(title, { stays = false } = {}) {
    await this.statusBar().click();
    await this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first().click();
    if (!stays) await this.page.locator(".quick-input-widget input").waitFor({ state: "hidden" });
  }

  /** Waits until the cursor is in a line (from 1). */
  async cursorAt(line, timeout = PATIENCE) {
    await this.page.locator(".statusbar-item").filter({ hasText: new RegExp(`^Ln ${line}, `) }).waitFor({ timeout });
  }

  /** From now on, looks for lines that light up; the result gives how many did, and 0 while they still do. */
  async litLines() {
    const watch = () => {
      const lines = () => document.querySelectorAll(".view-overlays .cdr[class*='TextEditorDecorationType']").length;
      let most = 0;
      const observer = new MutationObserver(() => (most = Math.max(most, lines())));
      observer.observe(document.querySelector(".editor-instance"), { subtree: true, childList: true, attributes: true, characterData: true });
      window.litLines = () => (lines() === 0 ? most : 0);
    };
    await this.page.evaluate(watch);
    return () => this.page.evaluate(() => window.litLines());
  }

  /** What stands at the ends of lines. */
  lineEnds() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll(".view-line span")].map((part) => getComputedStyle(part, "::after").content),
    );
  }

  /** A mark at the end of a line. */
  lens(text) {
    return {
      waitFor: ({ state = "attached" } = {}) =>
        until(`${text} to be ${state}`, async () => {
          const isThere = (await this.lineEnds()).some((shown) => shown.includes(text));
          return isThere === (state === "attached");
        }),
    };
  }

  picture(file) {
    return this.page.screenshot({ path: file, animations: "disabled" });
  }
}
