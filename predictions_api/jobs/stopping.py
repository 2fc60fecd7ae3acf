"""`requested` is set when this process was asked to end: long jobs then stop and hand over."""

import threading

requested = threading.Event()
