"""One training run: plan, start or resume, the epoch loop, checkpoints, logs and report."""
