"""Events and orders between the processes of one user: Unix sockets in the home, one JSON object per line."""
