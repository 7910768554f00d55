/** Ways to a process that can be patched, offered where there is none. */

import * as path from "node:path";
import * as vscode from "vscode";

import { attachTo, pythonProcesses, serverProgram, setInNotebooks } from "./program";
import { groups } from "./status";
import { runLine } from "./terminals";

interface Way {
  title: string;
  /** What a button has room for. */
  button: string;
  icon: string;
  command: string;
}

const HOW: Way = { title: "How a program can be patched", button: "How", icon: "question", command: "hotsplice.how" };

/** In the order in which most people will want them. */
export function ways(): Way[] {
  const terminals = inTerminals()
    ? { title: "Disable in terminals", button: "Disable in terminals", icon: "terminal", command: "hotsplice.disableTerminals" }
    : { title: "Enable in terminals", button: "Enable in terminals", icon: "terminal", command: "hotsplice.enableTerminals" };
  const inNotebook = vscode.window.activeNotebookEditor !== undefined;
  return [
    ...(inNotebook ? [{ title: "Enable in notebooks", button: "Enable in notebooks", icon: "notebook", command: "hotsplice.enableNotebooks" }] : []),
    terminals,
    { title: "Run this file so that it can be patched", button: "Run this file", icon: "play", command: "hotsplice.runThisFile" },
    { title: "Attach to a process…", button: "Attach…", icon: "plug", command: "hotsplice.attach" },
    HOW,
  ];
}

/** What was asked for needs a process: one message, with all that can be done about it. */
export async function offerWays(message: string): Promise<void> {
  const offered = ways().filter((way) => way.command !== "hotsplice.disableTerminals");
  const chosen = await vscode.window.showWarningMessage(message, ...offered.map((way) => way.button));
  const way = offered.find((way) => way.button === chosen);
  if (way !== undefined) await vscode.commands.executeCommand(way.command);
}

/** `update` sets the environment of terminals as the settings are, and says when it is set. */
export function registerWays(context: vscode.ExtensionContext, update: () => Promise<void>): void {
  const command = (name: string, run: () => unknown) => context.subscriptions.push(vscode.commands.registerCommand(name, run));
  command("hotsplice.enableTerminals", () => setInTerminals(true, update));
  command("hotsplice.disableTerminals", () => setInTerminals(false, update));
  command("hotsplice.enableNotebooks", () => changeNotebooks(context, true));
  command("hotsplice.disableNotebooks", () => changeNotebooks(context, false));
  // The package that kernels load is in this extension, whose folder changes with its version.
  if (context.globalState.get(IN_NOTEBOOKS) === true) void setInNotebooks(context, true).catch(() => undefined);
  command("hotsplice.runThisFile", () => runThisFile(context));
  command("hotsplice.attach", () => attach(context));
  command("hotsplice.how", () => vscode.commands.executeCommand("workbench.action.openWalkthrough", "hotsplice.hotsplice#start"));
}

function inTerminals(): boolean {
  return vscode.workspace.getConfiguration("hotsplice").get<boolean>("terminal.register", false);
}

/** That kernels register was wished here. */
const IN_NOTEBOOKS = "notebooks";

async function changeNotebooks(context: vscode.ExtensionContext, wanted: boolean): Promise<void> {
  if (wanted && !(await isTrusted())) return;
  try {
    await setInNotebooks(context, wanted);
    await context.globalState.update(IN_NOTEBOOKS, wanted ? true : undefined);
  } catch (error) {
    await vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
    return;
  }
  await vscode.window.showInformationMessage(
    wanted
      ? "Kernels that start from now on can be patched: restart one that runs. In a cell, %hotsplice on has saved files and cells go live by themselves."
      : "Kernels that start from now on are left alone again.",
  );
}

async function isTrusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const manage = "Manage Workspace Trust";
  const choice = await vscode.window.showWarningMessage("Nothing is put into programs of a folder that is not trusted.", manage);
  if (choice === manage) await vscode.commands.executeCommand("workbench.trust.manage");
  return false;
}

