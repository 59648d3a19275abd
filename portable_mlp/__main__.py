"""``python -m portable_mlp`` is the command line, and so is ``portable-mlp``."""

import sys


def main() -> None:
    """Runs the command line; Ctrl-C while it is still being imported ends it without a word."""
    try:
        from portable_mlp.cli import main as command_line
    except KeyboardInterrupt:
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    main()
