"""``python -m tilth`` is the ``tilth`` command."""

from tilth.cli.main import program

if __name__ == "__main__":
    program()
