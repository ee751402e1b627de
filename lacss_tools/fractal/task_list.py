"""The tasks that Fractal is offered. Of them and of what they take, the manifest is made:

fractal-manifest create --package lacss_tools --task-list-path fractal.task_list
"""

from fractal_task_tools.task_models import ParallelTask

TASK_LIST = [
    ParallelTask(
        name="Segment cells (LACSS)",
        executable="fractal/segment_cells.py",
        meta={"cpus_per_task": 4, "mem": 4000},
        category="Segmentation",
        tags=["Instance segmentation", "Deep learning", "2D"],
    )
]
