"""Names of files that nobody means to send: unfinished ones, and those that systems put beside others."""

import re

#: Suffixes of files that are still being written.
UNFINISHED_SUFFIXES = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".download")

#: Files of macOS, of Windows, and of office programs that have a document open.
SYSTEM_FILE = re.compile(
    r"^__MACOSX/|(^|/)(\.DS_Store|\._[^/]*|Thumbs\.db|ehthumbs\.db|desktop\.ini|~\$[^/]*|\.~lock\.[^/]*#)$",
    re.IGNORECASE,
)


def is_system_file(name: str) -> bool:
    """Return whether a system put the file there: by its name, or its path in an archive."""
    return SYSTEM_FILE.search(name) is not None


def is_unfinished(name: str) -> bool:
    """Return whether a name is that of a file that is still being written."""
    return name.lower().endswith(UNFINISHED_SUFFIXES)
