"""Finds, downloads, verifies and reads datasets, as NumPy arrays. Needs no PyTorch, so it answers immediately."""
