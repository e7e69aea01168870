import onnxProto from "onnx-proto";

const { onnx } = onnxProto;

const float32 = onnx.TensorProto.DataType.FLOAT;
const int64 = onnx.TensorProto.DataType.INT64;
const vocabularySize = 11;
const heads = 2;
const headDim = 4;

/** A graph with the names and shapes of a shared-cache decoder that appends to its cache by Concat instead. */
export function concatGraph(): Uint8Array {
  const sides = ["key", "value"];
  const cache = (name: string, length: string) => valueInfo(name, float32, ["batch", heads, length, headDim]);
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 17 }],
    graph: {
      name: "concat",
      input: [
        valueInfo("input_ids", int64, ["batch", "sequence"]),
        valueInfo("attention_mask", int64, ["batch", "total"]),
        ...sides.map((side) => cache(`past_key_values.0.${side}`, "past")),
      ],
      output: [
        valueInfo("logits", float32, ["batch", "sequence", vocabularySize]),
        ...sides.map((side) => cache(`present.0.${side}`, "present")),
      ],
      initializer: [
        table("head", vocabularySize),
        table("projection", heads * headDim),
        { name: "split", dataType: int64, dims: [4], int64Data: [0, 0, heads, headDim] },
      ],
      node: [
        { opType: "Gather", input: ["head", "input_ids"], output: ["logits"] },
        { opType: "Gather", input: ["projection", "input_ids"], output: ["flat"] },
        { opType: "Reshape", input: ["flat", "split"], output: ["rows"] },
        {
          opType: "Transpose",
          input: ["rows"],
          output: ["new"],
          attribute: [integers("perm", [0, 2, 1, 3])],
        },
        ...sides.map((side) => ({
          opType: "Concat",
          input: [`past_key_values.0.${side}`, "new"],
          output: [`present.0.${side}`],
          attribute: [{ name: "axis", type: onnx.AttributeProto.AttributeType.INT, i: 2 }],
        })),
      ],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

function table(name: string, width: number): onnxProto.onnx.ITensorProto {
  const floatData = Array.from({ length: vocabularySize * width }, (_, index) => index / 10);
  return { name, dataType: float32, dims: [vocabularySize, width], floatData };
}

function integers(name: string, ints: number[]): onnxProto.onnx.IAttributeProto {
  return { name, type: onnx.AttributeProto.AttributeType.INTS, ints };
}

function valueInfo(
  name: string,
  elemType: number,
  shape: readonly (string | number)[],
): onnxProto.onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
