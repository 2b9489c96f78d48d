"""What a page cannot show, named by what the reader does next.

NothingYet   measure something, with the command it names; not a fault
"""


class NothingYet(Exception):
    """There is nothing to show: no store, or no runs in it."""

    def __init__(self, title: str, text: str, command: str) -> None:
        super().__init__(text)
        self.title = title
        self.command = command
