"""Settings of every step that reads images to annotate."""

from dataclasses import dataclass

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

    def __post_init__(self) -> None:
        check(self)
