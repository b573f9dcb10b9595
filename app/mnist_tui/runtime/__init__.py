"""What all front ends share: recording, the training session, past and remote runs. Does not import Textual."""
