/** Calls that have failed and wait for an answer: a notification for each, and a list to choose from. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { Hold } from "./status";

const RETRY = "Retry";
const RETURN = "Return a value…";
const RAISE = "Let it raise";
const DEBUG = "Debug here";
const SHOW = "Show";
const TERMINAL = "Debug in Terminal";

/** A notification has no room for longer ones. */
const BUTTONS: Record<string, string> = { Retry: RETRY, "Return…": RETURN, Raise: RAISE, Debug: DEBUG, Show: SHOW };

/** Runs a command of the server's. */
type Ask = (name: string, ...parameters: object[]) => Promise<unknown>;

/** What the server says of a debugger that is to stand where a call failed. */
interface Debugged {
  by: "debugger" | "listening" | "none";
  message: string;
  host?: string;
  port?: number;
}

export class HeldCalls {
  private holds: readonly Hold[] = [];

  constructor(
    private readonly ask: Ask,
    private readonly program: () => string,
  ) {}

  /** What the server told last. */
  update(holds: readonly Hold[]): void {
    this.holds = holds;
  }

  /** A call has failed, or something went live while it waits. */
  async tell(hold: Hold): Promise<void> {
    const choice = hold.patched
      ? await vscode.window.showInformationMessage(hold.message, ...Object.keys(BUTTONS))
      : await vscode.window.showErrorMessage(hold.message, ...Object.keys(BUTTONS));
    await this.answer(hold, choice && BUTTONS[choice]);
  }

  /** One of those that wait, then what is to be done with it. */
  async choose(): Promise<void> {
    const entries = this.holds.map((hold) => ({ label: hold.function, description: hold.hold, detail: hold.message, hold }));
    if (entries.length === 0) {
      void vscode.window.showInformationMessage("No call is held.");
      return;
    }
    const title = "Calls that are held";
    const chosen = entries.length === 1 ? entries[0] : await vscode.window.showQuickPick(entries, { title });
    if (chosen === undefined) return;
    await this.answer(chosen.hold, await vscode.window.showQuickPick([RETRY, RETURN, RAISE, DEBUG, SHOW], { title: chosen.detail }));
  }

  /** Asks for an expression, and has the call return its value. */
  async returnValue(hold: { hold: string; function: string }): Promise<void> {
    const expression = await vscode.window.showInputBox({
      title: `What ${hold.function} returns`,
      prompt: "An expression; it sees the names of the line that failed",
      ignoreFocusOut: true,
    });
    if (expression?.trim()) await this.ask("hotsplice.return", { hold: hold.hold, expression });
  }

  /** The debugger that is attached stops there; else VS Code's attaches, for which debugpy listens in the process; else pdb does. */
  async debug({ hold, function: name }: { hold: string; function: string }): Promise<void> {
    const type = debuggerType();
    const bundled = debugpyFolder();
    const wanted = { hold, listen: type !== undefined, ...(bundled === undefined ? {} : { debugpy: bundled }) };
    const told = (await this.ask("hotsplice.debug", wanted)) as Debugged | undefined;
    if (told === undefined || told.by === "debugger") return;
    if (told.by === "listening" && type !== undefined) {
      const connect = { host: told.host, port: told.port };
      const started = await vscode.debug.startDebugging(undefined, { name: `${name} is held`, type, request: "attach", connect });
      if (started) return;
    } else if (type !== undefined) {
      // It says what to do to have one.
      if ((await vscode.window.showWarningMessage(told.message, TERMINAL)) !== TERMINAL) return;
    }
    const terminal = vscode.window.createTerminal({ name: `${name} is held`, shellPath: this.program(), shellArgs: ["debug", "--pdb", hold] });
    terminal.show();
  }

  private async answer(hold: Hold, choice: string | undefined): Promise<void> {
    if (choice === RETRY) await this.ask("hotsplice.retry", { hold: hold.hold });
    if (choice === RETURN) await this.returnValue(hold);
    if (choice === RAISE) await this.ask("hotsplice.raise", { hold: hold.hold });
    if (choice === DEBUG) await this.debug(hold);
    if (choice === SHOW) await this.show(hold);
  }

  private async show(told: Hold): Promise<void> {
    // Its line may be another one by now.
    const hold = this.holds.find((known) => known.hold === told.hold) ?? told;
    if (hold.uri === null) return;
    const selection = new vscode.Range(hold.line, 0, hold.line, 0);
    await vscode.window.showTextDocument(vscode.Uri.parse(hold.uri), { selection });
    await vscode.commands.executeCommand("editor.action.showHover");
  }
}

/** How Python's debugger is called here; nothing where no extension has one. */
function debuggerType(): string | undefined {
  interface Contributing {
    contributes?: { debuggers?: { type: string }[] };
  }
  const types = vscode.extensions.all.flatMap(({ packageJSON }) => (packageJSON as Contributing).contributes?.debuggers ?? []);
  return ["debugpy", "python"].find((wanted) => types.some(({ type }) => type === wanted));
}

/** The debugpy that Microsoft's extension brings: for programs that have none. */
function debugpyFolder(): string | undefined {
  const extension = vscode.extensions.getExtension("ms-python.debugpy");
  return extension && path.join(extension.extensionPath, "bundled", "libs");
}
