/** Draws the marks of lines whose frames run old code, for all debug sessions. */

import * as vscode from "vscode";

import { type Ask, type Mark, StoppedThreads } from "./stale_lines";

export class StaleMarks implements vscode.DebugAdapterTrackerFactory, vscode.Disposable {
  private readonly decoration = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    opacity: "0.6",
    overviewRulerColor: new vscode.ThemeColor("editorWarning.foreground"),
    after: { margin: "0 0 0 2em", color: new vscode.ThemeColor("editorWarning.foreground"), fontStyle: "italic" },
  });
  private readonly threads = new Set<StoppedThreads>();
  private readonly marks = new Map<StoppedThreads, readonly Mark[]>();
  private readonly subscriptions = [
    vscode.window.onDidChangeVisibleTextEditors(() => this.draw()),
    ...["debugpy", "python"].map((type) => vscode.debug.registerDebugAdapterTrackerFactory(type, this)),
  ];

  constructor(private readonly ask: Ask) {}

  createDebugAdapterTracker(): vscode.DebugAdapterTracker {
    const threads: StoppedThreads = new StoppedThreads(this.ask, (marks) => {
      this.marks.set(threads, marks);
      this.draw();
    });
    this.threads.add(threads);
    return {
      onWillReceiveMessage: (message) => threads.onWillReceiveMessage(message),
      onDidSendMessage: (message) => threads.onDidSendMessage(message),
      onWillStopSession: () => {
        threads.onWillStopSession();
        this.threads.delete(threads);
      },
    };
  }

  /** Something has changed in a process: new code is live, say, or a call has ended. */
  look(): void {
    for (const threads of this.threads) void threads.look();
  }

  private draw(): void {
    const marks = [...this.marks.values()].flat();
    for (const editor of vscode.window.visibleTextEditors) {
      const own = marks.filter(({ path }) => vscode.Uri.file(path).toString() === editor.document.uri.toString());
      editor.setDecorations(
        this.decoration,
        own.map(({ line, text }) => ({
          range: new vscode.Range(line - 1, 0, line - 1, 0),
          renderOptions: { after: { contentText: text } },
          hoverMessage: text,
        })),
      );
    }
  }

  dispose(): void {
    this.decoration.dispose();
    for (const subscription of this.subscriptions) subscription.dispose();
  }
}
