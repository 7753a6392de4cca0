"""From an image to detections: network, weights, pre- and post-processing, commands."""
