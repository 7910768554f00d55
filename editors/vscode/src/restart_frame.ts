/**
 * VS Code's own *Restart Frame*, which debugpy does not offer: the agent in the program carries it out.
 *
 * What is sent to the adapter and what comes from it passes through here before it is read on the other side, so that the request becomes
 * one that debugpy knows: an expression that it evaluates in the frame. Where that fails, VS Code shows why.
 */

import type * as vscode from "vscode";

interface Message {
  type: string;
  seq?: number;
  request_seq?: number;
  command?: string;
  success?: boolean;
  message?: string;
  arguments?: Record<string, unknown>;
  body?: Record<string, unknown>;
}

export interface Frame {
  id: number;
  name: string;
  line: number;
  source?: { path?: string };
}

/** What debugpy evaluates: a dictionary of which `at_once` is read. */
export function restartExpression({ name, line, source }: Frame): string {
  const path = source?.path === undefined ? "None" : JSON.stringify(source.path);
  return `__import__("hotsplice._api", fromlist=["_"]).restart_frame(${JSON.stringify(name)}, ${path}, ${line})["at_once"]`;
}

/** What is said of a frame that is not restarted, out of the traceback that debugpy gives. */
function reason(traceback: string): string {
  if (traceback.includes("No module named 'hotsplice")) {
    return "Hotsplice is not in this program: debug it with the setting hotsplice.debug.register, or run it with hotsplice run.";
  }
  return /HS\d{4}: .*/.exec(traceback)?.[0] ?? traceback;
}

/** One session's frames, and the requests that were made another. */
export class RestartFrame implements vscode.DebugAdapterTracker {
  private readonly threads = new Map<number, number>();
  private readonly frames = new Map<number, Frame & { thread: number }>();
  private readonly restarted = new Map<number, number>();
  private isOurs = false;

  constructor(private readonly goOn: (command: "next" | "stepOut", thread: number) => void) {}

  onWillReceiveMessage(message: Message): void {
    if (message.type !== "request" || message.seq === undefined) return;
    if (message.command === "stackTrace") this.threads.set(message.seq, Number(message.arguments?.["threadId"]));
    if (message.command !== "restartFrame" || !this.isOurs) return;
    const frame = this.frames.get(Number(message.arguments?.["frameId"]));
    if (frame === undefined) return;
    this.restarted.set(message.seq, frame.thread);
    message.command = "evaluate";
    message.arguments = { expression: restartExpression(frame), frameId: frame.id, context: "repl" };
  }

  onDidSendMessage(message: Message): void {
    if (message.type !== "response" || message.request_seq === undefined) return;
    if (message.command === "initialize" && message.success && !message.body?.["supportsRestartFrame"]) {
      this.isOurs = true;
      message.body = { ...message.body, supportsRestartFrame: true };
    }
    const shown = this.threads.get(message.request_seq);
    if (shown !== undefined) {
      this.threads.delete(message.request_seq);
      for (const frame of (message.body?.["stackFrames"] ?? []) as Frame[]) this.frames.set(frame.id, { ...frame, thread: shown });
    }
    const thread = this.restarted.get(message.request_seq);
    if (thread === undefined) return;
    this.restarted.delete(message.request_seq);
    message.command = "restartFrame";
    if (!message.success) {
      message.message = reason(message.message ?? "");
      return;
    }
    // It begins again when the debugger lets it go on; a caller, where its next line begins.
    this.goOn(message.body?.["result"] === "True" ? "next" : "stepOut", thread);
  }
}
