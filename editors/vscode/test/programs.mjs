// Programs of every day that fail, in a real VS Code: node test/programs.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES
// What is wrong in each is `/ 0`; a handler of Flask, two of FastAPI, a view of Django, a task of Celery, a training loop, a command.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();
const PROGRAMS = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../tests/programs");
/** The functions that fail in each, in that order, and what it prints as if nothing had happened. */
const FAILING = {
  "train_app.py": { functions: ["evaluate"], last: "done 3600 3600 27.398" },
  "cli_app.py": { functions: ["convert"], last: "done ONE/TWO 2.0" },
  "flask_app.py": { functions: ["price"], last: "done 200 costs 84.0 [7, 7]" },
  "fastapi_app.py": { functions: ["later", "now"], last: 'done 200 {"costs":7.0}' },
  "django_app.py": { functions: ["show"], last: "done 200 costs 7.0" },
  "celery_app.py": { functions: ["order"], last: "done 42.0" },
};
const texts = Object.fromEntries(Object.keys(FAILING).map((name) => [name, fs.readFileSync(path.join(PROGRAMS, name), "utf8")]));
// A window is taken for open once it shows this file.
const APP = "# The window's folder\n";

const code = await VSCode.start({
  launcher, browser, vsix,
  files: { "app.py": APP, ...texts },
  settings: {
    "workbench.colorTheme": "Default Light Modern",
    "terminal.integrated.env.linux": { PATH: `${path.dirname(python)}:${process.env.PATH}` },
  },
});
const steps = new Steps(code, pictures);

try {
  for (const [name, { functions, last }] of Object.entries(FAILING)) {
    await steps.step(`${name} is mended while it waits`, async () => {
      const output = path.join(code.folder, `${name}.out`);
      await code.open(name);
      await code.command("Terminal: Create New Terminal");
      await code.page.locator(".terminal-wrapper.active .xterm-helper-textarea").waitFor({ state: "attached" });
      await until(`a call of ${name} that is held`, async () => {
        await code.page.locator(".terminal-wrapper.active").click();
        await code.type(`hotsplice run --guard "${path.parse(name).name}.*" --hold-for 300 ${name} < /dev/null > ${name}.out 2>&1 &`);
        await code.press("Enter");
        return until("its file", () => fs.existsSync(output), 8000);
      });
      let text = texts[name];
      for (const failing of functions) {
        const line = text.split("\n").findIndex((it) => it.includes(" / 0")) + 1;
        // Each is told once, and stays told until it is taken away.
        await code.toast(`${failing} is held`).waitFor();
        await code.open(name, line);
        await code.lens(`${failing} is held`).waitFor();
        if (name === "flask_app.py") await code.picture(path.join(pictures, "held-request.png"));
        text = text.replace(" / 0", " / 1");
        await code.replaceLine(name, line, text.split("\n")[line - 1]);
        await code.codeAction(`Hot-patch ${name} and retry \`${failing}\``);
        await code.press("Enter");
        await code.lens(`${failing} is held`).waitFor({ state: "detached" });
      }
      await until(`its end: ${last}`, () => fs.readFileSync(output, "utf8").includes(last));
      await code.command("Notifications: Clear All Notifications");
      await code.command("Terminal: Kill All Terminals");
    });
  }
} finally {
  await code.stop();
}
steps.done();
