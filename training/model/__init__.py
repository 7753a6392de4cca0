"""What is trained: networks, initial weights, losses, optimizer schedule, trainer."""
