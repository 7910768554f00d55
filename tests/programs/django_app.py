# A view of Django fails while its client waits.
import threading
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="none", LOGGING_CONFIG=None)


def show(request, number):
    return HttpResponse(f"costs {number / 0}")


urlpatterns = [path("price/<int:number>", show)]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/price/7") as answer:
    print("done", answer.status, answer.read().decode(), flush=True)
server.shutdown()
