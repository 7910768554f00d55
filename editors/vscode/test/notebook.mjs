// A notebook in a real VS Code, with a real kernel: node test/notebook.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES
// PYTHON has ipykernel. VS Code itself reads and shows the notebook; the controller is the test's (test/notebook), since Microsoft's
// extension can't be had everywhere.

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();
const HERE = path.dirname(fileURLToPath(import.meta.url));

const cell = (text) => ({ cell_type: "code", metadata: {}, execution_count: null, outputs: [], source: text });
const VIEW = `import shop


class View:
    def get(self):
        return "a view of " + shop.name()
`;
const SHOW = 'with open("answer.new", "w") as file:\n    file.write(f"{view.get()} {type(view) is View}")\nimport os; os.replace("answer.new", "answer")';
const notebook = {
  cells: [cell("%hotsplice on"), cell(VIEW), cell("view = View()"), cell(SHOW)],
  metadata: { kernelspec: { display_name: "Python 3", language: "python", name: "python3" }, language_info: { name: "python" } },
  nbformat: 4,
  nbformat_minor: 5,
};
const ipython = fs.mkdtempSync(path.join(os.tmpdir(), "hotsplice-ipython-"));

const code = await VSCode.start({
  launcher, browser, vsix,
  extensions: [path.join(HERE, "notebook")],
  files: { "app.py": "", "shop.py": 'def name():\n    return "a shop"\n', "shop.ipynb": JSON.stringify(notebook) },
  settings: { "workbench.colorTheme": "Default Light Modern", "editor.codeLens": true },
  env: { HOTSPLICE_TEST_PYTHON: python, HOTSPLICE_TEST_KERNEL: path.join(HERE, "../../../tests/kernel.py"), IPYTHONDIR: ipython },
});
const steps = new Steps(code, pictures);
const step = steps.step.bind(steps);

const answer = () => fs.readFileSync(path.join(code.folder, "answer"), "utf8");
const cells = () => code.page.locator(".notebookOverlay .code-cell-row");
const editorOf = (index) => cells().nth(index).locator(".monaco-editor").first();

/** Puts the cursor at the end of a line of a cell (both from 0). */
async function click(index, line) {
  await editorOf(index).locator(".view-line").nth(line).click();
  await editorOf(index).and(code.page.locator(".focused")).waitFor();
  await code.press("End");
}

/** Replaces a line of a cell. */
async function replaceLine(index, line, text) {
  await click(index, line);
  await code.press("Shift+Home");
  await code.press("Shift+Home");
  await code.page.keyboard.insertText(text);
}

/** Runs one cell by its button. */
async function run(index) {
  await cells().nth(index).hover();
  await cells().nth(index).locator(".run-button-container .action-label").first().click();
}

const runAll = () => code.command("Notebook: Run All");

try {
  await step("kernels register once that is wished", async () => {
    await code.choose("the notebook", { open: () => code.press("Control+p"), text: "shop.ipynb", row: code.row("shop.ipynb") });
    await editorOf(1).locator(".view-line").first().waitFor();
    await code.command("Hotsplice: Enable in Notebooks");
    await code.toast("Kernels that start from now on can be patched").waitFor();
    await code.command("Notifications: Clear All Notifications");
    await runAll();
    await until("the cells' work", () => answer() === "a view of a shop True");
    await code.processes(1);
  });

  await step("a module that is saved goes live in the kernel", async () => {
    fs.writeFileSync(path.join(code.folder, "shop.py"), 'def name():\n    return "the shop"\n');
    await until("the new answer", async () => {
      await run(3);
      return until("it", () => answer() === "a view of the shop True", 3000);
    });
  });

  await step("a cell's method goes live by its code action, without the cell being run", async () => {
    await replaceLine(1, 5, '        return "a good view of " + shop.name()');
    await code.lens("○ edited · Hot-patch").waitFor();
    await code.codeAction("Hot-patch function `View.get`");
    await code.picture(path.join(pictures, "notebook.png"));
    await code.press("Enter");
    await code.lens("● live v1 · 1 process").waitFor();
    await run(3);
    await until("the new answer", () => answer() === "a good view of the shop True");
  });

  await step("a class that its cell defines again keeps its objects", async () => {
    await replaceLine(1, 5, '        return "the best view of " + shop.name()');
    await run(1);
    await run(3);
    await until("the new answer", () => answer() === "the best view of the shop True");
  });

  await step("a kernel that starts again is found again", async () => {
    await code.command("Restart the Kernel of the Test");
    fs.rmSync(path.join(code.folder, "answer"));
    await runAll();
    await until("the cells' work", () => answer() === "the best view of the shop True");
    await replaceLine(1, 5, '        return "a new view of " + shop.name()');
    await code.lens("○ edited · Hot-patch").waitFor();
    await code.codeAction("Hot-patch function `View.get`");
    await code.press("Enter");
    await code.lens("● live v1 · 1 process").waitFor();
    await run(3);
    await until("the new answer", () => answer() === "a new view of the shop True");
    await code.processes(1);
    assert.equal(fs.existsSync(path.join(ipython, "profile_default/startup/05-hotsplice.py")), true);
    await code.command("Hotsplice: Disable in Notebooks");
    await until("no trace of it", () => !fs.existsSync(path.join(ipython, "profile_default/startup/05-hotsplice.py")));
  });
  steps.done();
} finally {
  await code.stop();
  fs.rmSync(ipython, { recursive: true, force: true });
}
