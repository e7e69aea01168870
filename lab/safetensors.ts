/** A float32 tensor, row-major. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Readers may map the file: its data begins at a multiple of this. */
const alignment = 8;

/**
 * Writes tensors in the safetensors format (https://huggingface.co/docs/safetensors): the header's length as 8 bytes,
 * least significant first, the header as JSON, then the tensors' bytes, each where the header says.
 * @throws RangeError naming the tensor that has not as many values as its shape says
 */
export function encodeSafetensors(tensors: ReadonlyMap<string, FloatTensor>): Uint8Array {
  // transformers asks the file which library its tensors are of.
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const [name, { shape, values }] of tensors) {
    const size = shape.reduce((product, length) => product * length, 1);
    if (values.length !== size)
      throw new RangeError(`${name} has ${values.length} values, not those of [${shape.join(", ")}]`);
    const begin = end;
    end += values.byteLength;
    header[name] = { dtype: "F32", shape, data_offsets: [begin, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const dataStart = Math.ceil((8 + text.length) / alignment) * alignment;
  const file = Buffer.alloc(dataStart + end, " ");
  file.writeBigUInt64LE(BigInt(dataStart - 8));
  text.copy(file, 8);
  let position = dataStart;
  for (const { values } of tensors.values())
    for (const value of values) position = file.writeFloatLE(value, position);
  return file;
}
