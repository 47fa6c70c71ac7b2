"""Private names of Ray's are found whole, also while another thread imports what they are in."""

from __future__ import annotations

import subprocess
import sys

from tests.paths import ROOT

BOTH_AT_ONCE = """
import sys, threading, time
import ray
from job.cluster.internal import found

begun, whole = threading.Event(), []

class Slowly:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread() and name.startswith("ray.data._internal."):
            begun.set()
            time.sleep(0.02)

def imports():
    import ray.data
    whole.append(hasattr(ray.data, "_internal"))

sys.meta_path.insert(0, Slowly())
thread = threading.Thread(target=imports)
thread.start()
begun.wait(30)
print(found("ray.data._internal.stats.DatasetStats").__name__)
thread.join()
print(*whole)
"""


def test_a_name_is_found_while_another_thread_imports_what_it_is_in() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", BOTH_AT_ONCE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.stdout.split() == ["DatasetStats", "True"], ended.stderr
