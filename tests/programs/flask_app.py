# A handler of Flask fails while its client waits.
import threading
import urllib.request

from flask import Flask
from werkzeug.serving import make_server

app = Flask(__name__)
visits = []


def price(number):
    visits.append(number)
    return 84 / 0


@app.get("/price/<int:number>")
def show(number):
    return f"costs {price(number)}"


server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/price/7") as answer:
    print("done", answer.status, answer.read().decode(), visits, flush=True)
server.shutdown()
