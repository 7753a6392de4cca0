"""The most detections that an image can get: how many images reached it, and how to raise it."""

from detector.data.findings import counted


class DetectionCap:
    """Counts the images that got as many detections as they could.

    Args:
        most: `max_detections` in force.

    Attributes:
        most: as given.
        images: seen.
        reached: of them, with `most` detections: there may be more objects.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.images = self.reached = 0

    def add(self, found: int) -> None:
        """Count an image in which so many objects were found, before any choice of classes."""
        self.images += 1
        self.reached += found >= self.most

    def in_words(self, unit: str = "image") -> str:
        """One line; "" where no image reached it."""
        if not self.reached:
            return ""
        return (
            f"{self.reached:,} of {counted(self.images, unit)} reached max_detections "
            f"({self.most}), and may hold more objects; --max-dets N raises it"
        )
