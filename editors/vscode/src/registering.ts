/** Programs that VS Code starts register by themselves: in debug sessions, and, if wanted, in terminals. */

import * as path from "node:path";
import * as vscode from "vscode";

import { registeringEnvironment } from "./server";
import { joinPaths } from "./status";

function wanted(setting: string): boolean {
  return vscode.workspace.isTrusted && vscode.workspace.getConfiguration("hotsplice").get<boolean>(setting, false);
}

/** Adds the environment to what debugpy launches; its subprocesses inherit it. */
class DebugEnvironment implements vscode.DebugConfigurationProvider {
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.OutputChannel,
  ) {}

  async resolveDebugConfigurationWithSubstitutedVariables(
    _folder: vscode.WorkspaceFolder | undefined,
    configuration: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration> {
    if (configuration.request !== "launch" || !wanted("debug.register")) return configuration;
    try {
      const { PYTHONPATH, ...others } = await registeringEnvironment(this.context);
      const given = (configuration["env"] ?? {}) as Record<string, string>;
      const known = given["PYTHONPATH"] ?? process.env["PYTHONPATH"];
      configuration["env"] = { ...given, ...others, PYTHONPATH: joinPaths(PYTHONPATH ?? "", known, path.delimiter) };
    } catch (error) {
      // The program is debugged as it would be without us.
      this.log.appendLine(`The debug session can't be patched: ${String(error)}`);
    }
    return configuration;
  }
}

async function setTerminalEnvironment(context: vscode.ExtensionContext, log: vscode.OutputChannel): Promise<void> {
  const collection = context.environmentVariableCollection;
  collection.clear();
  if (!wanted("terminal.register")) return;
  collection.persistent = false;
  collection.description = "Every Python that is started here can be patched by Hotsplice";
  try {
    for (const [name, value] of Object.entries(await registeringEnvironment(context))) {
      if (name === "PYTHONPATH") collection.prepend(name, value + path.delimiter);
      else collection.replace(name, value);
    }
  } catch (error) {
    log.appendLine(`Programs in terminals can't be patched: ${String(error)}`);
  }
}

export function registerPrograms(context: vscode.ExtensionContext, log: vscode.OutputChannel): void {
  const provider = new DebugEnvironment(context, log);
  const update = () => void setTerminalEnvironment(context, log);
  context.subscriptions.push(
    ...["debugpy", "python"].map((type) => vscode.debug.registerDebugConfigurationProvider(type, provider)),
    vscode.workspace.onDidGrantWorkspaceTrust(update),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("hotsplice.terminal")) update();
    }),
  );
  update();
}
