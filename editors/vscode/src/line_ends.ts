/** What lenses say, at the ends of lines: text that comes and goes there moves no other line. */

import * as vscode from "vscode";

const SETTING = "lensPlacement";

export class LineEnds implements vscode.Disposable {
  private readonly decoration = vscode.window.createTextEditorDecorationType({
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedOpen,
    after: { color: new vscode.ThemeColor("editorCodeLens.foreground"), margin: "0 0 0 3em" },
  });

  /** Gives the lenses that are left to stand over lines. */
  place(document: vscode.TextDocument, lenses: vscode.CodeLens[]): vscode.CodeLens[] {
    const isAtEnd = vscode.workspace.getConfiguration("hotsplice", document).get(SETTING) === "endOfLine";
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
      editor.setDecorations(this.decoration, options);
    }
    return isAtEnd ? [] : lenses;
  }

  dispose(): void {
    this.decoration.dispose();
  }
}

/** Nothing at the end of a line can be clicked: what it would do stands in the hover. */
function hover(commands: vscode.Command[]): vscode.MarkdownString[] {
  const links = commands
    .filter(({ command }) => command !== "")
    .map(({ title, command, arguments: given }) => `[${title}](command:${command}?${encodeURIComponent(JSON.stringify(given ?? []))})`);
  if (links.length === 0) return [];
  const text = new vscode.MarkdownString(links.join(" · "));
  text.isTrusted = true;
  return [text];
}
