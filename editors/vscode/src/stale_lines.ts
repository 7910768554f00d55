/**
 * The line that a debugger shows of a frame in old code is marked: the editor shows another text than the one that runs there.
 *
 * Which frames there are is read from what the debug adapter answers; which of them run old code is the server's to say.
 */

import type * as vscode from "vscode";

interface Message {
  type: string;
  seq?: number;
  request_seq?: number;
  command?: string;
  event?: string;
  success?: boolean;
  arguments?: Record<string, unknown>;
  body?: Record<string, unknown>;
}

export interface Place {
  path: string;
  line: number;
}

interface Stop {
  name: string | undefined;
  frames: Place[];
}

export interface Mark extends Place {
  text: string;
}

/** Asks the server what it says of each frame; nothing where it does not run. */
export type Ask = (frames: Place[], thread: string | undefined) => Promise<(string | null)[]>;

/** After these a thread stands there no more. */
const GOING_ON = new Set(["continue", "next", "stepIn", "stepOut", "stepBack", "reverseContinue", "goto", "restartFrame"]);

/** What is stopped in one debug session. */
export class StoppedThreads implements vscode.DebugAdapterTracker {
  private readonly asked = new Map<number, { command: string; thread: number }>();
  private readonly names = new Map<number, string>();
  private readonly stops = new Map<number, Stop>();
  private marks: Mark[] = [];
  private latest = 0;

  constructor(
    private readonly ask: Ask,
    private readonly show: (marks: readonly Mark[]) => void,
  ) {}

  onWillReceiveMessage(message: Message): void {
    if (message.type !== "request" || message.seq === undefined || message.command === undefined) return;
    this.asked.set(message.seq, { command: message.command, thread: Number(message.arguments?.["threadId"]) });
  }

  onDidSendMessage(message: Message): void {
    if (message.type === "event") this.happened(message);
    if (message.type !== "response" || message.request_seq === undefined) return;
    const asked = this.asked.get(message.request_seq);
    this.asked.delete(message.request_seq);
    if (asked === undefined || !message.success) return;
    if (asked.command === "threads") {
      for (const { id, name } of (message.body?.["threads"] ?? []) as { id: number; name: string }[]) this.names.set(id, name);
    } else if (asked.command === "stackTrace") {
      this.stopped(asked.thread, (message.body?.["stackFrames"] ?? []) as { line: number; source?: { path?: string } }[]);
    } else if (GOING_ON.has(asked.command)) {
      this.goesOn(asked.thread);
    }
  }

  onWillStopSession(): void {
    this.goesOn(undefined);
  }

  private happened({ event, body }: Message): void {
    if (event === "continued") this.goesOn(body?.["allThreadsContinued"] === false ? Number(body["threadId"]) : undefined);
    if (event === "terminated" || event === "exited") this.goesOn(undefined);
  }

  /** Frames come in parts: the innermost first. */
  private stopped(thread: number, shown: { line: number; source?: { path?: string } }[]): void {
    const frames = shown.flatMap(({ line, source }) => (source?.path === undefined ? [] : [{ path: source.path, line }]));
    const known = this.stops.get(thread)?.frames ?? [];
    const isNew = (frame: Place) => !known.some(({ path, line }) => path === frame.path && line === frame.line);
    this.stops.set(thread, { name: this.names.get(thread), frames: [...known, ...frames.filter(isNew)] });
    void this.look();
  }

  private goesOn(thread: number | undefined): void {
    if (thread === undefined || Number.isNaN(thread)) this.stops.clear();
    else this.stops.delete(thread);
    void this.look();
  }

  /** Also whenever something may have gone live. */
  async look(): Promise<void> {
    const number = ++this.latest;
    const told = await Promise.all(
      [...this.stops.values()].map(async ({ name, frames }) => {
        const texts = await this.ask(frames, name);
        return frames.flatMap((frame, index) => (texts[index] ? [{ ...frame, text: texts[index] }] : []));
      }),
    );
    // Something came while it was asked.
    if (number !== this.latest) return;
    const marks = told.flat();
    if (marks.length === 0 && this.marks.length === 0) return;
    this.marks = marks;
    this.show(marks);
  }
}
