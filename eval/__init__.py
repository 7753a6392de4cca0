"""Figures: whatever only a measurement needs (mAP, error analysis, latency)."""
