import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { ofServer, readEngineServer } from "../../../src/commands/engine-options.ts";
import type { EngineOptions } from "../../../src/commands/engine-options.ts";
import { serveOptions } from "../../../src/commands/serve-options.ts";
import type { ServeSettings } from "../../../src/commands/serve-settings.ts";
import { closeMarginMs } from "../../../src/server/graceful-close.ts";
import { remoteMetrics } from "../../../src/server/remote-metrics.ts";

/** The examples that are deployed, and what docs/cluster.md names. */

const root = new URL("../../../", import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), "utf8");

const folder = await mkdtemp(join(tmpdir(), "metropolis-deploy-"));
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

/** `null` for what is passed on from outside. */
type Environment = Readonly<Record<string, string | null>>;

/** What `serve` makes of an environment; names that are no option of it are refused. */
function serve(environment: Environment): { command: Command; settings: ServeSettings } {
  const command = new Command().exitOverride();
  for (const one of serveOptions()) command.addOption(one);
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith("METROPOLIS_")) expect(command.options.map(({ envVar }) => envVar)).toContain(name);
    if (value !== null) vi.stubEnv(name, value);
  }
  command.parse([], { from: "user" });
  return { command, settings: command.opts<ServeSettings>() };
}

const labels = z.record(z.string(), z.string());
const port = z.union([z.string(), z.number()]);
const probe = z.object({
  httpGet: z.object({ path: z.string(), port }),
  periodSeconds: z.number(),
  failureThreshold: z.number().optional(),
});
const container = z.object({
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(
    z.object({
      name: z.string(),
      value: z.string().optional(),
      valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).optional(),
    }),
  ),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  lifecycle: z
    .object({
      preStop: z.object({ exec: z.object({ command: z.tuple([z.literal("sleep"), z.coerce.number()]) }) }),
    })
    .optional(),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
  securityContext: z.object({ readOnlyRootFilesystem: z.boolean() }).optional(),
});
const deployment = z.object({
  kind: z.literal("Deployment"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    selector: z.object({ matchLabels: labels }),
    template: z.object({
      metadata: z.object({ labels }),
      spec: z.object({
        terminationGracePeriodSeconds: z.number(),
        enableServiceLinks: z.boolean().default(true),
        containers: z.tuple([container]),
        volumes: z.array(
          z.object({
            name: z.string(),
            secret: z.object({ secretName: z.string() }).optional(),
            persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
          }),
        ),
      }),
    }),
  }),
});
const service = z.object({
  kind: z.literal("Service"),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    selector: labels,
    ports: z.array(z.object({ port: z.number(), targetPort: port })),
  }),
});
const secret = z.object({
  kind: z.literal("Secret"),
  metadata: z.object({ name: z.string() }),
  stringData: labels,
});
const claim = z.object({
  kind: z.literal("PersistentVolumeClaim"),
  metadata: z.object({ name: z.string() }),
});
const resource = z.discriminatedUnion("kind", [deployment, service, secret, claim]);

async function resources(path: string) {
  const documents = parseAllDocuments(await read(path), { uniqueKeys: true });
  const parsed = documents.map((document) => {
    expect(document.errors).toEqual([]);
    return resource.parse(document.toJS());
  });
  return {
    deployments: parsed.filter((one) => one.kind === "Deployment"),
    services: parsed.filter((one) => one.kind === "Service"),
    secrets: parsed.filter((one) => one.kind === "Secret"),
    claims: parsed.filter((one) => one.kind === "PersistentVolumeClaim"),
  };
}

/** Until the cluster has heard that the pod goes, and from then on. */
function secondsToEnd({ lifecycle }: z.output<typeof container>, { shutdownTimeout }: ServeSettings): number {
  const [, pause] = lifecycle!.preStop.exec.command;
  expect(pause).toBeGreaterThan(0);
  return pause + shutdownTimeout + closeMarginMs / 1000;
}

