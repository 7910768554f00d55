// Programs as people start them in a terminal, the terminals being enabled: node test/newcomers.mjs LAUNCHER BROWSER VSIX PYTHON PICTURES
// PYTHON has Django, FastAPI, uvicorn, pytest and distributed.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { freePort, get, given, Steps, until, VSCode } from "./vscode.mjs";

const { launcher, browser, vsix, python, pictures } = given();

const MANAGE = `import os
import sys

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
`;
const SETTINGS = `SECRET_KEY = "none"
DEBUG = True
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["*"]
`;
const URLS = `from django.urls import path

import views

urlpatterns = [path("", views.index)]
`;
const VIEWS = `from django.http import HttpResponse


def index(request):
    return HttpResponse("hello")
`;
const API = `import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def index():
    return ["hello", os.getpid()]
`;
const PRICES = `def price(count):
    return count * 3
`;
const TESTS = `import os
import time

import prices


def test_price():
    open("waits", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.05)
    assert prices.price(2) == 4
`;
const WORK = `def greet():
    return "hello"
`;
/** Asks its workers again and again, and writes what they say, whole at once. */
const CLUSTER = `import os
import time

from distributed import Client, LocalCluster

import work

if __name__ == "__main__":
    client = Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
    while True:
        answers = client.run(work.greet).values()
        with open("answer.new", "w") as file:
            file.write(" ".join(answers))
        os.replace("answer.new", "answer")
        time.sleep(0.05)
`;

const files = {
  "app.py": "", "manage.py": MANAGE, "settings.py": SETTINGS, "urls.py": URLS, "views.py": VIEWS, "api.py": API,
  "prices.py": PRICES, "test_prices.py": TESTS, "work.py": WORK, "cluster.py": CLUSTER,
};
const code = await VSCode.start({
  launcher, browser, vsix, files,
  settings: {
    "workbench.colorTheme": "Default Light Modern",
    "hotsplice.terminal.register": true,
    "terminal.integrated.env.linux": { PATH: `${path.dirname(python)}:${process.env.PATH}` },
  },
  env: { HOTSPLICE_TEST_PYTHON: python },
});
const steps = new Steps(code, pictures);
const step = steps.step.bind(steps);

/** Types a line into a new terminal, and waits for what comes of it; types again if nothing does. */
async function inTerminal(line, what, probe) {
  await code.command("Terminal: Create New Terminal");
  await code.page.locator(".terminal-wrapper.active .xterm-helper-textarea").waitFor({ state: "attached" });
  return until(what, async () => {
    await code.page.locator(".terminal-wrapper.active").click();
    await code.type(line);
    await code.press("Enter");
    return until(what, probe, 15_000);
  }, 60_000);
}

/** Replaces the line of a file that has `former` and patches with the key. */
async function patch(file, former, now) {
  const lines = files[file].split("\n");
  const at = lines.findIndex((line) => line.includes(former));
  await code.replaceLine(file, at + 1, lines[at].replace(former, now));
  await code.lens("○ edited · Hot-patch").waitFor();
  await code.press("Control+Alt+Enter");
}

/** Ends what runs in the terminal as a person does: some servers live on when their terminal is closed. */
async function end() {
  await until("the end of the program", async () => {
    await code.page.locator(".terminal-wrapper.active").click();
    await code.press("Control+c");
    return until("no process", async () => /^0\b/.test((await code.statusBar().innerText()).trim()), 10_000);
  });
  await code.command("Terminal: Kill the Active Terminal Instance");
  await code.command("Notifications: Clear All Notifications");
}

try {
  // A number comes from the server: the terminals know where it is.
  await code.open("app.py");
  await code.processes(0);

  await step("a Django project under runserver", async () => {
    const port = await freePort();
    const answer = () => get(`http://127.0.0.1:${port}/`);
    assert.equal(await inTerminal(`python manage.py runserver ${port}`, "its answer", answer), "hello");
    await patch("views.py", '"hello"', '"welcome"');
    await until("the new answer", async () => (await answer()) === "welcome");
    await code.lens("● live v1").waitFor();
    await code.picture(path.join(pictures, "newcomer-django.png"));
    await end();
  });

  await step("FastAPI under uvicorn --workers 2", async () => {
    const port = await freePort();
    const answer = async () => JSON.parse(await get(`http://127.0.0.1:${port}/`));
    await inTerminal(`python -m uvicorn api:app --workers 2 --port ${port}`, "its answer", answer);
    const seen = {};
    const both = async () => {
      const [word, pid] = await answer();
      seen[pid] = word;
      return Object.keys(seen).length === 2;
    };
    await until("answers of both", both);
    await patch("api.py", '"hello"', '"welcome"');
    await code.lens("● live v1 · 2 processes").waitFor();
    await until("the new answer of both", async () => {
      await both();
      return Object.values(seen).every((word) => word === "welcome");
    });
    await code.picture(path.join(pictures, "newcomer-fastapi.png"));
    await end();
  });

  await step("a test that waits under pytest", async () => {
    const read = (name) => () => fs.existsSync(path.join(code.folder, name)) && fs.readFileSync(path.join(code.folder, name), "utf8");
    await inTerminal("python -m pytest -q test_prices.py | tee out.txt", "the test", () => read("waits")() !== false);
    await patch("prices.py", "count * 3", "count * 2");
    await code.lens("● live v1").waitFor();
    fs.writeFileSync(path.join(code.folder, "go"), "");
    await until("its result", () => /1 passed/.test(read("out.txt")()));
    await code.picture(path.join(pictures, "newcomer-pytest.png"));
    await end();
  });

  await step("a local cluster of Dask", async () => {
    const answer = () => fs.existsSync(path.join(code.folder, "answer")) && fs.readFileSync(path.join(code.folder, "answer"), "utf8");
    assert.equal(await inTerminal("python cluster.py", "its answers", answer), "hello hello");
    await patch("work.py", '"hello"', '"welcome"');
    await until("the new answers", () => answer() === "welcome welcome");
    await code.lens("● live v1 · 3 processes").waitFor();
    await code.picture(path.join(pictures, "newcomer-dask.png"));
    await end();
  });
} finally {
  await code.stop();
}
steps.done();
