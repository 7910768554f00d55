/** What VS Code shows of Hotsplice; all that is known of Python is the server's. */

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { Flash } from "./flash";
import { HeldCalls } from "./held";
import { checkProgram, ServerMissing, serverProgram } from "./program";
import { registerPrograms } from "./registering";
import { type Item, SessionsView } from "./sessions_view";
import { StaleMarks } from "./stale_marks";
import { failed, type Hold, nothing, type Patched, starting, type Status, statusBarHint, statusBarText } from "./status";
import { stoppedFrame } from "./stopped_frame";
import { offerWays, registerWays, ways } from "./ways";

const NOT_RUNNING = "The Hotsplice server does not run.";

let client: LanguageClient | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Hotsplice");
  const bar = vscode.window.createStatusBarItem("hotsplice.status", vscode.StatusBarAlignment.Left, 0);
  bar.name = "Hotsplice";
  bar.command = "hotsplice.menu";
  const provider = new SessionsView();
  const view = vscode.window.createTreeView("hotsplice.sessions", { treeDataProvider: provider });
  const flash = new Flash();
  // Without a server nothing is said: a debugger is not to wait for one.
  const stale = new StaleMarks(async (frames, thread) => {
    if (frames.length === 0 || !client?.isRunning()) return [];
    const asked = vscode.commands.executeCommand<(string | null)[] | undefined>("hotsplice.oldFrames", { frames, thread });
    return (await asked.then(undefined, () => undefined)) ?? [];
  });
  context.subscriptions.push(log, bar, flash, view, stale);

  const held = new HeldCalls((name, ...parameters) => ask(name, ...parameters), () => serverProgram(context));
  let hasProcess = false;
  const show = (status: Status) => {
    hasProcess = status.sessions.length > 0;
    held.update(status.holds);
    bar.text = statusBarText(status);
    bar.tooltip = statusBarHint(status);
    bar.show();
    provider.show(status);
    void vscode.commands.executeCommand("setContext", "hotsplice.hasSessions", status.sessions.length > 0);
    view.message = status.trouble === null ? "" : `No ${hasProcess ? "further " : ""}Python process can be found: ${status.trouble}`;
  };
  const showWithout = ({ text, hint }: { text: string; hint: string }) => {
    show(nothing);
    bar.text = text;
    bar.tooltip = hint;
    void vscode.commands.executeCommand("setContext", "hotsplice.stopped", text !== starting.text);
  };
  showWithout(starting);
  // The view would wake the extension in every folder otherwise, Python or not.
  void vscode.commands.executeCommand("setContext", "hotsplice.active", true);

  const startServer = async () => {
    const program = serverProgram(context);
    showWithout(starting);
    const [{ createClient, State }] = await Promise.all([import("./client.js"), checkProgram(program)]);
    const created = createClient(program, log);
    client = created;
    created.onNotification("hotsplice/status", (status: Status) => {
      void vscode.commands.executeCommand("setContext", "hotsplice.stopped", false);
      show(status);
      stale.look();
    });
    created.onNotification("hotsplice/patched", (patched: Patched) => {
      flash.show(patched);
      stale.look();
      vscode.window.setStatusBarMessage(`$(zap) ${patched.message}`, 4000);
    });
    created.onNotification("hotsplice/noProcess", ({ message }: { message: string }) => void offerWays(message));
    created.onNotification("hotsplice/hold", (hold: Hold) => void held.tell(hold));
    created.onDidChangeState(() => {
      if (!created.isRunning()) showWithout(created.state === State.Starting ? starting : failed(NOT_RUNNING));
    });
    await created.start();
  };
  const sayThatItDoesNotStart = async (error: unknown) => {
    const message = error instanceof ServerMissing ? error.message : `The Hotsplice server does not start: ${String(error)}`;
    log.appendLine(message);
    showWithout(failed(message));
    const [settings, showLog] = ["Open Settings", "Show Log"];
    const choice = await vscode.window.showErrorMessage(message, settings, showLog);
    if (choice === settings) await vscode.commands.executeCommand("workbench.action.openSettings", "hotsplice.server.path");
    if (choice === showLog) log.show();
  };
  // After activation, which needs none of it; one after the other, however often it is asked for; a message that waits for
  // the user holds nothing up.
  let started = new Promise<void>((resolve) => setImmediate(resolve));
  const restart = () => {
    started = started.then(stop).then(startServer).catch((error) => void sayThatItDoesNotStart(error));
    return started;
  };

  const command = (name: string, run: (item?: Item) => unknown) =>
    context.subscriptions.push(vscode.commands.registerCommand(name, run));
  const ask = async (name: string, ...parameters: object[]) => {
    await started;
    if (client?.isRunning()) return vscode.commands.executeCommand(name, ...parameters);
    const [restart, show] = ["Start It Again", "Show Log"];
    const choice = await vscode.window.showErrorMessage(NOT_RUNNING, restart, show);
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
  command("hotsplice.patchAllEdited", () => ask("hotsplice.patchEdited", {}));
  command("hotsplice.undoThisFile", () => {
    const uri = here()?.document.uri.toString();
    return uri === undefined ? undefined : ask("hotsplice.undo", { uri });
  });
  command("hotsplice.undoAll", () => ask("hotsplice.undo", {}));
  command("hotsplice.undoItem", (item) => {
    if (item === undefined || item.kind === "session") return;
    return ask("hotsplice.undo", { uri: item.file.uri, ...(item.kind === "function" ? { name: item.patched.name } : {}) });
  });
  context.subscriptions.push(
    vscode.commands.registerCommand("hotsplice.restartStoppedFrame", (...given: unknown[]) =>
      ask("hotsplice.restartFrame", stoppedFrame(given)),
    ),
  );
  command("hotsplice.guardFunctionHere", () => {
    const editor = here();
    if (editor === undefined) return;
    return ask("hotsplice.guard", { uri: editor.document.uri.toString(), position: { line: editor.selection.active.line, character: 0 } });
  });
  command("hotsplice.showHolds", () => held.choose());
  // Code actions and lenses of the server's ask for it.
  context.subscriptions.push(
    vscode.commands.registerCommand("hotsplice.returnValue", (hold: Hold) => held.returnValue(hold)),
    vscode.commands.registerCommand("hotsplice.debugHere", (hold: Hold) => held.debug(hold)),
  );
  command("hotsplice.showSessions", () => vscode.commands.executeCommand("hotsplice.sessions.focus"));
  command("hotsplice.showLog", () => log.show());
  command("hotsplice.choosePatchOnSave", choosePatchOnSave);
  command("hotsplice.restart", restart);
  command("hotsplice.menu", () => menu(hasProcess));

  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("hotsplice.server.path")) void restart();
    }),
  );
  registerWays(context, registerPrograms(context, log));
  void restart();
}

export async function deactivate(): Promise<void> {
  await stop();
}

async function stop(): Promise<void> {
  // One that failed to start says so when it is stopped.
  await client?.dispose().catch(() => undefined);
  client = undefined;
}

async function menu(hasProcess: boolean): Promise<void> {
  const toAProcess = ways().map(({ title, icon, command }) => ({ label: `$(${icon}) ${title}`, command }));
  const withOne = [
    { label: "$(zap) Hot-patch this file", command: "hotsplice.patchThisFile" },
    { label: "$(zap) Hot-patch all edited files", command: "hotsplice.patchAllEdited" },
    { label: "$(save) Patch on save…", command: "hotsplice.choosePatchOnSave" },
    { label: "$(debug-pause) Calls that are held…", command: "hotsplice.showHolds" },
    { label: "$(server-process) Processes", command: "hotsplice.showSessions" },
    { label: "$(discard) Undo the latest hot-patch of every process", command: "hotsplice.undoAll" },
    { label: "$(output) Log", command: "hotsplice.showLog" },
  ];
  const entries = hasProcess ? [...withOne, ...toAProcess] : [...toAProcess, ...withOne];
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
