"""`python -m predictions_api.operations.probe`: exit 0 when this container's server is ready.

For images without curl. Asks as localhost, which ALLOWED_HOSTS must contain.
"""

import http.client
import os
import sys

TIMEOUT_S = 4


def is_ready(host: str, port: int) -> bool:
    """Whether GET /ready answers 200 within 4 s; False when nothing listens."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/ready", headers={"Host": "localhost"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    port = int(os.environ.get("BIND", ":8000").rpartition(":")[2])
    sys.exit(not is_ready("127.0.0.1", port))
