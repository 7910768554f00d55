# A task of Celery fails in its worker, with the caller waiting for the result.
from celery import Celery
from celery.contrib.testing.worker import start_worker

app = Celery("shop", broker="memory://", backend="cache+memory://")


@app.task
def order(number):
    return number * 2 / 0


with start_worker(app, pool="solo", perform_ping_check=False, loglevel="CRITICAL"):
    print("done", order.delay(21).get(timeout=300), flush=True)
