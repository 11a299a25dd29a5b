"""Ask the REST service from Python: python examples/hospital/client.py RADIOGRAPH [URL]

The token, if the service wants one, is taken from PULMOSCAN_TOKEN.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import requests


def main() -> int:
    path, url = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8600"
    headers = {"Authorization": f"Bearer {token}"} if (token := os.environ.get("PULMOSCAN_TOKEN")) else {}
    with path.open("rb") as file:
        answer = requests.post(f"{url}/v1/screen", files={"file": (path.name, file)}, headers=headers, timeout=120)
    found = answer.json()
    if not answer.ok:
        print(f"{found['code']}: {found['message']}", file=sys.stderr)
        return 1
    print(f"{found['label']}: probability {found['probability']:.3f}, threshold {found['threshold']:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
