"""Fitting: whatever only training needs (matching, losses, augmentation, the trainer)."""
