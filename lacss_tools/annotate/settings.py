"""Settings of every step that reads images to annotate."""

from dataclasses import dataclass

from lacss_tools.io.names import SCENE
from lacss_tools.settings import check, setting


@dataclass(frozen=True)
class ChannelSettings:
    """What of an image is used."""

    channel: str | None = setting(
        None,
        "Use this channel of the images alone: its 0-based index or its name.",
        panel="Options",
        shown="all",
    )

    scene: str | None = setting(
        None,
        SCENE,
        panel="Options",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class CellSettings(ChannelSettings):
    """What of an image shows the cells."""

    nuclei_channel: str | None = setting(
        None,
        "Channel of the nuclei in these images, by index or name: the cells are then all others.",
        panel="Options",
        shown="that of the LOIs, where they were found in these images",
    )
