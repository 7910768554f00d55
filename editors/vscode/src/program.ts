/** The hotsplice program: where it is, whether it runs, and what it tells. */

import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";

import { missingMessage, type Process } from "./status";

export class ServerMissing extends Error {}

const run = promisify(execFile);

/** The program to run. It need not be there. */
export function serverProgram(context: vscode.ExtensionContext): string {
  const chosen = vscode.workspace.getConfiguration("hotsplice").get<string>("server.path", "");
  return chosen === "" ? context.asAbsolutePath(path.join("server", "bin", "hotsplice")) : chosen;
}

/** Starts it once, to see that it is there and made for this machine; throws {@link ServerMissing} with what to do. */
export async function checkProgram(program: string): Promise<void> {
  try {
    await run(program, ["--version"], { timeout: 10_000 });
  } catch (error) {
    const own = vscode.workspace.getConfiguration("hotsplice").get<string>("server.path", "") === "";
    throw new ServerMissing(missingMessage(program, own, `${process.platform} ${process.arch}`, error as NodeJS.ErrnoException));
  }
}

/** The variables by which a Python that is started with them registers (`hotsplice env`). */
export async function registeringEnvironment(context: vscode.ExtensionContext): Promise<Record<string, string>> {
  const env = { ...process.env };
  // What the user's own shell has comes in where the program is started.
  delete env["PYTHONPATH"];
  const { stdout } = await run(serverProgram(context), ["env", "--json"], { env });
  return JSON.parse(stdout) as Record<string, string>;
}

/** Has the kernels that Jupyter and VS Code start from now on register, or not (`hotsplice jupyter`); answers what was said of it. */
export async function setInNotebooks(context: vscode.ExtensionContext, wanted: boolean): Promise<string> {
  try {
    const { stdout } = await run(serverProgram(context), ["jupyter", wanted ? "install" : "remove"]);
    return stdout.trim();
  } catch (error) {
    throw saidBy(error);
  }
}

/** What the program said when it failed. */
function saidBy(error: unknown): Error {
  const said = (error as { stderr?: string }).stderr?.trim().replace(/^hotsplice: /, "");
  return new Error(said || String(error));
}

/** Python processes that run already and can't be patched yet. */
export async function pythonProcesses(context: vscode.ExtensionContext): Promise<Process[]> {
  const { stdout } = await run(serverProgram(context), ["attach", "--list", "--json"]);
  return JSON.parse(stdout) as Process[];
}

/** Makes such a process a session; throws what the program says of it if that can't be done. */
export async function attachTo(context: vscode.ExtensionContext, pid: number): Promise<void> {
  try {
    await run(serverProgram(context), ["attach", String(pid), "--json"]);
  } catch (error) {
    throw saidBy(error);
  }
}

/** What a debugger evaluates in a process to make it a session. */
export async function attachExpression(context: vscode.ExtensionContext): Promise<string> {
  const { stdout } = await run(serverProgram(context), ["attach", "--expression"]);
  return stdout.trim();
}
