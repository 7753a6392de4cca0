"""Large images in tiles: how they are cut, how detections are merged, and how large tiles are."""
