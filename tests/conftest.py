"""How the tests are shared out."""

import os


def pytest_xdist_auto_num_workers():
    """Return half as many workers again as there are cores: many tests wait for a screen or for another process."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)
