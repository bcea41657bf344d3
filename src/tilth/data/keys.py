"""64-bit keys of rows, from what they are called or hold, and one digest of a set of them.

No hash of another library or of Python is used: theirs change between versions, and splits and
comparisons hang on these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tilth.randomness import fold

Keys = NDArray[np.uint64]
Ids = Sequence[str] | Keys


def text_key(text: str, salt: bytes = b"") -> int:
    """Return BLAKE2b of the text's UTF-8 as a whole number of 64 bits.

    >>> f"{text_key('a'):016x}"
    '2f42665b399ef840'
    """
    content = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, salt=salt).digest(), "little")


def mix(words: Keys) -> Keys:
    """Mix in place, and return, by the finaliser of SplitMix64, a bijection of 64-bit words.

    Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", figure 17.
    """
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words ^= words >> np.uint64(shift)
        words *= np.uint64(factor)
    words ^= words >> np.uint64(31)
    return words


def content_keys(ids: Ids, seed: int) -> Keys:
    """Return one key of (seed, id) per row; ids: texts, or 64-bit hashes of content.

    >>> content_keys(["a", "b", "a"], 0)[0] == content_keys(["a"], 0)[0]
    np.True_
    """
    salt = fold(seed, "split")
    if isinstance(ids, np.ndarray) and ids.dtype.kind == "u":
        return mix(ids.astype(np.uint64) ^ np.uint64(salt))
    salted = salt.to_bytes(8, "little")
    return np.array([text_key(str(text), salted) for text in ids], dtype=np.uint64)


def digest(keys: Keys) -> str:
    """Return a SHA-256 of a set of keys, whatever their order.

    >>> one, two = np.array([1, 2], dtype=np.uint64), np.array([2, 1], dtype=np.uint64)
    >>> digest(one) == digest(two) != digest(one[:1])
    True
    """
    return hashlib.sha256(np.sort(keys).astype("<u8").tobytes()).hexdigest()
