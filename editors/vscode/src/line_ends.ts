/** What lenses say, at the ends of lines: text that comes and goes there moves no other line. */

import * as vscode from "vscode";

const SETTING = "lensPlacement";

export class LineEnds {
  /** There from the first lens on, until the server is gone. */
  private decoration: vscode.TextEditorDecorationType | undefined;
  private settings: vscode.Disposable | undefined;

  /** Gives the lenses that are left to stand over lines. */
  place(document: vscode.TextDocument, lenses: vscode.CodeLens[]): vscode.CodeLens[] {
    const isAtEnd = vscode.workspace.getConfiguration("hotsplice", document).get(SETTING) !== "above";
    const byLine = new Map<number, vscode.Command[]>();
    for (const { range, command } of isAtEnd ? lenses : []) {
      if (command !== undefined) byLine.set(range.start.line, [...(byLine.get(range.start.line) ?? []), command]);
    }
    const options = [...byLine].filter(([line]) => line < document.lineCount).map(([line, commands]) => ({
      range: document.lineAt(line).range,
      hoverMessage: hover(commands),
      renderOptions: { after: { contentText: commands.map(({ title }) => title).join(" | ") } },
    }));
    for (const editor of vscode.window.visibleTextEditors.filter((editor) => editor.document === document)) {
      editor.setDecorations(this.made(), options);
    }
    return isAtEnd ? [] : lenses;
  }

  /** Takes all of it away; a server that comes back says it anew. */
  clear(): void {
    this.settings?.dispose();
    this.decoration?.dispose();
    this.settings = this.decoration = undefined;
  }

  private made(): vscode.TextEditorDecorationType {
    // VS Code asks for lenses anew where it shows any.
    this.settings ??= vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("editor.codeLens") || change.affectsConfiguration(`hotsplice.${SETTING}`)) this.clear();
    });
    this.decoration ??= vscode.window.createTextEditorDecorationType({
      rangeBehavior: vscode.DecorationRangeBehavior.ClosedOpen,
      after: { color: new vscode.ThemeColor("editorCodeLens.foreground"), margin: "0 0 0 3em" },
    });
    return this.decoration;
  }
}

/** Nothing at the end of a line can be clicked: what it would do stands in the hover. */
function hover(commands: vscode.Command[]): vscode.MarkdownString[] {
  const choices = commands.filter(({ command }) => command !== "");
  const links = choices.map(
    ({ title, command, arguments: given }) => `[${title}](command:${command}?${encodeURIComponent(JSON.stringify(given ?? []))})`,
  );
  if (links.length === 0) return [];
  const text = new vscode.MarkdownString(links.join(" · "));
  text.isTrusted = { enabledCommands: choices.map(({ command }) => command) };
  return [text];
}
