// A new user's path, with nothing set and nothing read: node test/first_steps.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES
// The pictures are those of docs/editors/vscode.md.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { moving } from "./moving.mjs";
import { freePort, get, given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();
const port = await freePort();
const APP = `import flask

app = flask.Flask(__name__)
visits = 0


@app.route("/")
def index():
    global visits
    visits += 1
    return f"Hello, visitor {visits}!"


if __name__ == "__main__":
    app.run(port=${port})
`;
const LINE = APP.split("\n").findIndex((line) => line.includes("Hello")) + 1;

const code = await VSCode.start({
  launcher, browser, vsix,
  files: { "app.py": APP, "notes.txt": "Milk\n" },
  settings: { "workbench.colorTheme": "Default Light Modern" },
  env: { HOTSPLICE_TEST_PYTHON: python },
});
const steps = new Steps(code, pictures);
const answer = () => get(`http://127.0.0.1:${port}/`);

const frames = [];
/** Adds to the moving picture what is seen now, under what the application answers at this moment. */
async function frame(seconds) {
  const said = await answer();
  await code.page.evaluate((text) => {
    const line = document.createElement("div");
    line.id = "caption";
    line.textContent = text;
    line.style.cssText =
      "position:fixed;right:24px;bottom:48px;z-index:99999;padding:10px 16px;border-radius:6px;background:#1f2328;color:#fff;font:16px monospace;white-space:pre";
    document.body.append(line);
  }, `$ curl localhost:${port}\n${said}`);
  frames.push({ picture: await code.page.screenshot({ animations: "disabled" }), seconds });
  await code.page.evaluate(() => document.getElementById("caption").remove());
}

try {
  await steps.step("nothing of ours is there until a Python file is open", async () => {
    const servers = () => spawnSync("pgrep", ["-f", `${code.home}/.*hotsplice lsp`]).stdout.toString();
    await code.command("View: Show Run and Debug");
    await code.open("notes.txt");
    assert.equal(await code.statusBar().count(), 0);
    assert.equal(servers(), "");
    await code.open("app.py");
    // A number comes from the server.
    await code.processes(0);
    assert.notEqual(servers(), "");
  });

  await steps.step("F5, and the program can be patched", async () => {
    await code.open("app.py", LINE);
    await code.press("F5");
    await code.page.locator(".debug-toolbar").waitFor();
    assert.equal(await until("its answer", answer), "Hello, visitor 1!");
    await code.processes(1);
    await code.picture(path.join(pictures, "first-running.png"));
    await frame(2);
  });

  await steps.step("edit, Ctrl+., Hot-patch function", async () => {
    await code.replaceLine("app.py", LINE, '    return f"Welcome back, visitor {visits}!"');
    await code.lens("○ edited · Hot-patch").waitFor();
    await frame(2);
    await code.codeAction("Hot-patch function `index`");
    await code.picture(path.join(pictures, "first-edited.png"));
    await frame(2.5);
    const before = Number((await answer()).match(/\d+/)[0]);
    await code.press("Enter");
    const now = await until("the new answer", async () => (await answer()).match(/^Welcome back, visitor (\d+)!$/));
    assert.ok(Number(now[1]) > before, "the counter went on");
    await code.lens("● live v1 · 1 process").waitFor();
    await code.picture(path.join(pictures, "first-live.png"));
    await frame(4);
    assert.equal(fs.readFileSync(path.join(code.folder, "app.py"), "utf8"), APP, "nothing was saved");
  });

  await steps.step("a moving picture shows it", async () => {
    const picture = moving(frames);
    fs.writeFileSync(path.join(pictures, "live.png"), picture);
    const seen = await code.page.evaluate(async (text) => {
      const data = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
      const decoder = new ImageDecoder({ data, type: "image/png" });
      await decoder.tracks.ready;
      const { frameCount } = decoder.tracks.selectedTrack;
      const last = await decoder.decode({ frameIndex: frameCount - 1 });
      return [frameCount, last.image.displayWidth, last.image.displayHeight];
    }, picture.toString("base64"));
    assert.deepEqual(seen, [4, 1280, 800]);
  });

  await steps.step("the line's hover and the key do it too", async () => {
    await code.replaceLine("app.py", LINE, '    return f"Once more, visitor {visits}!"');
    await code.lens("○ edited · Hot-patch").waitFor();
    await code.page.locator(".view-line span").filter({ hasText: /^@app\.route$/ }).first().hover();
    const link = code.page.locator(".monaco-hover").getByText("○ edited · Hot-patch").first();
    await link.waitFor();
    await code.picture(path.join(pictures, "line-ends.png"));
    await link.click();
    await until("the new answer", async () => (await answer()).startsWith("Once more"));
    await code.replaceLine("app.py", LINE, '    return f"By a key, visitor {visits}!"');
    await code.press("Control+Alt+Enter");
    await until("the new answer", async () => (await answer()).startsWith("By a key"));
  });

  await steps.step("what comes and goes at the ends of lines moves no text", async () => {
    const place = async () => JSON.stringify(await code.page.locator(".view-line").filter({ hasText: "visitor" }).boundingBox());
    await code.lens("● live").waitFor();
    const before = await place();
    await code.replaceLine("app.py", LINE, '    return f"By a key, visitor {visits}?"');
    await code.lens("○ edited").waitFor();
    assert.equal(await place(), before);
    await code.press("Control+Alt+Enter");
    await until("the new answer", async () => (await answer()).endsWith("?"));
    await code.lens("○ edited").waitFor({ state: "detached" });
    assert.equal(await place(), before);
  });

  await steps.step("over lines it can be clicked", async () => {
    code.set({ "hotsplice.lensPlacement": "above" });
    await code.replaceLine("app.py", LINE, '    return f"Above, visitor {visits}!"');
    const lens = code.page.locator(".codelens-decoration a").filter({ hasText: "Hot-patch" }).first();
    await lens.waitFor();
    await code.lens("○ edited").waitFor({ state: "detached" });
    await lens.click();
    await until("the new answer", async () => (await answer()).startsWith("Above"));
    await code.press("Shift+F5");
    await code.processes(0);
  });
} finally {
  await code.stop();
}
steps.done();
