"""Schemes of places: each is one module, imported when a place of that scheme is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.errors import BadInput, PlaceRefused
from poc.places.target import PartPlace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from poc.config.place import PlaceConfig
    from poc.places.place import Place


def open_place(settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> Place:
    """Return a place, which connects at its first verb.

    Args:
        settings: the settings of the place.
        environ: the environment in which secrets are looked up.
        root: the workspace, to which paths are relative.

    Raises:
        BadInput: a secret or a file is missing, the extra that the scheme needs is not installed, or the scheme is
            unknown.
    """
    match settings.scheme:
        case "":
            from poc.places.folder import FolderPlace

            return FolderPlace(root / settings.url)
        case "sftp":
            try:
                from poc.places.sftp.place import SftpPlace
            except ModuleNotFoundError as error:
                raise missing_extra("sftp", error) from error

            return SftpPlace(settings, environ, root)
        case "https" | "http":
            from poc.places.https import HttpsPlace

            return HttpsPlace(settings, environ, root)
        case "s3":
            try:
                from poc.places.s3.place import S3Place
            except ModuleNotFoundError as error:
                raise missing_extra("s3", error) from error

            return S3Place(settings, environ, root)
        case _:
            raise BadInput(f"{settings.url}: Milepost has no places of the scheme {settings.scheme!r} yet")


def open_part_place(settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> PartPlace:
    """Return a place that deliveries are made to, in two steps. Raises what `open_place` raises."""
    place = open_place(settings, environ, root)
    if not isinstance(place, PartPlace):
        raise BadInput(f"{settings.url}: places of the scheme {settings.scheme!r} take no deliveries")
    return place


def missing_extra(scheme: str, error: ModuleNotFoundError) -> PlaceRefused:
    """Return the error for a package that a scheme needs; the extra has the scheme's name."""
    text = f"places of the scheme {scheme!r} need the package {error.name}: pip install 'milepost[{scheme}]'"
    return PlaceRefused("extra", text)
