"""Numbers with their nouns."""


def counted(count: int, noun: str) -> str:
    """A count with its noun in the right number: "1 class", "2,000 classes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
