"""Frame sources: cameras, streams, video files, image folders, the built-in clip."""
