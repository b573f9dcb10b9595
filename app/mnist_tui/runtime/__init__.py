"""What every front end needs and none should build again: recording, the session, past and remote runs. No Textual."""
