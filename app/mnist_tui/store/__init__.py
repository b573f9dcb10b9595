"""What survives: runs and epochs in SQLite, tables and logs beside them."""
