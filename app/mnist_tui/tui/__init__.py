"""The terminal app: screens and widgets over the events of training."""