describe("the Kubernetes examples", async () => {
  const front = await resources("deploy/kubernetes/metropolis.yaml");
  const behind = await resources("deploy/kubernetes/vllm.yaml");
  const local = await resources("deploy/kubernetes/local/metropolis.yaml");
  const all = [front, behind, local];
  const [keys] = front.secrets;

  it("has a service of each deployment, at ports that it has, and probes of these", () => {
    for (const { deployments, services } of all) {
      const [{ spec }] = deployments as [z.output<typeof deployment>];
      expect(spec.template.metadata.labels).toEqual(spec.selector.matchLabels);
      expect(services[0]!.spec.selector).toEqual(spec.selector.matchLabels);
      const { ports, startupProbe, readinessProbe, livenessProbe } = spec.template.spec.containers[0];
      const names = ports.map(({ name }) => name);
      for (const { targetPort } of services[0]!.spec.ports) expect(names).toContain(targetPort);
      for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
        expect(httpGet.path).toBe("/health");
        expect(names).toContain(httpGet.port);
      }
    }
  });

  it("has no service's address taken for a setting", () => {
    const variables = all.flatMap(({ services }) =>
      services.map(({ metadata }) => `${metadata.name.toUpperCase()}_PORT`),
    );
    // vLLM's own is no option of ours.
    const settings = [...serveOptions().map(({ envVar }) => envVar), "VLLM_PORT"];
    expect(settings).toEqual(expect.arrayContaining(variables));
    for (const { spec } of all.flatMap(({ deployments }) => deployments))
      expect(spec.template.spec.enableServiceLinks).toBe(false);
  });

  it("mounts and reads keys that the secret has", () => {
    for (const { template } of all.flatMap(({ deployments }) => deployments.map(({ spec }) => spec))) {
      const { containers, volumes } = template.spec;
      for (const { secret: used } of volumes)
        if (used !== undefined) expect(used.secretName).toBe(keys!.metadata.name);
      for (const { valueFrom } of containers[0].env) {
        if (valueFrom === undefined) continue;
        expect(valueFrom.secretKeyRef.name).toBe(keys!.metadata.name);
        expect(Object.keys(keys!.stringData)).toContain(valueFrom.secretKeyRef.key);
      }
      const mounted = containers[0].volumeMounts.map(({ name }) => name);
      expect(mounted.toSorted()).toEqual(volumes.map(({ name }) => name).toSorted());
    }
  });

  it("of a model in Metropolis itself is a setting of serve, which may write to what is mounted alone", async () => {
    const [{ spec }] = local.deployments as [z.output<typeof deployment>];
    const { containers, volumes, terminationGracePeriodSeconds } = spec.template.spec;
    const [{ env, volumeMounts, ports, securityContext }] = containers;
    expect(Object.keys(local.secrets[0]!.stringData)).toEqual(["api-keys"]);
    const { settings } = serve(Object.fromEntries(env.map(({ name, value }) => [name, value!])));
    expect(settings.engine).toBe("onnx");
    const keys = volumeMounts.find(({ name }) => name === "keys")!.mountPath;
    expect(settings.apiKeyFile).toBe(`${keys}/api-keys`);
    expect(terminationGracePeriodSeconds).toBeGreaterThan(secondsToEnd(containers[0], settings));
    expect(volumes.flatMap(({ persistentVolumeClaim: one }) => one?.claimName ?? [])).toEqual(
      local.claims.map(({ metadata }) => metadata.name),
    );
    expect(securityContext!.readOnlyRootFilesystem).toBe(true);
    // What the image sets.
    const image = await read("Dockerfile");
    const models = volumeMounts.find(({ name }) => name === "models")!.mountPath;
    expect(image).toContain(`HF_HOME=${models}\n`);
    for (const { name, containerPort } of ports)
      expect(image).toContain(`METROPOLIS_${name === "health" ? "HEALTH_PORT" : "PORT"}=${containerPort} `);
  });

  it("is a setting of serve that names the service of vLLM, and the model that it runs", async () => {
    const [{ spec }] = front.deployments as [z.output<typeof deployment>];
    const [server] = spec.template.spec.containers;
    const { env, volumeMounts, startupProbe, ports } = server;
    const mount = volumeMounts.find(({ name }) => name === "keys")!.mountPath;
    const environment: Record<string, string> = {};
    for (const { name, value } of env) {
      expect(value, name).toBeDefined();
      environment[name] = value!;
      if (!name.endsWith("_KEY_FILE")) continue;
      const [, key] = value!.split(`${mount}/`) as [string, string];
      environment[name] = join(folder, key);
      await writeFile(environment[name], `${keys!.stringData[key]}\n`);
    }
    const { command, settings } = serve(environment);
    const { key, url, dialect } = (await readEngineServer(settings, command))!;
    expect(dialect).toBe("vllm");
    expect(key).toBe(keys!.stringData["engine-key"]);
    const [
      {
        metadata,
        spec: { ports: open },
      },
    ] = behind.services as [z.output<typeof service>];
    expect(new URL(url).host).toBe(`${metadata.name}:${open[0]!.port}`);
    const [vllm] = behind.deployments[0]!.spec.template.spec.containers;
    expect(vllm.args![0]).toBe(settings.model);
    expect(settings.apiKeyFile).toBeDefined();
    const { terminationGracePeriodSeconds } = spec.template.spec;
    expect(terminationGracePeriodSeconds).toBeGreaterThan(secondsToEnd(server, settings));
    // It is not ended before it would end itself.
    const patience = startupProbe.periodSeconds * startupProbe.failureThreshold!;
    expect(patience).toBeGreaterThanOrEqual(settings.engineWait);
    // What the image sets.
    const image = await read("Dockerfile");
    for (const { name, containerPort } of ports) {
      const variable = name === "health" ? "METROPOLIS_HEALTH_PORT" : "METROPOLIS_PORT";
      expect(image).toContain(`${variable}=${containerPort} `);
    }
  });
});

