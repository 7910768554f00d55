// The adapter of the Python that the test names runs the program with that same Python.
const vscode = require("vscode");

exports.activate = (context) => {
  const python = process.env.HOTSPLICE_TEST_PYTHON;
  context.subscriptions.push(
    vscode.debug.registerDebugAdapterDescriptorFactory("debugpy", {
      createDebugAdapterDescriptor: () => new vscode.DebugAdapterExecutable(python, ["-m", "debugpy.adapter"]),
    }),
  );
};
