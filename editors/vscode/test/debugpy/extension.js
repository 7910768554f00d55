// The adapter of the Python that the test names runs the program with that same Python.
const vscode = require("vscode");

exports.activate = (context) => {
  const python = process.env.HOTSPLICE_TEST_PYTHON;
  context.subscriptions.push(
    vscode.debug.registerDebugAdapterDescriptorFactory("debugpy", {
      createDebugAdapterDescriptor: (session) => {
        // What listens already has an adapter, and so have child processes: that of their parent.
        const { host, port } = session.configuration.connect ?? {};
        return port === undefined
          ? new vscode.DebugAdapterExecutable(python, ["-m", "debugpy.adapter"])
          : new vscode.DebugAdapterServer(port, host);
      },
    }),
    vscode.debug.registerDebugConfigurationProvider("debugpy", {
      // F5 without a launch.json.
      resolveDebugConfiguration: (_folder, configuration) =>
        configuration.type
          ? configuration
          : { name: "Python: Current File", type: "debugpy", request: "launch", program: "${file}", console: "internalConsole" },
    }),
    // debugpy tells of child processes by an event.
    vscode.debug.onDidReceiveDebugSessionCustomEvent(({ event, body, session }) => {
      if (event === "debugpyAttach") void vscode.debug.startDebugging(session.workspaceFolder, body, { parentSession: session });
    }),
  );
};
