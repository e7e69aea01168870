import onnxProto from "onnx-proto";

const { onnx } = onnxProto;
const float32 = onnx.TensorProto.DataType.FLOAT;
const float16 = onnx.TensorProto.DataType.FLOAT16;

/**
 * The same graph in float16: its weights, what it takes and what it gives. Weights of all-float32 graphs stand in
 * rawData.
 */
export function toHalfPrecision(model: Uint8Array): Uint8Array {
  const decoded = onnx.ModelProto.decode(model);
  for (const tensor of decoded.graph!.initializer!) {
    if (tensor.dataType !== float32) continue;
    // A copy, for weights may begin anywhere in the file.
    const { buffer } = new Uint8Array(tensor.rawData!);
    const halves = Uint16Array.from(new Float32Array(buffer), toHalf);
    tensor.dataType = float16;
    tensor.rawData = new Uint8Array(halves.buffer);
  }
  for (const { type } of [...decoded.graph!.input!, ...decoded.graph!.output!]) {
    if (type!.tensorType!.elemType === float32) type!.tensorType!.elemType = float16;
  }
  return onnx.ModelProto.encode(decoded).finish();
}

/** The bits of a number as a half; larger numbers than halves reach are not asked for. */
export function toHalf(value: number): number {
  if (value === 0) return 0;
  if (!Number.isFinite(value)) return value > 0 ? 0x7c00 : value < 0 ? 0xfc00 : 0x7e00;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value))));
  const mantissa = Math.round((Math.abs(value) / 2 ** exponent) * 1024);
  return (value < 0 ? 0x8000 : 0) + (exponent + 15) * 1024 + mantissa - 1024;
}
