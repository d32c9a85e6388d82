import platform
import subprocess
import sys

import pytest

from dse.allocator import keep_freed_memory

TOUCH = """
import resource, sys, torch
from dse.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(16):
    torch.empty(10_000_000)[::1024] = 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def test_it_says_false_where_the_library_is_not_glibc(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    assert keep_freed_memory() is False


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_tensors_of_the_size_of_earlier_ones_need_few_new_pages(repository):
    def page_faults(mode: str) -> int:
        command = [sys.executable, "-c", TOUCH, mode]
        return int(subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout)

    # one tensor of 40 MB is 9,766 pages; without the setting each of the sixteen needs its own
    assert page_faults("keep") < page_faults("leave") - 6 * 9_766
