"""From the house's docstrings (prose, ``name: text`` lines, examples) to reStructuredText."""

from __future__ import annotations

import re

ARGUMENT = re.compile(r"^([a-z_*][\w*]*(?:, [a-z_*][\w*]*)*): (\S.*)$")
BULLET = re.compile(r"^[-*] (\S.*)$")


def shape_docstring(app, what, name, thing, options, lines):
    """Rewrite ``lines`` in place (the signature is Sphinx's event of that name)."""
    lines[:] = to_rest(lines)


def to_rest(lines: list[str]) -> list[str]:
    """Return reStructuredText for a docstring's lines.

    >>> to_rest(["Return it.", "", "size: in pixels", "rows: ids", "    of rows"])
    ['Return it.', '', '* ``size``: in pixels', '* ``rows``: ids of rows', '']
    """
    shaped: list[str] = []
    for block in _blocks(lines):
        if block[0].lstrip().startswith(">>>"):
            shaped += [line.strip("\n") for line in _dedent(block)]
        elif all(line.startswith("    ") for line in block) and not ARGUMENT.match(
            block[0].strip()
        ):
            shaped += ["::", "", *("    " + line for line in _dedent(block))]
        else:
            shaped += _prose(block)
        shaped.append("")
    return shaped


def _blocks(lines: list[str]) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _dedent(block: list[str]) -> list[str]:
    margin = min(len(line) - len(line.lstrip()) for line in block)
    return [line[margin:] for line in block]


def _prose(block: list[str]) -> list[str]:
    """Return paragraphs and bullets; an indented line goes on with what stands before it."""
    shaped: list[str] = []
    in_list = False
    margin = len(block[0]) - len(block[0].lstrip())
    for line in block:
        text = line.strip()
        argument, bullet = ARGUMENT.match(text), BULLET.match(text)
        if argument or bullet:
            if shaped and not in_list:
                shaped.append("")
            names = argument[1].split(", ") if argument else []
            head = ", ".join(f"``{name}``" for name in names) + ": " if names else ""
            shaped.append(f"* {head}{escape((argument or bullet)[2 if argument else 1])}")
            in_list = True
        elif in_list and len(line) - len(line.lstrip()) > margin:
            shaped[-1] += " " + escape(text)
        else:
            if in_list:
                shaped.append("")
            shaped.append(escape(text))
            in_list = False
    return shaped


def escape(text: str) -> str:
    """Keep ``code`` as it is and take their meaning from all other marks.

    >>> escape("`x` and ``y*`` and z* and w_.")
    '``x`` and ``y*`` and z\\\\* and w\\\\_.'
    """
    parts = re.split(r"(``.+?``|`[^`]+`)", text)
    for i, part in enumerate(parts):
        if part.startswith("`") and len(part) > 2:
            parts[i] = f"``{part.strip('`')}``"
        else:
            parts[i] = re.sub(r"([\\*|`]|_(?!\w))", r"\\\1", part)
    return "".join(parts)
