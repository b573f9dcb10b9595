"""Persistent data: runs and epochs in SQLite, with checkpoints, tables and logs next to the database."""
