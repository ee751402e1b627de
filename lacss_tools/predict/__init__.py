"""A trained network on images of any size and number; one file per step from pixels to cells."""

import lacss_tools.network  # noqa: F401 before torch: how its threads wait
