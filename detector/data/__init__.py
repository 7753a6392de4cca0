"""Readers of annotated data sets. No pixels are decoded here."""
