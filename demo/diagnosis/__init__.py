"""What `demo.doctor` checks; risky checks run in a subprocess."""
