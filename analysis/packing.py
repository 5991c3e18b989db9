"""Numbers as a text, and back: four bytes each, which is seven digits, in five characters of base85.

Judges keep many of them in a status, and read them at each look: base64's own reader takes as long
as all the rest of a judgement.
"""

import struct
from base64 import b85encode
from collections.abc import Sequence

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_NONE = 255
_DIGITS = bytes(_ALPHABET.index(each) if each in _ALPHABET else _NONE for each in range(256))
_WIDTH = 5


def packed(numbers: Sequence[float]) -> str:
    """Write numbers as a text.

    Raises:
        OverflowError: one is larger than four bytes can tell.
    """
    return b85encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def rounded(numbers: Sequence[float]) -> tuple[float, ...]:
    """Give numbers as `unpacked` would read them.

    Raises:
        OverflowError: one is larger than four bytes can tell.
    """
    form = f"<{len(numbers)}f"
    return struct.unpack(form, struct.pack(form, *numbers))


def unpacked(text: str) -> tuple[float, ...]:
    """Read what `packed` has written, rounded to what was kept.

    Raises:
        ValueError: the text is damaged.
    """
    digits = text.encode().translate(_DIGITS)
    if len(digits) % _WIDTH or _NONE in digits:
        raise ValueError("no numbers in base85")
    words = [
        (((a * 85 + b) * 85 + c) * 85 + d) * 85 + e
        for a, b, c, d, e in zip(*(digits[n::_WIDTH] for n in range(_WIDTH)), strict=True)
    ]
    count = len(words)
    try:
        return struct.unpack(f"<{count}f", struct.pack(f">{count}I", *words))
    except struct.error as error:
        raise ValueError("no numbers in base85") from error
