"""The parts of the screen: each takes values in and posts messages out."""
