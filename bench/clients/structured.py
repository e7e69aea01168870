"""Structured output by clients as they are: every answer is parsed by the client and checked against its schema.

    structured.py BASE_URL N [NAME…] [--at-once 8]

Each way of asking (NAME: any part of what is printed) is asked N times, cycling over a few schemas and seeds; ways whose
library is not installed are skipped by name. Prints one line each, `valid of asked`, and what failed. Exit status 1
where anything failed.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from enum import Enum
from typing import Annotated, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field

Short = Annotated[str, Field(max_length=16)]


class Person(BaseModel):
    """A person."""

    model_config = ConfigDict(extra="forbid")
    name: Short
    age: Annotated[int, Field(ge=0, le=120)]
    tags: Annotated[list[Short], Field(max_length=3)]


class Colour(str, Enum):
    red = "red"
    green = "green"
    blue = "blue"


class Address(BaseModel):
    model_config = ConfigDict(extra="forbid")
    street: Short
    number: Annotated[int, Field(ge=1, le=999)]


class Order(BaseModel):
    """An order."""

    model_config = ConfigDict(extra="forbid")
    colour: Colour
    amount: Annotated[float, Field(ge=0, le=100)]
    express: bool
    address: Address
    note: Optional[Short]


class Anything(BaseModel):
    """Any object: all that instructor's JSON mode asks of a server, which leaves the schema to the prompt."""

    model_config = ConfigDict(extra="allow")


class Verdict(BaseModel):
    """A verdict."""

    model_config = ConfigDict(extra="forbid")
    label: Literal["positive", "negative", "neutral"]
    confidence: Annotated[int, Field(ge=0, le=100)]


CASES = [
    (Person, "Describe somebody whom you might meet on a train, as JSON."),
    (Order, "Make up an order of a lamp for a customer, as JSON."),
    (Verdict, "Judge this review: 'The soup was cold but the waiter was kind.'"),
]
MOST_TOKENS = 512
MODEL = "model"


def check(kind, value):
    """By way of JSON and back, so that a client that skips validation is caught."""
    data = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    kind.model_validate(json.loads(json.dumps(data)))


def openai_ways(base):
    from openai import AsyncOpenAI, pydantic_function_tool

    client = AsyncOpenAI(base_url=base + "/v1", api_key="none", max_retries=0, timeout=600)

    def chat(prompt):
        return {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "max_tokens": MOST_TOKENS}

    async def parse(kind, prompt, seed, **extra):
        answer = await client.chat.completions.parse(**chat(prompt), response_format=kind, seed=seed, **extra)
        check(kind, answer.choices[0].message.parsed)

    async def stream(kind, prompt, seed):
        async with client.chat.completions.stream(**chat(prompt), response_format=kind, seed=seed) as events:
            answer = await events.get_final_completion()
        check(kind, answer.choices[0].message.parsed)

    async def power(kind, prompt, seed):
        await parse(kind, prompt, seed, extra_body={"sampler": "power", "mcmc_steps": 2})

    async def tools(kind, prompt, seed):
        answer = await client.chat.completions.parse(
            **chat(prompt), tools=[pydantic_function_tool(kind, name="record")], tool_choice="required", seed=seed, parallel_tool_calls=False
        )
        calls = answer.choices[0].message.tool_calls
        assert calls and all(call.function.name == "record" for call in calls), answer
        for call in calls:
            check(kind, call.function.parsed_arguments)

    async def tools_stream(kind, prompt, seed):
        async with client.chat.completions.stream(
            **chat(prompt), tools=[pydantic_function_tool(kind, name="record")], tool_choice="required", seed=seed, parallel_tool_calls=False
        ) as events:
            answer = await events.get_final_completion()
        calls = answer.choices[0].message.tool_calls
        assert calls, answer
        for call in calls:
            check(kind, call.function.parsed_arguments)

    async def responses(kind, prompt, seed):
        answer = await client.responses.parse(
            model=MODEL, input=prompt, text_format=kind, max_output_tokens=MOST_TOKENS, extra_body={"seed": seed}
        )
        check(kind, answer.output_parsed)

    async def responses_stream(kind, prompt, seed):
        async with client.responses.stream(
            model=MODEL, input=prompt, text_format=kind, max_output_tokens=MOST_TOKENS, extra_body={"seed": seed}
        ) as events:
            answer = await events.get_final_response()
        check(kind, answer.output_parsed)

    return {
        "openai chat.parse": parse,
        "openai chat.stream": stream,
        "openai chat.parse, power": power,
        "openai tools": tools,
        "openai tools, stream": tools_stream,
        "openai responses.parse": responses,
        "openai responses.stream": responses_stream,
    }


