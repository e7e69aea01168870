import { z } from "zod";
import { count, described } from "../../../samplers/described.ts";
import { chatLogprobs } from "../chat.ts";
import { progress } from "../chunks.ts";
import { errorResponse } from "../errors.ts";
import { exampleFirstStep, exampleWorking } from "../example-sum.ts";
import { votes } from "../selection.ts";
import { outputItem, outputText, responseResponse } from "./response.ts";

const numbered = {
  sequence_number: count("Counted from 0; `starting_after` takes it.", 0),
};

const ofItem = {
  ...numbered,
  output_index: count("Which item of the output.", 0),
};

const ofPart = {
  ...ofItem,
  item_id: described(z.string(), "The item.", "msg_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7"),
  content_index: count("Which part of the item.", 0),
};

const kind = <Name extends string>(...names: [Name, ...Name[]]) =>
  described(z.enum(names), "The kind of event.", names[0]);

const ofResponse = z.object({
  type: kind(
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.completed",
    "response.incomplete",
    "response.failed",
  ),
  ...numbered,
  response: described(responseResponse, "As it stands; whole in the last event.", {}),
});

const itemEvent = z.object({
  type: kind("response.output_item.added", "response.output_item.done"),
  ...ofItem,
  item: described(outputItem, "As it stands.", {}),
});

const partEvent = z.object({
  type: kind("response.content_part.added", "response.content_part.done"),
  ...ofPart,
  part: described(outputText, "As it stands.", {}),
});

const logprobs = described(chatLogprobs.shape.content, "Of its tokens, where they are included.", []);

const deltaEvent = z.object({
  type: kind("response.output_text.delta"),
  ...ofPart,
  delta: described(z.string(), "What is new of the text.", exampleFirstStep),
  logprobs,
});

const textEvent = z.object({
  type: kind("response.output_text.done"),
  ...ofPart,
  text: described(z.string(), "All of it.", exampleWorking),
  logprobs,
});

const ofCall = {
  ...ofItem,
  item_id: described(z.string(), "The item.", "fc_0f8e2c5d9b7a4e31a6d4c2b1f0e9d8c7"),
};

const argumentsDelta = z.object({
  type: kind("response.function_call_arguments.delta"),
  ...ofCall,
  delta: described(z.string(), "What is new of the arguments.", '{"a": '),
});

const argumentsEvent = z.object({
  type: kind("response.function_call_arguments.done"),
  ...ofCall,
  name: described(z.string(), "The function.", "add"),
  arguments: described(z.string(), "All of them.", '{"a": 1, "b": 2}'),
});

const progressEvent = z.object({
  type: kind("metropolis.progress"),
  sequence_number: count("That of the event before it: only what is kept is counted.", 1),
  progress: progress.meta({ examples: [{ index: 0, block: 3, blocks: 16 }] }),
});

const votesEvent = z.object({
  type: kind("metropolis.votes"),
  sequence_number: progressEvent.shape.sequence_number,
  votes: described(votes, "How the vote stands.", {}),
});

const { message, param, code } = errorResponse.shape.error.shape;

const errorEvent = z.object({ type: kind("error"), ...numbered, message, param, code });

export const responseEvent = z
  .discriminatedUnion("type", [
    ofResponse,
    itemEvent,
    partEvent,
    deltaEvent,
    textEvent,
    argumentsDelta,
    argumentsEvent,
    progressEvent,
    votesEvent,
    errorEvent,
  ])
  .meta({ id: "ResponseEvent", description: "An event of a streamed response." });

export type ResponseEvent = z.output<typeof responseEvent>;
