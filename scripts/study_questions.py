"""Writes the procedural questions of docs/results.md: `python study_questions.py FOLDER` makes FOLDER/sums.json and
FOLDER/products.json, the same each time. Wants `pip install reasoning-gym==0.1.25`."""

import json
import pathlib
import sys

import reasoning_gym

TASKS = {
    "sums": ("chain_sum", dict(min_terms=2, max_terms=3, min_digits=1, max_digits=2)),
    "products": ("products", dict(min_digits=1, max_digits=2)),
}

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, (task, settings) in TASKS.items():
    drawn = reasoning_gym.create_dataset(task, size=4000, seed=1, **settings)
    distinct = {}
    for record in drawn:
        distinct.setdefault(record["question"], record)
    (folder / f"{name}.json").write_text(json.dumps(list(distinct.values())[:620], indent=1) + "\n")