def instructor_ways(base):
    import instructor
    from openai import AsyncOpenAI

    def way(mode):
        client = instructor.from_openai(
            AsyncOpenAI(base_url=base + "/v1", api_key="none", max_retries=0, timeout=600), mode=mode
        )

        def body(prompt, seed):
            messages = [{"role": "user", "content": prompt}]
            return {"model": MODEL, "messages": messages, "max_tokens": MOST_TOKENS, "max_retries": 0, "seed": seed}

        async def whole(kind, prompt, seed):
            check(kind, await client.chat.completions.create(response_model=kind, **body(prompt, seed)))

        async def partial(kind, prompt, seed):
            last = None
            async for last in client.chat.completions.create_partial(response_model=kind, strict=False, **body(prompt, seed)):
                pass
            check(kind, last)

        return whole, partial

    ways = {}
    for name in ("TOOLS", "JSON_SCHEMA"):
        whole, partial = way(getattr(instructor.Mode, name))
        ways[f"instructor {name}"] = whole
        ways[f"instructor {name}, partial stream"] = partial
    whole, _ = way(instructor.Mode.JSON)
    ways["instructor JSON"] = whole
    ways["instructor JSON, any object"] = lambda _, prompt, seed: whole(Anything, prompt, seed)
    return ways


def pydantic_ai_ways(base):
    from pydantic_ai import Agent, NativeOutput, ToolOutput
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=base + "/v1", api_key="none")
    models = {"chat": OpenAIChatModel(MODEL, provider=provider), "responses": OpenAIResponsesModel(MODEL, provider=provider)}

    def way(model, output):
        def agent(kind, seed):
            settings = {"max_tokens": MOST_TOKENS, "parallel_tool_calls": False}
            settings |= {"seed": seed} if model == "chat" else {"extra_body": {"seed": seed}}
            return Agent(models[model], output_type=output(kind), retries=0, model_settings=settings)

        async def whole(kind, prompt, seed):
            check(kind, (await agent(kind, seed).run(prompt)).output)

        async def stream(kind, prompt, seed):
            async with agent(kind, seed).run_stream(prompt) as result:
                check(kind, await result.get_output())

        return whole, stream

    ways = {}
    for model in models:
        for name, output in (("output_type by tool", ToolOutput), ("native output_type", NativeOutput)):
            whole, stream = way(model, output)
            ways[f"pydantic-ai {model}, {name}"] = whole
            ways[f"pydantic-ai {model}, {name}, stream"] = stream
    return ways


def langchain_ways(base):
    from langchain_openai import ChatOpenAI

    def way(method, **extra):
        def bound(kind, seed):
            model = ChatOpenAI(
                base_url=base + "/v1", api_key="none", model=MODEL, max_tokens=MOST_TOKENS, seed=seed, max_retries=0, **extra
            )
            return model.with_structured_output(kind, method=method)

        async def whole(kind, prompt, seed):
            check(kind, await bound(kind, seed).ainvoke(prompt))

        async def stream(kind, prompt, seed):
            last = None
            async for last in bound(kind, seed).astream(prompt):
                pass
            check(kind, last)

        return whole, stream

    ways = {}
    for method in ("json_schema", "function_calling"):
        whole, stream = way(method)
        ways[f"langchain {method}"] = whole
        ways[f"langchain {method}, stream"] = stream
    return ways


