"""What is asked of an encoder: each task turns stored vectors into probabilities of candidate taxa, and scores."""

from taxoeval.tasks.base import Subject, Task, TaskResult

__all__ = ["Subject", "Task", "TaskResult"]
