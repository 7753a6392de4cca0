"""The input pipeline: samples are loaded, augmented and batched; targets by anchor matching."""
