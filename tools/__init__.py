"""What makes the pictures in the README."""