def agents_ways(base):
    from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, set_tracing_disabled
    from openai import AsyncOpenAI

    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=base + "/v1", api_key="none", max_retries=0, timeout=600)
    models = {
        "chat": OpenAIChatCompletionsModel(model=MODEL, openai_client=client),
        "responses": OpenAIResponsesModel(model=MODEL, openai_client=client),
    }

    def way(model):
        def agent(kind, seed):
            settings = ModelSettings(max_tokens=MOST_TOKENS, extra_body={"seed": seed})
            return Agent(name="clerk", model=models[model], output_type=kind, model_settings=settings)

        async def whole(kind, prompt, seed):
            check(kind, (await Runner.run(agent(kind, seed), prompt)).final_output)

        async def stream(kind, prompt, seed):
            result = Runner.run_streamed(agent(kind, seed), prompt)
            async for _ in result.stream_events():
                pass
            check(kind, result.final_output)

        return whole, stream

    ways = {}
    for model in models:
        whole, stream = way(model)
        ways[f"Agents SDK {model}"] = whole
        ways[f"Agents SDK {model}, stream"] = stream
    return ways


def litellm_ways(base):
    import litellm

    async def chat(kind, prompt, seed):
        answer = await litellm.acompletion(
            model="openai/" + MODEL, api_base=base + "/v1", api_key="none", seed=seed, max_tokens=MOST_TOKENS,
            messages=[{"role": "user", "content": prompt}], response_format=kind, num_retries=0,
        )
        kind.model_validate_json(answer.choices[0].message.content)

    async def responses(kind, prompt, seed):
        answer = await litellm.aresponses(
            model="openai/" + MODEL, api_base=base + "/v1", api_key="none", input=prompt, max_output_tokens=MOST_TOKENS,
            extra_body={"seed": seed},
            text={"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": kind.model_json_schema()}},
        )
        kind.model_validate_json(answer.output[0].content[0].text)

    return {"litellm completion": chat, "litellm responses": responses}


def llm_ways(base):
    import llm  # the library behind the command

    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "extra-openai-models.yaml"), "w") as file:
        file.write(
            f"- model_id: metropolis\n  model_name: {MODEL}\n  api_base: {base}/v1\n"
            "  supports_schema: true\n  supports_tools: true\n  can_stream: true\n"
        )
    environment = os.environ | {"LLM_USER_PATH": folder, "OPENAI_API_KEY": "none"}
    command = os.path.join(os.path.dirname(sys.executable), "llm")
    # Its first run makes its database; several at once get in one another's way.
    subprocess.run([command, "-m", "metropolis", "-o", "max_tokens", "1", "Hello"], env=environment, stdout=subprocess.DEVNULL, check=True)

    def way(*options):
        async def run(kind, prompt, seed):
            arguments = ["-m", "metropolis", "--schema", json.dumps(kind.model_json_schema()), "--no-log", *options]
            arguments += ["-o", "seed", str(seed), "-o", "max_tokens", str(MOST_TOKENS), prompt]
            process = await asyncio.create_subprocess_exec(
                command, *arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()[-500:]
            kind.model_validate_json(out)

        return run

    return {"llm --schema": way("--no-stream"), "llm --schema, stream": way()}


CLIENTS = [openai_ways, instructor_ways, pydantic_ai_ways, langchain_ways, agents_ways, litellm_ways, llm_ways]


async def ask(way, count, at_once):
    gate = asyncio.Semaphore(at_once)
    failures = []

    async def one(index):
        kind, prompt = CASES[index % len(CASES)]
        async with gate:
            try:
                await way(kind, prompt, index)
            except Exception as error:  # whatever a client throws is a failure of the answer
                failures.append(f"seed {index}, {kind.__name__}: {type(error).__name__}: {str(error)[:300]}")

    await asyncio.gather(*(one(index) for index in range(count)))
    return failures


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("count", type=int)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    global MODEL
    with urllib.request.urlopen(options.base + "/v1/models") as answer:
        MODEL = json.load(answer)["data"][0]["id"]
    failed = False
    for make in CLIENTS:
        try:
            ways = make(options.base)
        except ImportError as error:
            print(f"skipped: {make.__name__.removesuffix('_ways')} ({error.name} is not installed)")
            continue
        for name, way in ways.items():
            if options.names and not any(part in name for part in options.names):
                continue
            start = time.monotonic()
            failures = await ask(way, options.count, options.at_once)
            seconds = time.monotonic() - start
            print(f"{name}: {options.count - len(failures)} of {options.count} valid ({seconds:.0f} s)", flush=True)
            for failure in failures[:3]:
                print(f"  {failure}", flush=True)
            failed = failed or bool(failures)
    sys.exit(1 if failed else 0)


asyncio.run(main())
