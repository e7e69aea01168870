/** The import rules of docs/architecture.md: each room names what it may import. */
const rooms = {
  core: [],
  sampling: ["core"],
  grammar: ["core", "sampling"],
  mcmc: ["core"],
  kvcache: ["core"],
  engine: ["core", "sampling", "kvcache", "files"],
  samplers: ["core", "sampling", "mcmc"],
  jinja: [],
  tools: [],
  decoder: ["core", "sampling", "mcmc", "samplers", "grammar", "jinja", "tools", "files"],
  selection: ["core"],
  files: ["core"],
  hub: ["core", "files"],
  server: ["core", "sampling", "tools", "selection"],
  evaluation: ["core", "files", "selection"],
  client: [],
  assembly: ["core", "engine", "decoder", "samplers", "files", "hub", "server", "client"],
};
/** What is known of samplers where requests and answers are read: browsers too. */
const declarations =
  "src/samplers/(declarations|registry|option-fields|sampler|field|described|report|remarks|law-fields|cost|.*/(settings|report|fields|mixing-advice)).ts";
/** Seams a room may import although the room behind them is closed to it. */
const seams = {
  samplers: ["src/engine/(engine|said|token-constraint|memo/memos).ts"],
  grammar: ["src/engine/token-constraint.ts"],
  decoder: ["src/engine/(engine|health|metered-engine|token-constraint|memo/memos).ts"],
  // Chains of one prompt are compared where they meet.
  server: [
    "src/decoder/completer.ts",
    "src/grammar/constraint.ts",
    "src/mcmc/mixing.ts",
    "src/samplers/check-engine.ts",
    declarations,
  ],
  evaluation: ["src/decoder/completer.ts", "src/mcmc/mixing.ts", declarations],
  // The messages, and what they mean: nothing that needs a server, or Node.
  client: [
    "src/core/server-root.ts",
    "src/selection/rules.ts",
    "src/server/schemas/.*",
    "src/server/watch/(messages|protocol|revision|backlog).ts",
    declarations,
  ],
};

/** Rooms within the engine's, and what each may import of it; `seam` is what stands beside them. */
const engineRooms = {
  seam: [],
  memo: ["seam"],
  speculation: ["seam"],
  remote: ["seam"],
  local: ["seam"],
  onnx: ["seam", "local/(runner|check-batch).ts"],
};
const inEngine = { seam: "[^/]+[.]ts$" };
const pathInEngine = (place) =>
  `^src/engine/${inEngine[place] ?? (place.endsWith(".ts") ? `${place}$` : `${place}/`)}`;

const engineRules = Object.entries(engineRooms).map(([room, allowed]) => ({
  name: `engine-${room}-imports-only-${allowed.map((place) => place.replace(/[^a-z]+/g, "-")).join("-") || "itself"}`,
  severity: "error",
  from: { path: pathInEngine(room) },
  to: { path: "^src/engine/", pathNot: [room, ...allowed].map(pathInEngine) },
}));

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `${room}-imports-only-${allowed.join("-") || "itself"}`,
  severity: "error",
  from: { path: `^src/${room}/` },
  to: {
    path: "^src/",
    pathNot: [`^src/(${[room, ...allowed].join("|")})/`, ...(seams[room] ?? []).map((seam) => `^${seam}$`)],
  },
}));

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "core-is-dependency-free",
      severity: "error",
      from: { path: "^src/(core|sampling|mcmc|jinja)/" },
      to: {
        path: "^(node_modules|node:)|^(fs|os|path|crypto|worker_threads)$",
        dependencyTypes: ["npm", "core", "npm-dev"],
      },
    },
    {
      name: "declarations-know-zod-and-core-alone",
      severity: "error",
      from: { path: `^${declarations}$` },
      to: { pathNot: `^(src/core/|${declarations}$|node_modules/zod/)` },
    },
    {
      name: "kvcache-npm",
      severity: "error",
      from: { path: "^src/kvcache/" },
      to: { dependencyTypes: ["npm", "core", "npm-dev"], pathNot: "lru-cache" },
    },
    {
      name: "src-is-closed",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(lab|bench|test|scripts)/" },
    },
    {
      name: "src-has-no-dev-dependencies",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev"] },
    },
    {
      name: "lab-and-bench-know-no-commands",
      severity: "error",
      from: { path: "^(lab|bench)/" },
      to: { path: "^src/(commands/|main.ts$)" },
    },
    {
      name: "web-knows-the-client-alone",
      severity: "error",
      from: { path: "^web/" },
      to: { path: "^(src|lab|bench|test|scripts)/", pathNot: "^src/client/client.ts$" },
    },
    ...roomRules,
    ...engineRules,
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
