import { ort } from "./api.ts";
import type { Pointer } from "./api.ts";
import { check } from "./status.ts";
import type { Tensor } from "./tensor.ts";

/** Which tensors a run reads and writes. Keeps them alive; made once, run many times. */
export class IoBinding implements Disposable {
  readonly pointer: Pointer;
  readonly #tensors = new Map<string, Tensor>();
  #isReleased = false;

  constructor(pointer: Pointer) {
    this.pointer = pointer;
  }

  /** By the names of the graph. */
  get bound(): ReadonlyMap<string, Tensor> {
    return this.#tensors;
  }

  /** On another device than the CPU this is when a host tensor's contents are copied there. */
  bindInput(name: string, tensor: Tensor): void {
    check(ort().BindInput(this.pointer, name, tensor.value) as Pointer | null);
    this.#tensors.set(name, tensor);
  }

  bindOutput(name: string, tensor: Tensor): void {
    check(ort().BindOutput(this.pointer, name, tensor.value) as Pointer | null);
    this.#tensors.set(name, tensor);
  }

  /** Lets go of everything bound. */
  clear(): void {
    ort().ClearBoundInputs(this.pointer);
    ort().ClearBoundOutputs(this.pointer);
    this.#tensors.clear();
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    ort().ReleaseIoBinding(this.pointer);
    this.#tensors.clear();
  }
}
