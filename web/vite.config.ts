import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The playground: built beside the server, which serves it at `/`. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  build: {
    outDir: fileURLToPath(new URL("../dist/web", import.meta.url)),
    emptyOutDir: true,
    target: "es2023",
    // Workers and images inlined as data: would need holes in the content security policy.
    assetsInlineLimit: 0,
  },
});
