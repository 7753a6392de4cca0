"""Image classification with MobileNetV1 and V2: data, training, metrics, saved models."""
