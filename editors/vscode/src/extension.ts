/** What VS Code shows of Hotsplice; all that is known of Python is the server's. */

import * as vscode from "vscode";
import { type LanguageClient, State } from "vscode-languageclient/node";

import { Flash } from "./flash";
import { registerPrograms } from "./registering";
import { createClient, ServerMissing } from "./server";
import { type Item, SessionsView } from "./sessions_view";
import { nothing, type Patched, patchedMessage, type Status, statusBarHint, statusBarText } from "./status";

let client: LanguageClient | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Hotsplice");
  const bar = vscode.window.createStatusBarItem("hotsplice.status", vscode.StatusBarAlignment.Left, 0);
  bar.name = "Hotsplice";
  bar.command = "hotsplice.menu";
  const view = new SessionsView();
  const flash = new Flash();
  context.subscriptions.push(log, bar, flash, vscode.window.registerTreeDataProvider("hotsplice.sessions", view));

  const show = (status: Status) => {
    bar.text = statusBarText(status);
    bar.tooltip = statusBarHint(status);
    bar.show();
    view.show(status);
    void vscode.commands.executeCommand("setContext", "hotsplice.hasSessions", status.sessions.length > 0);
  };
  show(nothing);

  const start = async () => {
    try {
      client = createClient(context, log);
    } catch (error) {
      if (!(error instanceof ServerMissing)) throw error;
      bar.text = "$(zap) $(error)";
      bar.tooltip = error.message;
      const settings = "Open Settings";
      // Not waited for: a message must not hold up activation.
      void vscode.window.showErrorMessage(error.message, settings).then((choice) => {
        if (choice === settings) void vscode.commands.executeCommand("workbench.action.openSettings", "hotsplice.server.path");
      });
      return;
    }
    client.onNotification("hotsplice/status", show);
    client.onNotification("hotsplice/patched", (patched: Patched) => {
      flash.show(patched);
      vscode.window.setStatusBarMessage(patchedMessage(patched), 4000);
    });
    client.onDidChangeState((event) => {
      if (event.newState !== State.Running) show(nothing);
    });
    await client.start();
  };

  const command = (name: string, run: (item?: Item) => unknown) =>
    context.subscriptions.push(vscode.commands.registerCommand(name, run));
  const ask = async (name: string, ...parameters: object[]) => {
    if (client?.state === State.Running) return vscode.commands.executeCommand(name, ...parameters);
    const [restart, show] = ["Start It Again", "Show Log"];
    const choice = await vscode.window.showErrorMessage("The Hotsplice server does not run.", restart, show);
    if (choice === restart) await vscode.commands.executeCommand("hotsplice.restart");
    if (choice === show) log.show();
  };
  const here = () => vscode.window.activeTextEditor;

  command("hotsplice.patchFunctionHere", () => {
    const editor = here();
    if (editor === undefined) return;
    const position = { line: editor.selection.active.line, character: editor.selection.active.character };
    return ask("hotsplice.patchFunction", { uri: editor.document.uri.toString(), position });
  });
  command("hotsplice.patchThisFile", () => {
    const uri = here()?.document.uri.toString();
    return uri === undefined ? undefined : ask("hotsplice.patchFile", { uri });
  });
  command("hotsplice.undoThisFile", () => {
    const uri = here()?.document.uri.toString();
    return uri === undefined ? undefined : ask("hotsplice.undo", { uri });
  });
  command("hotsplice.undoAll", () => ask("hotsplice.undo", {}));
  command("hotsplice.undoItem", (item) => {
    if (item === undefined || item.kind === "session") return;
    return ask("hotsplice.undo", { uri: item.file.uri, ...(item.kind === "function" ? { name: item.patched.name } : {}) });
  });
  command("hotsplice.showSessions", () => vscode.commands.executeCommand("hotsplice.sessions.focus"));
  command("hotsplice.showLog", () => log.show());
  command("hotsplice.choosePatchOnSave", choosePatchOnSave);
  command("hotsplice.restart", async () => {
    await client?.dispose();
    await start();
  });
  command("hotsplice.menu", menu);

  registerPrograms(context, log);
  // Not waited for, and after activation: nothing above needs the server.
  setImmediate(() => void start().catch((error) => log.appendLine(`The server does not start: ${String(error)}`)));
}

export async function deactivate(): Promise<void> {
  await client?.dispose();
}

async function menu(): Promise<void> {
  const entries: (vscode.QuickPickItem & { command: string })[] = [
    { label: "$(zap) Hot-patch this file", command: "hotsplice.patchThisFile" },
    { label: "$(save) Patch on save…", command: "hotsplice.choosePatchOnSave" },
    { label: "$(server-process) Processes", command: "hotsplice.showSessions" },
    { label: "$(discard) Undo the latest hot-patch of every process", command: "hotsplice.undoAll" },
    { label: "$(output) Log", command: "hotsplice.showLog" },
  ];
  const choice = await vscode.window.showQuickPick(entries, { title: "Hotsplice" });
  if (choice !== undefined) await vscode.commands.executeCommand(choice.command);
}

/** The five values and their meaning are those of package.json. */
async function choosePatchOnSave(): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("hotsplice");
  const current = configuration.get<string>("patchOnSave");
  const entries = [
    { label: "never", description: "saving does not change any process" },
    { label: "manual", description: "when you save, not when VS Code saves by itself" },
    { label: "manualIfDirty", description: "as manual, and only if the file had been edited" },
    { label: "all", description: "whenever a file is saved" },
    { label: "allIfDirty", description: "as all, and only if the file had been edited" },
  ].map((entry) => ({ ...entry, ...(entry.label === current ? { detail: "chosen now" } : {}) }));
  const choice = await vscode.window.showQuickPick(entries, { title: "Patch processes on save" });
  if (choice !== undefined) {
    const target = vscode.workspace.workspaceFolders ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
    await configuration.update("patchOnSave", choice.label, target);
  }
}
