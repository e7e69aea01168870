#!/usr/bin/env bash
# Asks the server at BASE_URL for structured output through clients as their users install them, COUNT times each way:
# bench/clients/structured.py says how. Each client has a venv of its own in FOLDER, .clients when left out, since they
# do not agree on the versions of what they share. Needs Python with venv.
#
#   scripts/clients.sh BASE_URL COUNT [FOLDER]
set -euo pipefail
base=$1 count=$2 folder=${3:-.clients}
clients=(openai==3.57.0 instructor==1.17.0 pydantic-ai-slim[openai]==2.68.0 langchain-openai==1.7.4 openai-agents==0.24.0 litellm==1.110.2 llm==0.36)
names=(openai instructor pydantic-ai langchain "Agents SDK" litellm llm)

status=0
for index in "${!clients[@]}"; do
  venv=$folder/${clients[$index]%%[\[=]*}
  if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet "${clients[$index]}"
  fi
  "$venv/bin/python" bench/clients/structured.py "$base" "$count" "${names[$index]}" || status=1
done
exit "$status"
