/** The client that talks to the language server. Loaded when it is needed, not with the extension: it is most of its code. */

import * as vscode from "vscode";
import {
  type CloseAction as CloseActionType,
  CloseAction,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type MessageSignature,
  ResponseError,
  type ServerOptions,
} from "vscode-languageclient/node";

import { LineEnds } from "./line_ends";

export { State } from "vscode-languageclient/node";

/** After so many crashes in a row a person has to look. */
const MOST_RESTARTS = 4;

/** What our client can do beyond the protocol, as docs/lsp.md names it: it has views of its own for notifications. */
const EXPERIMENTAL = { hotspliceNotifications: true, hotspliceWaysIn: true };

/** Whether the server has shown a failure by itself: what has one of its codes. */
function isShown(error: unknown): boolean {
  return error instanceof ResponseError && (error.data as { code?: string } | undefined)?.code !== undefined;
}

class Client extends LanguageClient {
  /** Without a second notification, which would only say that a request failed. */
  override handleFailedRequest<T>(
    type: MessageSignature,
    token: vscode.CancellationToken | undefined,
    error: unknown,
    defaultValue: T,
    showNotification = true,
  ): T {
    return super.handleFailedRequest(type, token, error, defaultValue, showNotification && !isShown(error));
  }
}

export function createClient(program: string, log: vscode.OutputChannel): LanguageClient {
  const server: ServerOptions = { command: program, args: ["lsp"] };
  const lineEnds = new LineEnds();
  let crashes = 0;
  let lastCrash = 0;
  const options: LanguageClientOptions = {
    documentSelector: [
      { scheme: "file", language: "python" },
      // Cells of notebooks, saved or not.
      { scheme: "vscode-notebook-cell", language: "python" },
    ],
    outputChannel: log,
    initializationOptions: vscode.workspace.getConfiguration("hotsplice"),
    synchronize: { configurationSection: "hotsplice" },
    middleware: {
      provideCodeLenses: async (document, token, next) => lineEnds.place(document, (await next(document, token)) ?? []),
      executeCommand: async (command, parameters, next) => {
        try {
          return (await next(command, parameters)) as unknown;
        } catch (error) {
          if (isShown(error)) return undefined;
          throw error;
        }
      },
      window: {
        showDocument: async (params, next) => {
          // Explanations are to be read, not edited.
          if (params.uri.endsWith(".md")) {
            await vscode.commands.executeCommand("markdown.showPreviewToSide", vscode.Uri.parse(params.uri));
            return { success: true };
          }
          return (await next(params, new vscode.CancellationTokenSource().token)) as { success: boolean };
        },
      },
    },
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
  const client = new Client("hotsplice", "Hotsplice", server, options);
  client.registerFeature({
    fillClientCapabilities: (capabilities) => {
      capabilities.experimental = { ...(capabilities.experimental as object | undefined), ...EXPERIMENTAL };
    },
    initialize: () => undefined,
    getState: () => ({ kind: "static" }),
    clear: () => lineEnds.clear(),
  });
  return client;
}
