"""How the tests are shared out."""

import os


def pytest_xdist_auto_num_workers():
    """Return twice as many workers as there are cores: many tests wait for a screen or for another process."""
    return max(2, 2 * (os.cpu_count() or 1))
