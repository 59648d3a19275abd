"""``python -m portable_mlp`` is the command line."""

from portable_mlp.cli import main

if __name__ == "__main__":
    main()
