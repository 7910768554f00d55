"""A client of Jupyter that starts a real kernel: a line of JSON for each request, one for each answer."""

import json
import sys

from jupyter_client.manager import KernelManager

manager = KernelManager(kernel_cmd=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])


def connected():
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    return client


def run(client, code, cell):
    """What it prints, and the name of what it raises. `cell` is how the client calls it, as VS Code tells kernels."""
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    message = client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
    client.shell_channel.send(message)
    output = []
    while True:
        got = client.get_iopub_msg(timeout=60)
        if got["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        if got["msg_type"] == "stream":
            output.append(got["content"]["text"])
        elif got["msg_type"] == "error":
            output.append(got["content"]["ename"])
        elif got["content"].get("execution_state") == "idle":
            break
    # The answer to this request, and no earlier one: from version 7 on a kernel may leave a request unread for good
    # that comes while it answers another one, whether Hotsplice is there or not.
    while client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != message["header"]["msg_id"]:
        pass
    return "".join(output).strip()


def main():
    manager.start_kernel()
    client = connected()
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request == "restart":
            client.stop_channels()
            manager.restart_kernel(now=True)
            client = connected()
            print(json.dumps("restarted"), flush=True)
        else:
            print(json.dumps(run(client, request["code"], request.get("cell"))), flush=True)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


main()
