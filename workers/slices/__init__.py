"""The loops of a worker, each for the time of one Arq job: relay, deliver, maintain."""
