"""What the drivers of the peers speak with the bench, one line of JSON each way.

    python DRIVER.py MODEL THREADS FOLDER

FOLDER is what scripts/peers.sh made. A driver loads its model and says {"engine": "name and version"}, or {"missing": "..."} where a package is not installed. To each line {"prompts": [[id, ...], ...], "tokens": n},
prompts of one length, it answers {"tokens": [[id, ...], ...]}: n tokens to each prompt, the likeliest each time,
whether they end the text or not. It keeps nothing from one line for the next.
"""

import json
import os
import sys


def serve(load):
    """load(model, threads) -> (name and version, complete(prompts, tokens) -> token ids to each prompt)"""
    # What libraries print must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        engine, complete = load(sys.argv[1], int(sys.argv[2]))
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": str(error)}), file=answers)
        return
    print(json.dumps({"engine": engine}), file=answers)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps({"tokens": complete(question["prompts"], question["tokens"])}), file=answers)
