"""A text as QR code, drawn as SVG inside the page: no script, no style, no other address."""

from __future__ import annotations

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """The drawing, dark on light in both colour schemes, because readers of QR codes expect that."""
    drawn = segno.make_qr(text, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff", svgclass="qr")
    # Made of a grid of bits by the library alone; nothing of the text is written into it.
    return Markup(drawn)  # noqa: S704
