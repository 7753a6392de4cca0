"""Random edits of bytes, for tests that feed damaged files to what reads them."""

import random

TOKENS = [
    b"nan", b"1e999", b"-1", b"0", b"null", b"true", b"[]", b"{}", b'""', b"<object>", b"</object>",
    b"<bndbox/>", b"&amp;", b"&x;", b"\x00", b"\xff", b"\xef\xbb\xbf", b"9" * 400, b"-", b".", b" ",
    b"\xff\xd9", b"\xff\xd8", b"\xff\xc0", b"<!DOCTYPE a>", b"<![CDATA[", b"]]>", b"\n", b",", b":",
]  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A few random edits: bytes changed, cut, doubled, tokens put in, the end torn off."""
    edited = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(edited) + 1)
        length = rng.choice([1, 1, 2, 5, 20, 100])
        edit = rng.randrange(6)
        if edit == 0 and at < len(edited):
            edited[at] = rng.randrange(256)
        elif edit == 1:
            del edited[at : at + length]
        elif edit == 2:
            edited[at:at] = edited[at : at + length]
        elif edit == 3:
            edited[at:at] = rng.choice(TOKENS)
        elif edit == 4:
            edited[at : at + length] = rng.choice(TOKENS)
        elif rng.random() < 0.2:
            del edited[at:]
    return bytes(edited)
