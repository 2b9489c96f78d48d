"""Folders of SFTP servers as places, over asyncssh; the extra `sftp`."""
