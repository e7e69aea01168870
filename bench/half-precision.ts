import onnxProto from "onnx-proto";

const { onnx } = onnxProto;
const float32 = onnx.TensorProto.DataType.FLOAT;
const float16 = onnx.TensorProto.DataType.FLOAT16;

/** The same graph in float16: its weights, what it takes and what it gives. Weights of all-float32 graphs stand in rawData. */
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

/** Rounded down to eleven significant bits; smaller than 2^−14 is 0. */
function toHalf(value: number): number {
  if (Math.abs(value) < 2 ** -14) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const mantissa = Math.floor((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | mantissa;
}
