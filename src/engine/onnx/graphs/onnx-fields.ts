/** Field numbers of onnx.proto3, by message; the part of them that graphs are read and rewritten by. */
export const field = {
  model: { graph: 7 },
  graph: { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13 },
  value: { name: 1, type: 2 },
  type: { tensor: 1 },
  tensorType: { element: 1, shape: 2 },
  shape: { dimension: 1 },
  dimension: { size: 1 },
  node: { input: 1, output: 2, operator: 4, attribute: 5 },
  attribute: { name: 1, integer: 3, type: 20 },
  tensor: { dimensions: 1, type: 2, external: 13 },
  entry: { key: 1, value: 2 },
} as const;
