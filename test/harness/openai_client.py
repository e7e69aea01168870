"""The official OpenAI SDK for Python against a server: completes, chats, streams. Prints what it got as JSON."""

import json
import sys

import openai

base_url, prompt = sys.argv[1:]
client = openai.OpenAI(base_url=f"{base_url}/v1", api_key="unused", max_retries=0)
messages = [{"role": "user", "content": prompt}]
power = {"sampler": "power", "mcmc_steps": 4}


def streamed(chunks, text_of):
    return "".join(text_of(chunk.choices[0]) or "" for chunk in chunks if chunk.choices)


def completions():
    whole = client.completions.create(
        model="abacus", prompt=prompt, seed=1, logprobs=1, extra_body=power
    )
    chunks = client.completions.create(
        model="abacus",
        prompt=prompt,
        seed=1,
        stream=True,
        stream_options={"include_usage": True},
        extra_body=power,
    )
    return {
        "text": whole.choices[0].text,
        "streamed": streamed(chunks, lambda choice: choice.text),
        "tokens": len(whole.choices[0].logprobs.token_logprobs),
        "usage": whole.usage.completion_tokens,
        "power": whole.choices[0].power["alpha"],
    }


def chat():
    whole = client.chat.completions.create(model="abacus:power", messages=messages, seed=1)
    chunks = client.chat.completions.create(
        model="abacus:power", messages=messages, seed=1, stream=True
    )
    return {
        "text": whole.choices[0].message.content,
        "streamed": streamed(chunks, lambda choice: choice.delta.content),
        "finish": whole.choices[0].finish_reason,
    }


def responses():
    whole = client.responses.create(model="abacus:power", input=prompt, extra_body={"seed": 1})
    with client.responses.stream(
        model="abacus:power", input=prompt, extra_body={"seed": 1}
    ) as events:
        text = "".join(
            event.delta for event in events if event.type == "response.output_text.delta"
        )
        final = events.get_final_response()
    begun = client.responses.create(
        model="abacus",
        input=prompt,
        background=True,
        extra_body={**power, "mcmc_steps": 10000, "proposal_temperature": 1},
    )
    following = client.responses.create(
        model="abacus:greedy", input="1+1=", previous_response_id=whole.id
    )
    answer = {
        "text": whole.output_text,
        "streamed": [text, final.output_text],
        "retrieved": client.responses.retrieve(whole.id).output_text,
        "cancelled": client.responses.cancel(begun.id).status,
        "items": len(list(client.responses.input_items.list(following.id, limit=2))),
    }
    client.responses.delete(whole.id)
    try:
        client.responses.retrieve(whole.id)
    except openai.NotFoundError as error:
        return {**answer, "deleted": error.code}


def refusal():
    try:
        client.completions.create(model="gpt-4", prompt=prompt)
    except openai.NotFoundError as error:
        return error.code


print(
    json.dumps(
        {
            "version": openai.__version__,
            "models": [model.id for model in client.models.list()],
            "completions": completions(),
            "chat": chat(),
            "responses": responses(),
            "refusal": refusal(),
        }
    )
)
