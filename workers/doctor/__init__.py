"""The doctor: looks at everything that an installation needs, and says of each what is wrong and what to do."""

from workers.doctor.examination import examine
from workers.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
