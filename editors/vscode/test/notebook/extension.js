// A controller as Microsoft's extension has one: it starts a real kernel, tells it how the cell is called, and shows what it prints.
const { spawn } = require("node:child_process");
const readline = require("node:readline");
const vscode = require("vscode");

exports.activate = (context) => {
  const controller = vscode.notebooks.createNotebookController("notebook-for-tests", "jupyter-notebook", "Python of the test");
  controller.supportedLanguages = ["python"];
  let kernel;
  let answers;
  const start = async () => {
    const cwd = vscode.workspace.workspaceFolders[0].uri.fsPath;
    kernel = spawn(process.env.HOTSPLICE_TEST_PYTHON, [process.env.HOTSPLICE_TEST_KERNEL], { cwd, stdio: ["pipe", "pipe", "ignore"] });
    answers = readline.createInterface({ input: kernel.stdout })[Symbol.asyncIterator]();
    await answers.next();
  };
  const ask = async (request) => {
    if (kernel === undefined) await start();
    kernel.stdin.write(`${JSON.stringify(request)}\n`);
    return JSON.parse((await answers.next()).value);
  };
  let order = 0;
  let last = Promise.resolve();
  const run = async (cell) => {
    const execution = controller.createNotebookCellExecution(cell);
    execution.executionOrder = ++order;
    execution.start(Date.now());
    const shown = await ask({ code: cell.document.getText(), cell: cell.document.uri.toString() });
    await execution.replaceOutput([new vscode.NotebookCellOutput([vscode.NotebookCellOutputItem.text(`${shown} [${order}]`)])]);
    execution.end(true, Date.now());
  };
  controller.executeHandler = (cells) => {
    for (const cell of cells) last = last.then(() => run(cell));
    return last;
  };
  context.subscriptions.push(
    controller,
    { dispose: () => kernel?.stdin.end() },
    vscode.commands.registerCommand("notebookForTests.restart", () => (last = last.then(() => ask("restart")))),
    vscode.workspace.onDidOpenNotebookDocument((notebook) => controller.updateNotebookAffinity(notebook, vscode.NotebookControllerAffinity.Preferred)),
  );
  for (const notebook of vscode.workspace.notebookDocuments) {
    controller.updateNotebookAffinity(notebook, vscode.NotebookControllerAffinity.Preferred);
  }
};
