"""The synthetic data set: images of six shapes with exact boxes, generated from a seed."""
