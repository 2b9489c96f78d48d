"""Run the command as a program: `python -m milepost`."""

from milepost.cli import main

if __name__ == "__main__":
    main()
