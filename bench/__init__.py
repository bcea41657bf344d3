"""Side by side with peers: the same work in tilth, in hand-written loops and in other libraries.

`python -m bench` runs everything that is not finished yet, `python -m bench mnist` one bench,
`python -m bench report` rewrites the tables of docs/results.md from what was measured.
"""
