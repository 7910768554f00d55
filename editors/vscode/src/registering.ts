/** Programs that VS Code starts register by themselves: in debug sessions, and, if wanted, in terminals. */

import * as path from "node:path";
import * as vscode from "vscode";

import { attachExpression, registeringEnvironment, serverProgram } from "./program";
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

/** Has debugpy evaluate one expression in a process that we did not launch: one that it was attached to, or a child of it. */
class AttachedProcesses implements vscode.DebugAdapterTrackerFactory {
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.OutputChannel,
  ) {}

  createDebugAdapterTracker(session: vscode.DebugSession): vscode.DebugAdapterTracker | undefined {
    if (session.configuration.request !== "attach" || !wanted("debug.register")) return undefined;
    return {
      onDidSendMessage: (message: { type: string; command?: string; success?: boolean }) => {
        // From then on the program runs, and takes expressions.
        if (message.type === "response" && message.command === "configurationDone" && message.success) void this.attach(session);
      },
    };
  }

  private async attach(session: vscode.DebugSession): Promise<void> {
    try {
      const expression = await attachExpression(this.context);
      await session.customRequest("evaluate", { expression, context: "repl" });
    } catch (error) {
      // In a container or on another machine, say, where our files are not.
      this.log.appendLine(`${session.name} can't be patched: ${String(error)}`);
    }
  }
}

async function setTerminalEnvironment(context: vscode.ExtensionContext, log: vscode.OutputChannel): Promise<void> {
  const collection = context.environmentVariableCollection;
  collection.clear();
  if (!vscode.workspace.isTrusted) return;
  collection.persistent = false;
  collection.description = "The command hotsplice is here";
  // Last: a hotsplice of the user's own comes first.
  const program = path.delimiter + path.dirname(serverProgram(context));
  collection.append("PATH", program, { applyAtProcessCreation: true, applyAtShellIntegration: true });
  if (!wanted("terminal.register")) return;
  collection.description = "Every Python that is started here can be patched by Hotsplice";
  const own = vscode.workspace.getConfiguration("terminal.integrated.env").get<Record<string, string | null>>("linux", {});
  const known = "PYTHONPATH" in own ? own["PYTHONPATH"] : process.env["PYTHONPATH"];
  try {
    for (const [name, value] of Object.entries(await registeringEnvironment(context))) {
      // A separator with nothing behind it would be the current folder.
      if (name === "PYTHONPATH" && known) collection.prepend(name, value + path.delimiter);
      else collection.replace(name, value);
    }
  } catch (error) {
    log.appendLine(`Programs in terminals can't be patched: ${String(error)}`);
  }
}

export function registerPrograms(context: vscode.ExtensionContext, log: vscode.OutputChannel): void {
  const launched = new DebugEnvironment(context, log);
  const attached = new AttachedProcesses(context, log);
  const update = () => void setTerminalEnvironment(context, log);
  context.subscriptions.push(
    ...["debugpy", "python"].flatMap((type) => [
      vscode.debug.registerDebugConfigurationProvider(type, launched),
      vscode.debug.registerDebugAdapterTrackerFactory(type, attached),
    ]),
    vscode.workspace.onDidGrantWorkspaceTrust(update),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (["hotsplice.terminal", "hotsplice.server.path"].some((name) => event.affectsConfiguration(name))) update();
    }),
  );
  update();
}