async function setInTerminals(wanted: boolean, update: () => Promise<void>): Promise<void> {
  if (!(await isTrusted())) return;
  const configuration = vscode.workspace.getConfiguration("hotsplice");
  const target = vscode.workspace.workspaceFolders ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  // Nothing of ours is left in the folder's settings where the default says the same.
  await configuration.update("terminal.register", wanted ? true : undefined, target);
  if (inTerminals() !== wanted) await configuration.update("terminal.register", wanted, target);
  await update();
  if (!wanted) {
    await vscode.window.showInformationMessage("Programs in new terminals are left alone again.");
    return;
  }
  const [open, undo] = ["New Terminal", "Undo"];
  const choice = await vscode.window.showInformationMessage(
    "Every Python that is started in a new terminal can be patched. Programs that run already, and terminals that are open, stay as they are.",
    open,
    undo,
  );
  if (choice === open) await vscode.commands.executeCommand("workbench.action.terminal.new");
  if (choice === undo) await setInTerminals(false, update);
}

/** The Python that is chosen for a file, where Microsoft's extension is there to ask. */
async function chosenPython(file: vscode.Uri): Promise<string | undefined> {
  interface Environments {
    getActiveEnvironmentPath(resource: vscode.Uri): unknown;
    resolveEnvironment(path: unknown): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
  }
  const extension = vscode.extensions.getExtension<{ environments?: Environments }>("ms-python.python");
  if (extension?.isActive !== true) return undefined;
  try {
    const environments = extension.exports.environments;
    const resolved = await environments?.resolveEnvironment(environments.getActiveEnvironmentPath(file));
    return resolved?.executable.uri?.fsPath;
  } catch {
    // Of another age than we know.
    return undefined;
  }
}

async function runThisFile(context: vscode.ExtensionContext): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document?.languageId !== "python" || document.uri.scheme !== "file") {
    await vscode.window.showWarningMessage("Open the Python file that is to run, and save it.");
    return;
  }
  if (!(await isTrusted()) || (document.isDirty && !(await document.save()))) return;
  const folder = vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath ?? path.dirname(document.uri.fsPath);
  const program = serverProgram(context);
  // It is on the path of terminals by this name, which people can type themselves the next time.
  const name = path.basename(program) === "hotsplice" ? "hotsplice" : program;
  const terminal = vscode.window.createTerminal({
    name: path.basename(document.uri.fsPath),
    cwd: folder,
    iconPath: new vscode.ThemeIcon("zap"),
  });
  terminal.show();
  terminal.sendText(runLine(name, await chosenPython(document.uri), path.relative(folder, document.uri.fsPath)));
}

async function attach(context: vscode.ExtensionContext): Promise<void> {
  const chosen = await vscode.window.showQuickPick(choices(context), {
    title: "Attach to a process",
    placeHolder: "A Python process that runs already: its command, its number, or its folder",
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (chosen?.pid === undefined) return;
  const { pid, label } = chosen;
  try {
    const progress = { location: vscode.ProgressLocation.Window, title: `Attaching to ${label}` };
    await vscode.window.withProgress(progress, () => attachTo(context, pid));
    await vscode.window.showInformationMessage(`${label} (pid ${pid}) can be patched.`);
  } catch (error) {
    const choice = await vscode.window.showErrorMessage(String(error instanceof Error ? error.message : error), HOW.button);
    if (choice === HOW.button) await vscode.commands.executeCommand(HOW.command);
  }
}

async function choices(context: vscode.ExtensionContext): Promise<(vscode.QuickPickItem & { pid?: number })[]> {
  const folders = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  const found = groups(await pythonProcesses(context), folders);
  if (found.length === 0) return [{ label: "No Python process of yours runs that can't be patched already" }];
  return found.flatMap(({ name, processes }) => [
    { label: name, kind: vscode.QuickPickItemKind.Separator },
    ...processes.map(({ pid, label, cwd, obstacle }) => ({
      pid,
      label,
      description: `pid ${pid}`,
      detail: obstacle === null ? cwd : `$(warning) ${cwd}: ${obstacle}`,
    })),
  ]);
}
