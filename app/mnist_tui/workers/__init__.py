"""Who trains, beside the process that was asked to: processes of their own."""
