"""``python -m tilth`` is the ``tilth`` command."""

from tilth.cli.main import main

if __name__ == "__main__":
    main()
