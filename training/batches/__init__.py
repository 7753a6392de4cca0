"""The input pipeline: samples are loaded, augmented, batched and given targets."""