const composed = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string().optional(),
      command: z.array(z.string()).optional(),
      environment: z.record(z.string(), z.string().nullable()),
      ports: z.array(z.string()).optional(),
      volumes: z.array(z.string()),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
      expose: z.array(z.string()).optional(),
      read_only: z.boolean().optional(),
      tmpfs: z.array(z.string()).optional(),
      stop_grace_period: z.string().optional(),
    }),
  ),
  volumes: z.record(z.string(), z.null()),
});

/** As Compose puts in what the environment says: the default of a variable that is not set. */
const interpolate = (value: string): string =>
  value.replaceAll(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind: string, other: string) =>
    kind === "-" ? other : `a-${name}`,
  );

async function compose(path: string): Promise<z.output<typeof composed>> {
  const file = parse(await read(path), { uniqueKeys: true }) as unknown;
  const text = JSON.stringify(file, (_, value: unknown) =>
    typeof value === "string" ? interpolate(value) : value,
  );
  return composed.parse(JSON.parse(text));
}

const minutes = (text: string): number => {
  expect(text).toMatch(/^\d+m$/);
  return Number.parseInt(text);
};

describe("the Compose examples", () => {
  it("is a setting of serve that names vLLM, and the model that it runs", async () => {
    const { services } = await compose("deploy/compose.yaml");
    const { metropolis, vllm } = services;
    const { command, settings } = serve(metropolis!.environment);
    const engine = (await readEngineServer(settings, command))!;
    expect(engine).toMatchObject({ dialect: "vllm", key: vllm!.environment.VLLM_API_KEY });
    const { hostname, port: at } = new URL(engine.url);
    expect(services[hostname]!.expose).toEqual([at]);
    expect(Object.keys(metropolis!.depends_on!)).toEqual([hostname]);
    expect(vllm!.command![0]).toBe(settings.model);
    expect(60 * minutes(metropolis!.stop_grace_period!)).toBeGreaterThan(settings.shutdownTimeout);
  });

  it("of a model in Metropolis itself is a setting of serve, which may write to what is mounted alone", async () => {
    const { services, volumes } = await compose("deploy/compose.local.yaml");
    const { metropolis } = services;
    const { settings } = serve(metropolis!.environment);
    expect(settings.engine).toBe("onnx");
    expect(60 * minutes(metropolis!.stop_grace_period!)).toBeGreaterThan(settings.shutdownTimeout);
    expect(metropolis).toMatchObject({ read_only: true, tmpfs: ["/tmp"] });
    const [[volume, mount], ...others] = metropolis!.volumes.map((one) => one.split(":")) as [
      [string, string],
    ];
    expect(others).toEqual([]);
    expect(Object.keys(volumes)).toEqual([volume]);
    // What the image sets.
    const image = await read("Dockerfile");
    expect(image).toContain(`HF_HOME=${mount}\n`);
    expect(metropolis!.ports!.map((one) => one.split(":").at(-1))).toEqual([
      /METROPOLIS_PORT=(\d+)/.exec(image)![1],
    ]);
  });
});

describe("docs/cluster.md", async () => {
  const text = await read("docs/cluster.md");
  const options = serveOptions();

  it("has every option of servers, with its variable and its default", () => {
    const named = options.filter((one) =>
      (["engine", ...ofServer] as readonly (keyof EngineOptions)[]).some(
        (name) => name === one.attributeName(),
      ),
    );
    expect(named).toHaveLength(1 + ofServer.length);
    for (const { long, envVar, defaultValue } of named) {
      const row = new RegExp(`^\\| \`${long}\` +\\| \`${envVar}\` +\\| (.*)\\|$`, "m").exec(text)?.[1];
      expect(row, long).toBeDefined();
      if (defaultValue !== undefined) expect(row).toContain(String(defaultValue));
    }
  });

  it("names options and variables that there are", () => {
    const known = new Set(options.flatMap(({ long, envVar }) => [long!, envVar!]));
    const variables = [...text.matchAll(/METROPOLIS_\w+/g)].map(([name]) => name);
    const engines = [...text.matchAll(/--engine[\w-]*/g)].map(([name]) => name);
    for (const name of [...variables, ...engines]) expect(known).toContain(name);
  });

  it("has every metric of servers, and no other", () => {
    const names: string[] = [];
    const maker = { gauge: vi.fn(), counter: vi.fn() };
    remoteMetrics(maker);
    for (const [name] of [...maker.gauge.mock.calls, ...maker.counter.mock.calls] as [string][])
      names.push(`metropolis_${name}`);
    const documented = [...text.matchAll(/metropolis_remote_\w+/g)].map(([name]) => name);
    expect(new Set(documented)).toEqual(new Set(names));
  });

  it("links to what there is", async () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path!);
    expect(links.length).toBeGreaterThan(2);
    for (const path of links.filter((one) => /\.\w+$/.test(one)))
      await expect(read(join("docs", path))).resolves.toBeTruthy();
  });
});
