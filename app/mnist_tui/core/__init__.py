"""The domain layer: settings, events and state; standard library only, no I/O."""
