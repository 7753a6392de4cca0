"""From a picture to detections: network, weights, pre- and post-processing, commands."""
