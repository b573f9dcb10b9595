"""The widgets: each one is given values to show and posts messages."""
