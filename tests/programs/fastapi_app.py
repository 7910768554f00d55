# Two handlers of FastAPI fail: one on the event loop, one on a thread.
import threading
import time
import urllib.request

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.get("/later/{number}")
async def later(number: int) -> dict:
    return {"costs": number / 0}


@app.get("/now/{number}")
def now(number: int) -> dict:
    return {"costs": number / 0}


server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started:
    time.sleep(0.01)
port = server.servers[0].sockets[0].getsockname()[1]
for path in ["later", "now"]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}/7") as answer:
        print("done", answer.status, answer.read().decode(), flush=True)
server.should_exit = True
thread.join()
