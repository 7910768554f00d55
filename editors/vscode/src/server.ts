/** The language server: where its program is, and the client that talks to it. */

import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import {
  type CloseAction as CloseActionType,
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type ServerOptions,
} from "vscode-languageclient/node";

export class ServerMissing extends Error {}

/** After so many crashes in a row a person has to look. */
const MOST_RESTARTS = 4;

/** The program to run; throws {@link ServerMissing} with what to do. */
export function serverProgram(context: vscode.ExtensionContext): string {
  const chosen = vscode.workspace.getConfiguration("hotsplice").get<string>("server.path", "");
  const program = chosen === "" ? context.asAbsolutePath(path.join("server", "bin", "hotsplice")) : chosen;
  try {
    fs.accessSync(program, fs.constants.X_OK);
  } catch {
    throw new ServerMissing(
      chosen === ""
        ? `This build of the extension has no server for ${process.platform} ${process.arch}. ` +
          "Install Hotsplice with pip and set hotsplice.server.path to its program."
        : `hotsplice.server.path is ${chosen}, which is no program that can be run.`,
    );
  }
  return program;
}

/** The variables by which a Python that is started with them registers (`hotsplice env`). */
export async function registeringEnvironment(context: vscode.ExtensionContext): Promise<Record<string, string>> {
  const env = { ...process.env };
  // What the user's own shell has comes in where the program is started.
  delete env["PYTHONPATH"];
  const { stdout } = await promisify(execFile)(serverProgram(context), ["env", "--json"], { env });
  return JSON.parse(stdout) as Record<string, string>;
}

export function createClient(context: vscode.ExtensionContext, log: vscode.OutputChannel): LanguageClient {
  const server: ServerOptions = { command: serverProgram(context), args: ["lsp"] };
  let crashes = 0;
  let lastCrash = 0;
  const options: LanguageClientOptions = {
    documentSelector: [{ scheme: "file", language: "python" }],
    outputChannel: log,
    initializationOptions: vscode.workspace.getConfiguration("hotsplice"),
    synchronize: { configurationSection: "hotsplice" },
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue }),
      closed: (): { action: CloseActionType; message?: string; handled?: boolean } => {
        crashes = Date.now() - lastCrash < 60_000 ? crashes + 1 : 1;
        lastCrash = Date.now();
        // What is live is known to the processes: a new server asks them.
        return crashes <= MOST_RESTARTS
          ? { action: CloseAction.Restart, handled: true }
          : { action: CloseAction.DoNotRestart, message: "The Hotsplice server stops again and again; see its log." };
      },
    },
  };
  return new LanguageClient("hotsplice", "Hotsplice", server, options);
}
