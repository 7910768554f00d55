/** Programs that VS Code starts register by themselves: in debug sessions, and, if wanted, in terminals. */

import * as path from "node:path";
import * as vscode from "vscode";

import { attachExpression, registeringEnvironment, serverProgram } from "./program";
import { RestartFrame } from "./restart_frame";
import { joinPaths } from "./status";
import { isSetInTerminals, type TerminalSettings } from "./terminals";

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
  let variables: Record<string, string> = {};
  try {
    if (wanted("terminal.register")) variables = await registeringEnvironment(context);
  } catch (error) {
    log.appendLine(`Programs in terminals can't be patched: ${String(error)}`);
  }
  collection.clear();
  if (!vscode.workspace.isTrusted) return;
  collection.persistent = false;
  collection.description = "The command hotsplice is here";
  // Last: a hotsplice of the user's own comes first.
  const program = path.delimiter + path.dirname(serverProgram(context));
  collection.append("PATH", program, { applyAtProcessCreation: true, applyAtShellIntegration: true });
  if (Object.keys(variables).length === 0) return;
  collection.description = "Every Python that is started here can be patched by Hotsplice";
  const settings = vscode.workspace.getConfiguration("terminal.integrated");
  const known: TerminalSettings = {
    inheritEnv: settings.get("inheritEnv", true),
    env: settings.get("env.linux", {}),
    profiles: settings.get("profiles.linux", {}),
  };
  for (const [name, value] of Object.entries(variables)) {
    if (name === "PYTHONPATH" && isSetInTerminals(name, known, process.env)) collection.prepend(name, value + path.delimiter);
    else collection.replace(name, value);
  }
}

/** Gives what sets the environment of terminals anew, and says when it is set. */
export function registerPrograms(context: vscode.ExtensionContext, log: vscode.OutputChannel): () => Promise<void> {
  const launched = new DebugEnvironment(context, log);
  const attached = new AttachedProcesses(context, log);
  const restarting: vscode.DebugAdapterTrackerFactory = {
    createDebugAdapterTracker: (session) =>
      new RestartFrame((command, threadId) => void session.customRequest(command, { threadId }).then(undefined, () => undefined)),
  };
  // One after the other: the latest settings are what stays.
  let updated = Promise.resolve();
  const update = () => (updated = updated.then(() => setTerminalEnvironment(context, log)));
  context.subscriptions.push(
    ...["debugpy", "python"].flatMap((type) => [
      vscode.debug.registerDebugConfigurationProvider(type, launched),
      vscode.debug.registerDebugAdapterTrackerFactory(type, attached),
      vscode.debug.registerDebugAdapterTrackerFactory(type, restarting),
    ]),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void update()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      const about = ["hotsplice.terminal", "hotsplice.server.path", "terminal.integrated"];
      if (about.some((name) => event.affectsConfiguration(name))) void update();
    }),
  );
  void update();
  return update;
}
