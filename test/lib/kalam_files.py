"""Files below a folder that a server works in."""
import os
import pathlib


def below(folder, name_ends_with=""):
    """Every file below `folder` whose name ends so, sorted. Folders may vanish while this walks, which pathlib's rglob answers with an error."""
    return sorted(pathlib.Path(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(name_ends_with))
