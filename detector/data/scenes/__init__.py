"""Finds images that show the same scene."""
