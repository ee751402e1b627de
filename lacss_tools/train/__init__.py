"""From an annotated project to a model."""

import lacss_tools.network  # noqa: F401 before torch: how its threads wait
