"""Automatic train and validation splits, and their record."""
