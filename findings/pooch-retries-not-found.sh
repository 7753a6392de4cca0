#!/usr/bin/env bash
# pooch 1.9.0, requests 2.34.2 (Python 3.11): `retry_if_failed` is meant for bad connections and wrong
# digests, but a file that is not there (404) and a server that refuses (403) are asked for again as well, after
# growing waits: with 4 retries, 10 seconds until the user learns of a misspelt name.
# Seen, of one fetch with retry_if_failed=2 (waits are skipped):
#   404: 3 requests, then HTTPError
#   403: 3 requests, then HTTPError
# Here: detector/weights/download.py tells it at once; docs/dependencies.md, requests.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check pooch==1.9.0 requests==2.34.2
cat > "$tmp/try.py" <<'PY'
import http.server
import sys
import threading
import time

import pooch

time.sleep = lambda seconds: None
asked = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        self.send_error(int(self.path[1:4]))

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
for status in ("404", "403"):
    name = f"{status}.bin"
    shelf = pooch.create(sys.argv[1], address, registry={name: None}, retry_if_failed=2)
    asked.clear()
    try:
        shelf.fetch(name)
    except Exception as error:
        print(f"{status}: {len(asked)} requests, then {type(error).__name__}")
PY
"$tmp/venv/bin/python" "$tmp/try.py" "$tmp/files" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
404: 3 requests, then HTTPError
403: 3 requests, then HTTPError
SEEN
