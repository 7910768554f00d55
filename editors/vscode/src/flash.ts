/** Lines that just went live light up once. */

import * as vscode from "vscode";

import type { Patched } from "./status";

const MILLISECONDS = 700;

export class Flash implements vscode.Disposable {
  private readonly decoration = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor("editor.wordHighlightStrongBackground"),
    overviewRulerColor: new vscode.ThemeColor("editorOverviewRuler.addedForeground"),
    overviewRulerLane: vscode.OverviewRulerLane.Left,
  });

  private readonly fading = new WeakMap<vscode.TextEditor, NodeJS.Timeout>();

  show(patched: Patched): void {
    for (const file of patched.files) this.light(file);
  }

  private light(file: Patched["files"][number]): void {
    const uri = vscode.Uri.parse(file.uri).toString();
    const ranges = file.ranges.map(({ start, end }) => new vscode.Range(start.line, 0, Math.max(start.line, end.line - 1), 0));
    for (const editor of vscode.window.visibleTextEditors.filter((editor) => editor.document.uri.toString() === uri)) {
      editor.setDecorations(this.decoration, ranges);
      // The end of a former flash would put out this one.
      clearTimeout(this.fading.get(editor));
      this.fading.set(editor, setTimeout(() => editor.setDecorations(this.decoration, []), MILLISECONDS));
    }
  }

  dispose(): void {
    this.decoration.dispose();
  }
}
