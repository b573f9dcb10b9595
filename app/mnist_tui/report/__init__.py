"""Results outside the app: exports, files, the headless console, charts."""
