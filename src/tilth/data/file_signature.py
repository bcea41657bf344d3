"""What a file is, by its first bytes; the name says nothing."""

from __future__ import annotations

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WebP", "TIFF", "PPM", "JPEG 2000", "AVIF")
"""The picture formats that are read."""


def sniff(start: bytes) -> str:
    """Return the picture format (one of FORMATS) that a file's first bytes belong to, or "".

    >>> sniff(b"GIF89a"), sniff(b"hello")
    ('GIF', '')
    """
    for name, signature in (
        ("JPEG", b"\xff\xd8\xff"),
        ("PNG", b"\x89PNG\r\n\x1a\n"),
        ("GIF", b"GIF8"),
        ("TIFF", b"II*\0"),
        ("TIFF", b"MM\0*"),
        ("TIFF", b"II+\0"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("JPEG 2000", b"\xff\x4f\xff\x51"),
        ("BMP", b"BM"),
    ):
        if start.startswith(signature):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    if start[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "PPM"
    return ""


def what_it_is(start: bytes) -> str:
    """Say what a file that is no picture seems to be.

    >>> what_it_is(b"<html><body>404")
    'not a picture but an HTML page (a failed download?)'
    """
    if not start:
        return "zero bytes"
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for signature, kind in (
        (b"<!doctype html", "an HTML page (a failed download?)"),
        (b"<html", "an HTML page (a failed download?)"),
        (b"<svg", "an SVG drawing, which has no pixels: export it as PNG"),
        (b"<?xml", "XML text"),
        (b"%pdf", "a PDF document"),
        (b"pk\x03\x04", "a zip archive"),
        (b"version https://git-lfs", "a Git LFS pointer: run git lfs pull"),
    ):
        if head.startswith(signature):
            return f"not a picture but {kind}"
    if start[4:8] == b"ftyp" and start[8:11] in (b"hei", b"mif", b"hev"):
        return "a HEIC photograph, which is not supported: export it as JPEG"
    if not start.strip(b"\0"):
        return "only zeros where a picture should begin"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in start):
        return "text, not a picture"
    return f"not a picture in a known format (known: {', '.join(FORMATS)})"
