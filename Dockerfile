# Two targets: `cpu` (the default) and `cuda`. The steps themselves are in scripts/lay-out-image.sh.
#
#   docker build -t metropolis .                       docker run -p 8000:8000 -v metropolis-models:/models metropolis
#   docker build -t metropolis:cuda --target cuda .    docker run --gpus all -p 8000:8000 -v metropolis-models:/models metropolis:cuda

FROM node:20-bookworm AS build
WORKDIR /source
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build

FROM build AS layout-cpu
RUN scripts/lay-out-image.sh /image cpu

FROM build AS layout-cuda
RUN scripts/lay-out-image.sh /image cuda

FROM nvidia/cuda:12.9.1-cudnn-runtime-ubuntu24.04 AS cuda
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=layout-cuda /image/app /app
COPY --from=layout-cuda --chown=1000:1000 /image/models /models
ENV NODE_ENV=production METROPOLIS_HOST=0.0.0.0 METROPOLIS_PORT=8000 METROPOLIS_HEALTH_PORT=8001 METROPOLIS_DEVICE=cuda HF_HOME=/models
USER 1000:1000
WORKDIR /app
VOLUME /models
EXPOSE 8000 8001
HEALTHCHECK --interval=15s --timeout=8s --start-period=120s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.METROPOLIS_HEALTH_PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]

FROM node:20-bookworm-slim AS cpu
COPY --from=layout-cpu /image/app /app
COPY --from=layout-cpu --chown=1000:1000 /image/models /models
ENV NODE_ENV=production METROPOLIS_HOST=0.0.0.0 METROPOLIS_PORT=8000 METROPOLIS_HEALTH_PORT=8001 HF_HOME=/models
USER 1000:1000
WORKDIR /app
VOLUME /models
EXPOSE 8000 8001
HEALTHCHECK --interval=15s --timeout=8s --start-period=60s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.METROPOLIS_HEALTH_PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]
