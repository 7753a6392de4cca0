"""Tracking: track ids, line and zone counts, event logs."""
