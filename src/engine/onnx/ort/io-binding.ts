import { ort } from "./api.ts";
import type { Pointer } from "./api.ts";
import { check } from "./status.ts";
import type { HostTensor } from "./tensor.ts";

/** Which tensors a run reads and writes. Keeps them alive; made once, run many times. */
export class IoBinding implements Disposable {
  readonly pointer: Pointer;
  readonly #tensors: HostTensor[] = [];
  #isReleased = false;

  constructor(pointer: Pointer) {
    this.pointer = pointer;
  }

  bindInput(name: string, tensor: HostTensor): void {
    check(ort().BindInput(this.pointer, name, tensor.value) as Pointer | null);
    this.#tensors.push(tensor);
  }

  bindOutput(name: string, tensor: HostTensor): void {
    check(ort().BindOutput(this.pointer, name, tensor.value) as Pointer | null);
    this.#tensors.push(tensor);
  }

  /** Lets go of everything bound. */
  clear(): void {
    ort().ClearBoundInputs(this.pointer);
    ort().ClearBoundOutputs(this.pointer);
    this.#tensors.length = 0;
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    ort().ReleaseIoBinding(this.pointer);
    this.#tensors.length = 0;
  }
}
