/** The view in Run and Debug: processes, files that were patched in them, functions with their versions. */

import * as path from "node:path";
import * as vscode from "vscode";

import { counted, functionHint, nothing, sessionLabel, type PatchedFile, type PatchedFunction, type Session, type Status } from "./status";

export type Item =
  | { kind: "session"; session: Session }
  | { kind: "file"; session: Session; file: PatchedFile }
  | { kind: "function"; session: Session; file: PatchedFile; patched: PatchedFunction };

export class SessionsView implements vscode.TreeDataProvider<Item> {
  private readonly changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private status: Status = nothing;

  show(status: Status): void {
    this.status = status;
    this.changed.fire(undefined);
  }

  getChildren(item?: Item): Item[] {
    switch (item?.kind) {
      case undefined:
        return this.status.sessions.map((session) => ({ kind: "session", session }));
      case "session":
        return item.session.files.map((file) => ({ kind: "file", session: item.session, file }));
      case "file":
        return item.file.functions.map((patched) => ({ ...item, kind: "function", patched }));
      case "function":
        return [];
    }
  }

  getTreeItem(item: Item): vscode.TreeItem {
    const open = vscode.TreeItemCollapsibleState.Expanded;
    switch (item.kind) {
      case "session": {
        const { label, description } = sessionLabel(item.session);
        const shown = new vscode.TreeItem(label, open);
        shown.description = description;
        shown.id = item.session.id;
        shown.iconPath = new vscode.ThemeIcon("server-process");
        shown.tooltip = `${item.session.command.join(" ")}\nin ${item.session.cwd}\nPython ${item.session.python}`;
        return shown;
      }
      case "file": {
        const uri = vscode.Uri.parse(item.file.uri);
        const shown = new vscode.TreeItem(uri, open);
        shown.id = `${item.session.id} ${item.file.uri}`;
        shown.label = path.basename(uri.fsPath);
        shown.description = counted(item.file.functions.length, "definition patched", "definitions patched");
        shown.iconPath = vscode.ThemeIcon.File;
        shown.contextValue = "file";
        return shown;
      }
      case "function": {
        const shown = new vscode.TreeItem(item.patched.name);
        shown.id = `${item.session.id} ${item.file.uri} ${item.patched.name}`;
        shown.description = functionHint(item.patched);
        shown.iconPath = new vscode.ThemeIcon("symbol-function");
        const at = new vscode.Position(item.patched.line, 0);
        shown.command = {
          command: "vscode.open",
          title: "Go to it",
          arguments: [vscode.Uri.parse(item.file.uri), { selection: new vscode.Range(at, at) }],
        };
        shown.contextValue = "function";
        return shown;
      }
    }
  }
}
