"""Reads the forms that annotation tools and libraries have of their own."""
