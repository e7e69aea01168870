import { createLlamaCpp } from "../../src/engine/remote/llamacpp.ts";
import { createSglang } from "../../src/engine/remote/sglang.ts";
import { createVllm } from "../../src/engine/remote/vllm.ts";
import { FakeLlamaCpp } from "../support/fake-servers/llamacpp.ts";
import type { FakeLlamaCppOptions } from "../support/fake-servers/llamacpp.ts";
import { FakeSglang } from "../support/fake-servers/sglang.ts";
import type { FakeSglangOptions } from "../support/fake-servers/sglang.ts";
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

const llamaCpp = (vocabularySize: number, options: FakeLlamaCppOptions = {}) => {
  const model = servedToy({ seed: 9, vocabularySize });
  return remoteSubject({
    model,
    dialect: createLlamaCpp(),
    start: () => new FakeLlamaCpp(model, options),
  });
};

const sglang = (vocabularySize: number, options: FakeSglangOptions = {}) => {
  const model = servedToy({ seed: 9, vocabularySize });
  return remoteSubject({
    model,
    dialect: createSglang({ vocabularySize }),
    start: () => new FakeSglang(model, options),
  });
};

testEngine("RemoteEngine over vLLM", vllm(6));
testEngine("RemoteEngine over vLLM that tells part of the vocabulary", vllm(90, { maxLogprobs: 40 }));
testEngine("RemoteEngine over vLLM by ids", vllm(90, { maxLogprobs: 40, isScaleOut: true }));
testEngine(
  "RemoteEngine over vLLM that reports log q",
  vllm(30, { maxLogprobs: 25, logprobsMode: "processed_logprobs" }),
);
testEngine("RemoteEngine over vLLM that does not tell ends", vllm(6, { forgetsEnds: true }));
testEngine("RemoteEngine over llama.cpp", llamaCpp(90, { mostProbs: 40 }));
testEngine(
  "RemoteEngine over llama.cpp that ends by itself and withholds tokens",
  llamaCpp(6, { endToken: 4, parts: [1, 3] }),
);
testEngine("RemoteEngine over SGLang that reports log q", sglang(30, { mostTop: 25, endToken: 4 }));
testEngine(
  "RemoteEngine over SGLang that reports log p but for biases",
  sglang(90, { isOriginal: true, mostTop: 40, isIncremental: true, interval: 3 }),
);
