"""Dialogs: each floats over the charts, takes values in and gives one value back."""
