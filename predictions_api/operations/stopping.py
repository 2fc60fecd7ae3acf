"""Whether this process was asked to end. Long work looks here and hands itself over in time."""

import threading

requested = threading.Event()
