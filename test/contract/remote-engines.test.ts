import { createVllm } from "../../src/engine/remote/vllm.ts";
import { servedToy } from "../support/fake-servers/toy.ts";
import { FakeVllm } from "../support/fake-servers/vllm.ts";
import type { FakeVllmOptions } from "../support/fake-servers/vllm.ts";
import { testEngine } from "./engine.contract.ts";
import { remoteSubject } from "./remote-subject.ts";

const vllm = (vocabularySize: number, options: FakeVllmOptions = {}) => {
  const model = servedToy({ seed: 9, vocabularySize });
  return remoteSubject({
    model,
    dialect: createVllm({ vocabularySize }),
    start: () => new FakeVllm(model, options),
  });
};

testEngine("RemoteEngine over vLLM", vllm(6));
testEngine("RemoteEngine over vLLM that tells part of the vocabulary", vllm(90, { maxLogprobs: 40 }));
testEngine("RemoteEngine over vLLM by ids", vllm(90, { maxLogprobs: 40, isScaleOut: true }));
testEngine(
  "RemoteEngine over vLLM that reports log q",
  vllm(30, { maxLogprobs: 25, logprobsMode: "processed_logprobs" }),
);
