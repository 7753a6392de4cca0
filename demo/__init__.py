"""The live demo: cameras, windows, recording."""
