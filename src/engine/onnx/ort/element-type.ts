/** ONNXTensorElementDataType, as far as language models use it. */
export const elementTypes = {
  float32: { code: 1, bytes: 4 },
  uint8: { code: 2, bytes: 1 },
  int32: { code: 6, bytes: 4 },
  int64: { code: 7, bytes: 8 },
  float16: { code: 10, bytes: 2 },
} as const;

export type ElementType = keyof typeof elementTypes;

export function elementTypeOf(code: number): ElementType | undefined {
  return (Object.keys(elementTypes) as ElementType[]).find((name) => elementTypes[name].code === code);
}
