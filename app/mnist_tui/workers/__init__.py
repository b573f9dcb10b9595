"""Training in other processes: parallel workers, a Ray cluster, detached training."""
