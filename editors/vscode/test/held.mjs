// Calls that fail, in a real VS Code: node test/held.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES

import fs from "node:fs";
import path from "node:path";

import { given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();

// Calls once there is a file `go`, and writes what it got into the file `answer`, whole at once.
const APP = `import os, time


def evaluate(n):
    items = []
    return n / len(items)


n = 0
while True:
    time.sleep(0.02)
    if os.path.exists("go"):
        n += 1
        result = evaluate(n)
        with open("answer.new", "w") as file:
            file.write(str(result))
        os.replace("answer.new", "answer")
`;
const FAILS = APP.split("\n").indexOf("    return n / len(items)") + 1;

const code = await VSCode.start({
  launcher, browser, vsix,
  files: { "app.py": APP },
  settings: {
    "hotsplice.terminal.register": true,
    "workbench.colorTheme": "Default Light Modern",
    "terminal.integrated.env.linux": { PATH: `${path.dirname(python)}:${process.env.PATH}` },
  },
  env: { HOTSPLICE_TEST_PYTHON: python },
});
const steps = new Steps(code, pictures);
const step = steps.step.bind(steps);
const file = (name) => path.join(code.folder, name);
const answer = (wanted) => until(`the answer ${wanted}`, () => fs.readFileSync(file("answer"), "utf8") === wanted);

try {
  await step("a function is guarded by its code action", async () => {
    await code.open("app.py", FAILS);
    await code.command("Terminal: Create New Terminal");
    await code.page.locator(".terminal-wrapper.active .xterm-helper-textarea").waitFor({ state: "attached" });
    const shown = async () => /^1\b/.test((await code.statusBar().innerText()).trim());
    await until("the process", async () => {
      await code.page.locator(".terminal-wrapper.active").click();
      // What sits at a terminal asks there, too.
      await code.type("python app.py < /dev/null > /dev/null 2>&1");
      await code.press("Enter");
      return until("it in the status bar", shown, 8000);
    });
    await code.open("app.py", FAILS);
    await code.codeAction("Guard function `evaluate`");
    await code.press("Enter");
    await code.toast("evaluate is guarded in 1 process").waitFor();
    await code.command("Notifications: Clear All Notifications");
  });

  await step("a call that fails is a notification, a squiggle and a lens", async () => {
    fs.writeFileSync(file("go"), "");
    await code.toast("division by zero").waitFor();
    await code.page.locator(".squiggly-error").first().waitFor();
    await code.lens("evaluate is held").waitFor();
    await code.picture(path.join(pictures, "held.png"));
  });

  await step("its buttons answer it", async () => {
    await code.toast("division by zero").getByRole("button", { name: "Return…" }).click();
    await code.page.locator(".quick-input-widget input").waitFor();
    await code.page.locator(".quick-input-widget input").fill("'asked for ' + str(n)");
    await code.press("Enter");
    await answer("asked for 1");
  });

  await step("a debugger stands where it failed, and the call stays held", async () => {
    await code.toast("division by zero").getByRole("button", { name: "Debug" }).click();
    await code.page.locator(".debug-toolbar").waitFor();
    await code.page.locator(".debug-call-stack .stack-frame").filter({ hasText: "evaluate" }).first().waitFor();
    await code.page.locator(".debug-variables .monaco-list-row").filter({ hasText: "items" }).first().waitFor();
    await code.picture(path.join(pictures, "debug-here.png"));
    await code.press("F5");
    await code.press("Shift+F5");
    await code.page.locator(".debug-toolbar").waitFor({ state: "hidden" });
  });

  await step("what is mended is tried again", async () => {
    await code.replaceLine("app.py", FAILS, '    return "mended"');
    await code.codeAction("Hot-patch app.py and retry `evaluate`");
    await code.press("Enter");
    await answer("mended");
    await code.page.locator(".squiggly-error").first().waitFor({ state: "detached" });
  });
} finally {
  await code.stop();
}
steps.done();
