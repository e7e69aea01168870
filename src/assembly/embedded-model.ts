import { fileURLToPath } from "node:url";

/** Folder of the model that comes with the package; the same from src/ and from dist/. */
export const embeddedModel = fileURLToPath(new URL("../../models/abacus", import.meta.url));
