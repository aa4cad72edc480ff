"""The model endpoint of ../shared/agents, with two things more: an answer that isn't streamed is cut and hangs as well,
and what was asked is kept, a JSON line for each request that carries tools.

    stub.py MODEL_STUB.PY SCRIPT.json REQUESTS.jsonl
"""

import importlib.util
import io
import json
import sys

KEPT = 200  # requests


def load(path):
    spec = importlib.util.spec_from_file_location("model_stub", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    shared = load(sys.argv[1])
    requests = open(sys.argv[3], "a", buffering=1)

    class Handler(shared.Handler):
        kept = 0

        def do_POST(self):
            data, stream = self.rfile.read(int(self.headers.get("content-length", 0))), self.rfile
            body = json.loads(data or b"{}")
            if body.get("tools") and not self.path.split("?")[0].endswith("count_tokens") and Handler.kept < KEPT:
                Handler.kept += 1
                requests.write(json.dumps(body.get("messages") or body.get("input")) + "\n")
            self.rfile = io.BytesIO(data)
            try:
                super().do_POST()
            finally:
                self.rfile = stream

        def broken_off(self, body, turn):
            return not body.get("stream") and self.interrupted(turn)

        def answer_messages(self, body, turn, number):
            return self.broken_off(body, turn) or super().answer_messages(body, turn, number)

        def answer_responses(self, body, turn, number):
            return self.broken_off(body, turn) or super().answer_responses(body, turn, number)

        def answer_completions(self, body, turn, number):
            return self.broken_off(body, turn) or super().answer_completions(body, turn, number)

    Handler.script = shared.Script(json.load(open(sys.argv[2])))
    server = shared.Server(("127.0.0.1", 0), Handler)
    print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
