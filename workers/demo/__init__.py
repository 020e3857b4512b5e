"""`vestnik demo`: see the whole of it work, on engines that come with the package."""

from workers.demo.run import Result, run_demo
from workers.demo.stage import Stage, ask_control, stage
from workers.demo.stay import stay

__all__ = ["Result", "Stage", "ask_control", "run_demo", "stage", "stay"]
